"""Traps of the libraries that no row of the table is about: T1, T2, T5, T6, T8."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_SOCKET: Final = "api/server/websocket.py"
_ON_APPENDS: Final = "tests/unit/store/test_append_sqlite.py"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["T1"],
            "count the messages of all rooms together, as a sequence of the database would",
            [
                Edit(
                    "api/store/append_sqlite.py",
                    "        room.last_seq += 1\n",
                    "        room.last_seq = max(one.last_seq for one in rooms.values()) + 1\n",
                )
            ],
            [f"{_ON_APPENDS}::test_each_room_counts_for_itself_in_one_batch"],
        ),
        Sabotage(
            ["T1"],
            "take a number for a message that is refused",
            [
                Edit(
                    "api/store/append_sqlite.py",
                    "            append.error = _refusal(db, append, room)\n",
                    "            append.error = _refusal(db, append, room)\n"
                    "            if room is not None:\n                room.last_seq += 1\n",
                )
            ],
            [f"{_ON_APPENDS}::test_refusals_take_no_number"],
        ),
        Sabotage(
            ["T2"],
            "believe that the bus tells everything",
            [
                Edit(
                    "api/broadcast/followed.py",
                    "                followed.notice(last_seq)\n",
                    "",
                )
            ],
            [
                "tests/unit/broadcast/test_schedules.py::test_everybody_sees_one_order_without_gap_or_duplicate_while_a_member"
            ],
        ),
        Sabotage(
            ["T2"],
            "deliver what comes without looking for what is missing before it",
            [
                Edit(
                    "api/broadcast/dispatcher.py",
                    "        if event.seq == self.head + 1:\n            self._deliver(event)\n        else:\n",
                    "        if event.seq > self.head:\n            self._deliver(event)\n        else:\n",
                )
            ],
            [
                "tests/unit/broadcast/test_schedules.py::test_everybody_sees_one_order_without_gap_or_duplicate_while_a_member"
            ],
        ),
        Sabotage(
            ["T5"],
            "wait for a stalled reader as long as it likes",
            [Edit(_SOCKET, "        self._abort_after(grace_s)\n", "")],
            ["tests/unit/server/test_websocket_end.py::test_a_peer_that_does_not_answer_is_cut_off_after_the_grace"],
        ),
        Sabotage(
            ["T5"],
            "leave the kernel's buffers to the kernel",
            [Edit(_SOCKET, '        set_socket_options(self.transport.get_extra_info("socket"))\n', "")],
            ["tests/unit/server/test_tcp.py::test_every_websocket_gets_them"],
        ),
        Sabotage(
            ["T6"],
            "write without looking whether the peer reads",
            [Edit(_SOCKET, "        self.transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)\n", "")],
            ["tests/unit/server/test_websocket_writing.py::test_the_transport_asks_for_a_pause_above_64_kib"],
        ),
        Sabotage(
            ["T8"],
            "expect of every frame that it is text",
            [
                Edit(
                    "api/middleware/validation.py",
                    "    if not text:\n",
                    "    if not text and data == b'':\n",
                )
            ],
            ["tests/unit/middleware/test_validation.py::test_binary_frames_are_not_understood"],
        ),
        Sabotage(
            ["T8"],
            "let a failing join end as it likes",
            [
                Edit(
                    "api/ws/endpoint.py",
                    '            connection.break_off("join", error)\n',
                    "            raise error\n",
                )
            ],
            ["tests/unit/ws/test_endpoint.py::test_a_join_that_fails_closes_the_connection_with_4000"],
        ),
    ],
    without={},
)
