"""What a check gives."""

from api.cli.checks.finding import Finding, Level, fault, ok, skipped, warning


def test_each_level_has_its_maker() -> None:
    assert ok("a.b", "fine") == Finding("a.b", Level.OK, "fine", "")
    assert warning("a.b", "odd", "Look.") == Finding("a.b", Level.WARNING, "odd", "Look.")
    assert fault("a.b", "broken", "Mend it.") == Finding("a.b", Level.FAULT, "broken", "Mend it.")
    assert skipped("a.b", "not there") == Finding("a.b", Level.SKIPPED, "not there", "")
