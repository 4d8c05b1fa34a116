"""One socket's commands: their order, their answers, their faults."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from api.domain.errors import ChatError, ErrorCode
from api.log_events import LogEvent
from api.middleware.rate_limit import MessageLimits
from api.protocol.problems import CloseCode
from api.ws.faults import IN_A_ROW_MAX, RATE_LIMITED_MAX
from tests.unit.ws.desk import CLIENT, Desk, Frame, receive, text


def answered(frames: list[Frame]) -> list[tuple[str, str | None]]:
    return [(frame["type"], frame.get("id")) for frame in frames]


async def test_messages_take_their_numbers_and_their_answers_in_the_order_sent(desk: Desk) -> None:
    connection, wire = await desk.live()
    for number in range(50):
        receive(connection, "message.send", f"c{number}", room_id=desk.room, body=f"message {number}")
    frames = await wire.get(50)
    assert answered(frames) == [("ack", f"c{number}") for number in range(50)]
    assert [frame["result"]["message"]["seq"] for frame in frames] == list(range(3, 53))
    assert [event.seq for event in await desk.scene.log(desk.room)] == list(range(1, 53))


async def test_other_commands_are_answered_in_the_order_sent_each_once(desk: Desk) -> None:
    connection, wire = await desk.live()
    kinds = ("ping", "history.get", "read.mark", "typing.set")
    fields = {
        "ping": {},
        "history.get": {"room_id": desk.room, "after_seq": 0},
        "read.mark": {"room_id": desk.room, "seq": 1},
        "typing.set": {"room_id": desk.room, "typing": True},
    }
    for number in range(24):
        kind = kinds[number % len(kinds)]
        receive(connection, kind, f"c{number}", **fields[kind])
    assert answered(await wire.get(24)) == [("ack", f"c{number}") for number in range(24)]


async def test_a_command_sees_what_the_one_before_it_has_done(desk: Desk) -> None:
    connection, wire = await desk.live()
    receive(connection, "message.send", "c1", room_id=desk.room, body="hello")
    (ack,) = await wire.get(1)
    message_id = ack["result"]["message"]["id"]
    receive(connection, "message.edit", "c2", message_id=message_id, body="goodbye")
    receive(connection, "message.delete", "c3", message_id=message_id)
    receive(connection, "history.get", "c4", room_id=desk.room, after_seq=4)
    acks = {frame["id"]: frame["result"] for frame in await wire.get(6) if frame["type"] == "ack"}
    assert acks["c2"]["message"]["body"] == "goodbye"
    assert acks["c3"]["message"]["body"] == ""
    assert [item["type"] for item in acks["c4"]["items"]] == ["message.deleted"]


async def test_a_refused_command_is_answered_with_its_code(desk: Desk) -> None:
    stranger = await desk.scene.user("stranger")
    connection, wire = await desk.live(stranger)
    receive(connection, "message.send", "c1", room_id=desk.room, body="hello")
    receive(connection, "history.get", "c2", room_id=desk.room, after_seq=0)
    assert {frame["id"]: frame["code"] for frame in await wire.get(2)} == {"c1": "forbidden", "c2": "forbidden"}


class TestFaults:
    async def test_a_frame_that_is_no_command_is_answered_and_the_connection_lives(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        connection.frame_received(b"hello", text=True)
        connection.frame_received(b"\x00", text=False)
        receive(connection, "dance", "c1")
        receive(connection, "message.send", "c2")
        receive(connection, "ping", "c3")
        frames = await wire.get(5)
        assert [(frame.get("code"), frame["id"]) for frame in frames] == [
            ("invalid_frame", None),
            ("invalid_frame", None),
            ("unknown_type", "c1"),
            ("validation_error", "c2"),
            (None, "c3"),
        ]

    async def test_twenty_in_a_row_end_it_behind_the_last_answer(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        for _ in range(IN_A_ROW_MAX - 1):
            connection.frame_received(b"hello", text=True)
        assert wire.end() is None
        connection.frame_received(b"hello", text=True)
        assert len(wire.frames) == IN_A_ROW_MAX
        assert wire.end() == (CloseCode.TOO_MANY_ERRORS, "too_many_errors", 5)
        connection.frame_received(b"hello", text=True)
        assert (len(wire.frames), wire.closes) == (IN_A_ROW_MAX, 1)

    async def test_a_valid_command_starts_the_count_anew_even_if_it_is_refused(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        for _ in range(3):
            for _ in range(IN_A_ROW_MAX - 1):
                connection.frame_received(b"hello", text=True)
            receive(connection, "history.get", "c1", room_id=desk.ada.id, after_seq=0)
        await wire.get(3 * IN_A_ROW_MAX)
        assert wire.end() is None

    async def test_a_hundred_refusals_by_a_limit_end_it(self, desk: Desk) -> None:
        limits = MessageLimits(messages="1/minute", history=None, commands=None, stats=desk.stats)
        connection, wire = await desk.live(limits=limits)
        with capture_logs():
            for number in range(RATE_LIMITED_MAX):
                receive(connection, "message.send", f"c{number}", room_id=desk.room, body="hello")
            assert wire.end() is None
            receive(connection, "message.send", "last", room_id=desk.room, body="hello")
        assert wire.end() == (CloseCode.RATE_LIMITED, "rate_limited", 5)
        refusals = [frame for frame in wire.frames if frame["type"] == "error"]
        assert len(refusals) == RATE_LIMITED_MAX
        assert {frame["code"] for frame in refusals} == {"rate_limited"}
        assert all(0 < frame["retry_after_ms"] <= 60_000 for frame in refusals)

    async def test_a_limit_is_looked_at_before_any_effect(self, desk: Desk) -> None:
        limits = MessageLimits(messages="1/minute", history=None, commands=None, stats=desk.stats)
        connection, wire = await desk.live(limits=limits)
        with capture_logs() as lines:
            for number in range(3):
                receive(connection, "message.send", f"c{number}", room_id=desk.room, body="hello")
            receive(connection, "ping", "c3")
            await wire.get(4)
        assert len(await desk.scene.log(desk.room)) == 3
        named = [(line["event"], line["limit"], line["user_id"], line["client"]) for line in lines]
        assert named == [("rate_limit.exceeded", "messages", desk.ada.id, CLIENT)] * 2

    async def test_a_refusal_by_a_limit_is_logged_in_the_connections_name(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frames come in from the transport, which knows nothing of who is at its other end."""
        limits = MessageLimits(messages=None, history=None, commands="1/minute", stats=desk.stats)
        with structlog.contextvars.bound_contextvars(connection_id="c1"):
            connection, wire = await desk.live(limits=limits)
        named: list[object] = []
        monkeypatch.setattr(
            LogEvent, "emit", lambda *_args, **_fields: named.append(dict(structlog.contextvars.get_contextvars()))
        )
        for frame in (text({"type": "ping", "id": "c1"}), b"no JSON", text({"type": "ping", "id": "c2"})):
            connection.frame_received(frame, text=True)
        await wire.get(3)
        assert named == [{"connection_id": "c1"}] * 2

    async def test_a_command_that_breaks_is_an_internal_error_and_the_connection_lives(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*_arguments: object) -> int:
            raise LookupError("secret")

        monkeypatch.setattr(desk.messages, "mark_read", broken)
        connection, wire = await desk.live()
        with capture_logs() as logs:
            receive(connection, "read.mark", "c1", room_id=desk.room, seq=1)
            receive(connection, "ping", "c2")
            frames = await wire.get(2)
        assert [(frame["type"], frame["id"], frame.get("code")) for frame in frames] == [
            ("error", "c1", "internal_error"),
            ("ack", "c2", None),
        ]
        assert "secret" not in str(frames)
        assert [(line["event"], line["type"], line["connection_id"]) for line in logs] == [
            ("command.failed", "read.mark", connection.id)
        ]

    @pytest.mark.parametrize("error", [ChatError(ErrorCode.UNAVAILABLE, "full"), RuntimeError("a fault")])
    async def test_a_message_that_cannot_even_be_queued_is_answered_and_owed_no_more(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def refuse(_append: object) -> None:
            raise error

        connection, wire = await desk.live(frames_max=4)
        with monkeypatch.context() as patch, capture_logs():
            patch.setattr(desk.scene.store, "submit", refuse)
            for number in range(3):
                receive(connection, "message.send", f"c{number}", room_id=desk.room, body="hello")
                await wire.get(number + 1)
        assert {frame["code"] for frame in wire.frames} <= {"unavailable", "internal_error"}
        assert wire.reads(), "no answer is owed"
        async with asyncio.timeout(1):
            await connection.drain(1000)
        assert not desk.manager._origins


class TestTokens:
    async def test_a_newer_token_of_the_same_session_lets_it_live_on(self, desk: Desk) -> None:
        connection, wire = await desk.live()
        connection.session_id = await desk.session(desk.ada)
        desk.scene.clock.advance(600)
        until = connection.deadlines.expires_at_ms
        token, _ = desk.tokens.issue(desk.ada.id, connection.session_id)
        receive(connection, "token.refresh", "c1", access_token=token)
        (ack,) = await wire.get(1)
        assert ack["type"] == "ack"
        assert connection.deadlines.expires_at_ms // 1000 == until // 1000 + 600

    @pytest.mark.parametrize("whose", ["another session", "another user", "nobody"])
    async def test_any_other_token_is_invalid(self, desk: Desk, whose: str) -> None:
        connection, wire = await desk.live()
        connection.session_id = await desk.session(desk.ada)
        until = connection.deadlines.expires_at_ms
        user = desk.bob if whose == "another user" else desk.ada
        token, _ = desk.tokens.issue(user.id, await desk.session(user))
        receive(connection, "token.refresh", "c1", access_token="junk" if whose == "nobody" else token)
        (error,) = await wire.get(1)
        assert error["code"] == "invalid_token"
        assert token not in text(error).decode()
        assert connection.deadlines.expires_at_ms == until
