"""What a Prometheus server sees of a node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

_NAME: Final = re.compile(r"(chat|process)(_[a-z0-9]+)+")
_LABEL: Final = re.compile(r"[a-z][a-z0-9_]*")
# Of Prometheus' base units only these are measured here.
_OTHER_UNITS: Final = re.compile(r"_(ms|milliseconds|us|minutes|kb|kib|mb|kilobytes|percent)(_|$)")

Series = tuple[str, tuple[tuple[str, str], ...]]


class Scrape:
    """One answer of `/metrics`, parsed as Prometheus' own library does."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families: dict[str, Metric] = {family.name: family for family in text_string_to_metric_families(text)}
        self.values: dict[Series, float] = {}
        for family in self.families.values():
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in self.values, f"{key} is there twice"
                self.values[key] = sample.value

    def __getitem__(self, name: str) -> float:
        """Give the value of a series without labels."""
        return self.values[name, ()]

    def value(self, name: str, **labels: str) -> float:
        """Give the value of one series."""
        return self.values[name, tuple(sorted(labels.items()))]

    def where(self, name: str) -> Mapping[tuple[str, ...], float]:
        """Give the values above zero of a metric, by the values of its labels in the order of their names."""
        return {
            tuple(value for _, value in labels): number
            for (series, labels), number in self.values.items()
            if series == name and number
        }

    def since(self, before: Scrape, name: str) -> Mapping[tuple[str, ...], float]:
        """Give by how much a metric has grown, where it has."""
        then = before.where(name)
        grown = {key: number - then.get(key, 0) for key, number in self.where(name).items()}
        return {key: number for key, number in grown.items() if number}


def check_conventions(scrape: Scrape) -> None:
    """Assert what `promtool check metrics` asks for, and that a histogram is one."""
    lines = scrape.text.splitlines()
    assert scrape.text.endswith("\n")
    for family in scrape.families.values():
        exposed = f"{family.name}_total" if family.type == "counter" else family.name
        assert _NAME.fullmatch(family.name), family.name
        assert not _OTHER_UNITS.search(family.name), f"{family.name}: use the base unit"
        assert not re.search(r"counter|gauge|histogram|metric", family.name), family.name
        assert lines.count(f"# HELP {exposed} {family.documentation}") == 1, exposed
        assert lines.count(f"# TYPE {exposed} {family.type}") == 1, exposed
        assert family.type in {"counter", "gauge", "histogram"}, exposed
        assert re.fullmatch(r"[A-Z0-9].{10,}\.", family.documentation), f"{exposed}: {family.documentation!r}"
        assert family.type == "counter" or not family.name.endswith(("_total", "_count", "_sum", "_bucket")), exposed
        for sample in family.samples:
            assert all(_LABEL.fullmatch(label) for label in sample.labels), sample
            assert "le" not in sample.labels or sample.name.endswith("_bucket"), sample
            assert sample.value >= 0, sample
        if family.type == "histogram":
            _check_histogram(scrape, family)


def _check_histogram(scrape: Scrape, family: Metric) -> None:
    assert family.name.endswith("_seconds"), family.name
    buckets: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    for sample in family.samples:
        if sample.name.endswith("_bucket"):
            labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
            buckets.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
    for labels, found in buckets.items():
        bounds, counts = zip(*found, strict=True)
        assert list(bounds) == sorted(set(bounds)), family.name
        assert bounds[-1] == float("inf"), family.name
        assert list(counts) == sorted(counts), family.name
        assert scrape.values[f"{family.name}_count", labels] == counts[-1], family.name
        assert scrape.values[f"{family.name}_sum", labels] >= 0, family.name
