"""The workshop itself: a sabotage that changes nothing, or everything, is told from one that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sabotage.sabotage import Edit
from tests.sabotage.workshop import Outcome, Workshop

FILE = "api/security/tickets.py"
TESTS = "tests/unit/security/test_tickets.py"


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Give a copy that the tests below leave as it is, but the last."""
    return Workshop(tmp_path_factory.mktemp("workshop") / "copy")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("no such line", "", "0 times"),
        ("def ", "async def ", "times"),
        ("_SECRET_BYTES = 32", "_SECRETS = 32", "Undefined name"),
        ("_SECRET_BYTES = 32", "_SECRET_BYTES = = 32", "invalid-syntax"),
    ],
    ids=["gone", "there more than once", "a name is missing", "no Python"],
)
def test_a_change_that_proves_nothing_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        Workshop(tmp_path / "copy").apply(Edit(FILE, old, new))


def test_the_tests_run_on_the_copy_and_not_on_what_is_around_it(workshop: Workshop) -> None:
    node_id = f"{TESTS}::test_a_secret_is_known_by_its_hash_alone"
    assert workshop.run([node_id]).code == 0
    workshop.apply(Edit(FILE, "hashlib.sha256(", "hashlib.sha512("))
    broken = workshop.run([node_id])
    assert broken.code == 1, broken.output
    assert broken.has_failed(node_id)


def test_no_such_test_is_no_failed_test(workshop: Workshop) -> None:
    outcome = workshop.run([f"{TESTS}::test_that_is_not_there"])
    assert outcome.code not in {0, 1}


def test_only_the_test_that_failed_counts_as_failed() -> None:
    outcome = Outcome(
        1, "FAILED a.py::test_x[one two] - assert False\nERROR a.py::test_z - died\nFAILED a.py::test_yes"
    )
    assert outcome.has_failed("a.py::test_x")
    assert outcome.has_failed("a.py::test_x[one two]")
    assert outcome.has_failed("a.py::test_yes")
    for other in ("a.py::test_", "a.py::test_x[one]", "a.py::test_y", "a.py::test_z", "b.py::test_x"):
        assert not outcome.has_failed(other)
