"""What `chat talk` says to a person."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.cli.wording import describe_error, describe_event, describe_leaving, describe_message, describe_user
from chat_client import (
    ChatApiError,
    ChatClientError,
    CommandTimeoutError,
    ConnectionClosedError,
    Event,
    Message,
    RoomInfo,
    RoomLeft,
    ServerUnreachableError,
    SessionEndedError,
    UserRef,
)

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
ADA = UserRef("u1", "ada", "Ada")
BOB = UserRef("u2", "bob", "Robert")


def message(body: str = "hello", *, edited: bool = False, deleted: bool = False) -> Message:
    times = (NOW if edited else None, NOW if deleted else None)
    return Message("m1", "r1", 7, 7, ADA, body, None, NOW, *times)


def event(kind: str, *, actor: UserRef | None = ADA, **fields: object) -> Event:
    known: dict[str, object] = {"message": None, "room": None, "user": None, "role": None} | fields
    return Event(
        type=kind,
        room_id="r1",
        seq=7,
        epoch="e",
        at=NOW,
        actor=actor,
        replayed=False,
        **known,  # type: ignore[arg-type]
    )


def test_a_display_name_cannot_be_taken_for_another_user() -> None:
    assert describe_user(ADA) == "Ada"
    assert describe_user(BOB) == "Robert (@bob)"
    assert describe_user(UserRef("u3", "mallory", "Ada\x1b[0m")) == "Ada\ufffd[0m (@mallory)"


def test_messages() -> None:
    at = NOW.astimezone().strftime("%H:%M")
    assert describe_message(message()) == f"[{at}] Ada: hello"
    assert describe_message(message(edited=True)) == f"[{at}] Ada: hello (edited)"
    assert describe_message(message("", deleted=True)) == f"[{at}] Ada (deleted)"
    assert describe_message(message("\x1b[2J")) == f"[{at}] Ada: \ufffd[2J"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (event("message.edited", message=message("new")), "* Ada has edited a message: new"),
        (event("message.deleted", actor=BOB, message=message("")), "* Robert (@bob) has deleted a message of Ada."),
        (event("member.joined", user=ADA), "* Ada has joined."),
        (event("member.joined", user=BOB), "* Ada has added Robert (@bob)."),
        (event("member.left", user=ADA), "* Ada has left."),
        (event("member.removed", user=BOB), "* Ada has removed Robert (@bob)."),
        (event("member.banned", user=BOB), "* Ada has banned Robert (@bob)."),
        (event("member.unbanned", user=BOB), "* Ada has lifted the ban of Robert (@bob)."),
        (event("member.role_changed", user=BOB, role="owner"), "* Robert (@bob) is owner now."),
        (event("member.role_changed", actor=None, user=ADA, role="member"), "* Ada is member now."),
        (
            event("room.updated", room=RoomInfo("r1", "tea", "leaves", "public")),
            "* Ada has changed the room: it is tea (leaves) now.",
        ),
        (event("room.created", room=RoomInfo("r1", "tea", "", "public")), None),
        (event("something.new"), None),
        (event("member.something_new", user=BOB), None),
    ],
)
def test_events(told: Event, line: str | None) -> None:
    assert describe_event(told) == line


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("left", "* You have left tea."),
        ("removed", "* You were removed from tea."),
        ("banned", "* You were banned from tea."),
        ("deleted", "* tea was deleted."),
        ("missing", "* You are no longer in tea."),
    ],
)
def test_leaving(reason: str, line: str) -> None:
    assert describe_leaving(RoomLeft("r1", reason), "tea") == line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ServerUnreachableError("refused"), "No server answers at http://here."),
        (ChatApiError("invalid_credentials", "x"), "Wrong username or password."),
        (ChatApiError("username_taken", "x"), "This username is taken."),
        (ChatApiError("rate_limited", "x", retry_after_ms=4200), "That was too much at once; try again in 4 s."),
        (ChatApiError("forbidden", "You may not \x1b do this."), "You may not \ufffd do this."),
        (ChatApiError("something_new", ""), "something_new"),
        (
            ChatApiError(
                "validation_error", "x", errors=[{"loc": ["body", "password"], "msg": "too short", "type": "t"}]
            ),
            "password: too short.",
        ),
        (SessionEndedError("invalid_token", "x"), "Your session was ended. Start again to log in."),
        (ConnectionClosedError(4500, "session_revoked"), "Your session was ended. Start again to log in."),
        (ConnectionClosedError(4502, "account_suspended"), "This account is suspended."),
        (ConnectionClosedError(1006, ""), "The connection was closed (1006)."),
        (ConnectionClosedError(4001, "draining"), "The connection was closed (4001 draining)."),
        (CommandTimeoutError("3 messages are not sent"), "The server did not answer in time: 3 messages are not sent."),
        (ChatClientError("in words"), "in words"),
    ],
)
def test_errors(error: ChatClientError, words: str) -> None:
    assert describe_error(error, "http://here") == words
