"""Rooms: rows 40 to 48."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_ACCESS: Final = "api/services/access.py"
_MEMBERS: Final = "api/services/members.py"
_MESSAGES: Final = "api/services/messages.py"
_APPEND: Final = "api/store/append_sqlite.py"
_UNIT_ACCESS: Final = "tests/unit/services/test_access.py"
_PERMISSIONS: Final = "tests/server/test_permissions.py"
_EVERYBODY: Final = f"{_PERMISSIONS}::test_everybody_may_what_the_table_says_and_a_refusal_leaves_no_trace"
_EVASION: Final = "tests/server/test_ban_evasion.py::test_no_other_way_in_gets_around_a_ban"
_RACES: Final = "tests/unit/ws/test_races.py"
_BAN_RACE: Final = f"{_RACES}::test_a_ban_in_the_middle_of_a_flood_has_one_place_for_all_of_its_effects"
_IDEMPOTENCY: Final = "tests/server/test_idempotency.py"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["40"],
            "tell a stranger of a private room",
            [
                Edit(
                    _ACCESS,
                    'if room.me is None and not is_public:\n        raise not_found("room")',
                    'if room.me is None and not is_public:\n        raise forbidden("This room is private.")',
                )
            ],
            [
                f"{_PERMISSIONS}::test_a_private_room_answers_as_an_id_that_nothing_has",
                f"{_UNIT_ACCESS}::test_everybody_may_what_the_table_says",
            ],
        ),
        Sabotage(
            ["40", "42"],
            "let a stranger read a public room's log",
            [
                Edit(
                    _MESSAGES,
                    "room = access.member(rows, room_id, user).room\n            if (epoch",
                    "room = access.standing(rows, room_id, user).room\n            if (epoch",
                )
            ],
            [f"{_EVERYBODY}[public]"],
        ),
        Sabotage(
            ["41"],
            "take a message of somebody who is no member",
            [
                Edit(
                    _APPEND,
                    "author = authors.get((append.room_id, author_id))",
                    "author = authors.get((append.room_id, author_id), append.author.ref)",
                )
            ],
            [f"{_EVERYBODY}[public]"],
        ),
        Sabotage(
            ["41"],
            "let an author edit in a room that he has left",
            [
                Edit(
                    _MESSAGES,
                    "access.member(unit, message.room_id, user)\n            if message.author.id != user.id:",
                    "if message.author.id != user.id:",
                )
            ],
            [f"{_EVERYBODY}[private]"],
        ),
        Sabotage(
            ["41"],
            "show a stranger's typing",
            [
                Edit(
                    _MESSAGES,
                    "await self._store.read(lambda rows: access.member(rows, room_id, user))",
                    "await self._store.read(lambda rows: access.standing(rows, room_id, user))",
                )
            ],
            [f"{_EVERYBODY}[public]"],
        ),
        Sabotage(
            ["43"],
            "leave who is banned in the room",
            [
                Edit(
                    _MEMBERS,
                    "unit.members.remove(room_id, user_id)\n            unit.members.ban(",
                    "unit.members.ban(",
                )
            ],
            [_BAN_RACE],
        ),
        Sabotage(
            ["43"],
            "show on to who is banned",
            [Edit("api/broadcast/dispatcher.py", "self._dismiss(theirs, DEPARTURES[event.type])", "len(theirs)")],
            [_BAN_RACE],
        ),
        Sabotage(
            ["44"],
            "let a banned user join again",
            [
                Edit(
                    _MEMBERS,
                    'if unit.members.is_banned(room.id, user_id):\n                raise _banned("You',
                    'if unit.members.is_banned(room.id, user_id) and role:\n                raise _banned("You',
                )
            ],
            [f"{_EVASION}[public-banned]"],
        ),
        Sabotage(
            ["44"],
            "let a friend add a banned user",
            [
                Edit(
                    _MEMBERS,
                    'if unit.members.is_banned(room.id, user_id):\n                raise _banned("This',
                    'if unit.members.is_banned(room.id, user_id) and role:\n                raise _banned("This',
                )
            ],
            [_EVASION],
        ),
        Sabotage(
            ["45"],
            "pass over unknown fields of commands",
            [
                Edit(
                    "api/ws/commands.py",
                    'ConfigDict(extra="forbid", frozen=True, strict=True',
                    'ConfigDict(extra="ignore", frozen=True, strict=True',
                )
            ],
            [
                "tests/server/test_forged_fields.py::test_a_field_that_is_the_servers_is_refused_at_every_door_and_changes_nothing"
            ],
        ),
        Sabotage(
            ["45"],
            "pass over unknown fields of bodies",
            [Edit("api/rest/schemas.py", 'ConfigDict(extra="forbid"', 'ConfigDict(extra="ignore"')],
            [
                "tests/server/test_forged_fields.py::test_a_field_that_is_the_servers_is_refused_at_every_door_and_changes_nothing"
            ],
        ),
        Sabotage(
            ["46"],
            "look a key up whoever used it",
            [
                Edit(_APPEND, "fresh.get((author_id, key)) or ", ""),
                Edit(_APPEND, "WHERE m.actor_id = ? AND m.idempotency_key", "WHERE ? != 0 AND m.idempotency_key"),
            ],
            [f"{_IDEMPOTENCY}::test_a_key_is_its_users_own"],
        ),
        Sabotage(
            ["47"],
            "take any message under a known key for the first one",
            [
                Edit(
                    _APPEND,
                    "if first.room_id == append.room_id and body_hash(first.id, append.body) == first_hash:",
                    "if first_hash:",
                )
            ],
            [f"{_IDEMPOTENCY}::test_another_body_or_room_is_a_conflict_and_changes_nothing"],
        ),
        Sabotage(
            ["48"],
            "ask for the role before the change instead of within it",
            [
                Edit(
                    _MESSAGES,
                    "                access.moderator(unit, message.room_id, user)\n",
                    "                pass\n",
                ),
                Edit(
                    _MESSAGES,
                    "EventType.MESSAGE_DELETED, user.ref)\n\n        return await",
                    "EventType.MESSAGE_DELETED, user.ref)\n\n"
                    "        def early(rows: Snapshot) -> None:\n"
                    "            message = rows.log.message(message_id)\n"
                    "            if message is not None and message.author.id != user.id:\n"
                    "                access.moderator(rows, message.room_id, user)\n\n"
                    "        await self._store.read(early)\n        return await",
                ),
            ],
            [f"{_RACES}::test_a_role_holds_from_its_place_in_the_log_on"],
        ),
    ],
    without={},
)
