"""Whatever happens between two steps of a way into the stream: nothing leaks, nothing is missed.

It happens before every answer of the database and the broker, one place after the other. What happens on the same node
has to come out right without the help of any ticker.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from api.broadcast.dispatcher import Dispatcher
from api.broadcast.joining import Joining
from tests.unit.broadcast import ways_in as ways
from tests.unit.broadcast.stores import Database
from tests.unit.broadcast.ways_in import Case

HERE, HERE_LATE, ELSEWHERE = (True, False), (True, True), (False, False)
WHERE = {"here": HERE, "here_late": HERE_LATE, "elsewhere": ELSEWHERE}

CASES = {
    f"{way_in.__name__}-{state.__name__}-{happening.__name__}-{where}": Case(way_in, state, happening, *flags)
    for way_in in (ways.connects, ways.is_let_into_a_room)
    for state in (ways.nobody_is_in_it, ways.somebody_is_in_it, ways.it_has_a_hole)
    for happening in (
        ways.sends,
        ways.guest_joins,
        ways.joins_another_room,
        ways.leaves,
        ways.leaves_and_comes_back,
        ways.is_banned,
        ways.room_is_deleted,
        ways.logs_out,
        ways.is_suspended,
        ways.line_is_lost,
    )
    for where, flags in WHERE.items()
    if flags == HERE or happening not in {ways.is_suspended, ways.line_is_lost}
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_nothing_leaks_and_nothing_is_missed(database: Database, case: Case) -> None:
    with capture_logs():
        assert await case.try_everywhere(database) > 1


# --- and every rule of the way in is needed


def hear_of_no_join_on_the_way(patch: pytest.MonkeyPatch) -> None:
    """Let a join between the look and the last step go by."""
    user_joined = Joining.user_joined

    def deaf(self: Joining, user_id: str, room_id: str) -> None:
        on_the_way, self._connections = self._connections, {}
        user_joined(self, user_id, room_id)
        self._connections = on_the_way

    patch.setattr(Joining, "user_joined", deaf)


def believe_in_the_first_look(patch: pytest.MonkeyPatch) -> None:
    """Let in by what the store said, whatever has been delivered since."""
    patch.setattr(Dispatcher, "is_current", lambda self, _user_id, _seq: self.is_active)


def know_all_of_the_past(patch: pytest.MonkeyPatch) -> None:
    """Take a change from before the dispatcher's time for one that never was."""
    patch.setattr(
        Dispatcher, "is_current", lambda self, user_id, seq: self.is_active and self._changed.get(user_id, 0) <= seq
    )


def forget_that_one_forgot(patch: pytest.MonkeyPatch) -> None:
    """Take the end of a room for nobody's departure."""
    patch.setattr(Dispatcher, "forget_changes", lambda self: self._changed.clear())


@pytest.mark.parametrize(
    ("sabotage", "case", "damage"),
    [
        (hear_of_no_join_on_the_way, "connects-nobody_is_in_it-joins_another_room-here", "not everything"),
        (believe_in_the_first_look, "connects-somebody_is_in_it-is_banned-here", "somebody who is not in it"),
        (know_all_of_the_past, "connects-nobody_is_in_it-is_banned-here_late", "somebody who is not in it"),
        (forget_that_one_forgot, "connects-somebody_is_in_it-room_is_deleted-here", "somebody who is not in it"),
    ],
)
async def test_the_checker_finds_the_damage(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    sabotage: Callable[[pytest.MonkeyPatch], None],
    case: str,
    damage: str,
) -> None:
    sabotage(monkeypatch)
    with capture_logs(), pytest.raises(AssertionError, match=damage):
        await CASES[case].try_everywhere(database)
