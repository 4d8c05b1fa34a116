"""Every defence is needed: without it the tests that docs/security.md names for it fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.rows import TOPICS
from tests.sabotage.sabotage import Sabotage, Topic
from tests.sabotage.workshop import RUN_SECONDS, Workshop

pytestmark = [pytest.mark.long, pytest.mark.timeout(RUN_SECONDS + 30)]

TESTS_FAILED = 1  # pytest's exit code; others say that it could not collect, or was stopped


@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_with_all_defences_in_place_the_tests_pass(tmp_path: Path, topic: Topic) -> None:
    """Without this the failures below would prove nothing."""
    tests = {test for sabotage in topic.sabotages for test in sabotage.tests}
    if not tests:
        pytest.skip("nothing is sabotaged here yet")
    outcome = Workshop(tmp_path / "copy").run(sorted(tests))
    assert outcome.code == 0, outcome.output


@pytest.mark.parametrize(
    "sabotage",
    [
        pytest.param(sabotage, id=f"{'+'.join(sabotage.rows)}: {sabotage.what}")
        for topic in TOPICS.values()
        for sabotage in topic.sabotages
    ],
)
def test_without_its_defence_an_attack_succeeds_and_its_tests_fail(tmp_path: Path, sabotage: Sabotage) -> None:
    workshop = Workshop(tmp_path / "copy")
    for edit in sabotage.edits:
        workshop.apply(edit)
    outcome = workshop.run(sabotage.tests)
    assert outcome.code == TESTS_FAILED, outcome.output
    unmoved = [test for test in sabotage.tests if not outcome.has_failed(test)]
    assert unmoved == [], outcome.output
