"""Who sent a message: he gets one answer, and nothing is owed to him behind it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from api.domain.errors import not_found
from api.domain.models import Message
from api.protocol import frames
from api.ws.origin import SocketOrigin
from tests.unit.ws.desk import Desk


async def the_message(desk: Desk) -> Message:
    append = desk.scene.submit(desk.ada, desk.room, "hello")
    await desk.scene.store.write(lambda _unit: None)
    assert append.message is not None
    return append.message


@pytest.mark.parametrize("how", ["ack", "error", "a fault"])
async def test_there_is_one_answer_and_nothing_is_owed_behind_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def broken(*_arguments: object, **_options: object) -> bytes:
        raise LookupError("a fault")

    message = await the_message(desk)
    connection, wire = await desk.live()
    origin = SocketOrigin(connection, "c1", 100)
    connection._owe(1, origin.owed_bytes)
    with monkeypatch.context() as patch, capture_logs() as logs:
        if how == "a fault":
            patch.setattr(frames, "message_ack", broken)
        if how == "error":
            origin.fail(not_found("room"))
        else:
            origin.settle(message, duplicate=False)
        connection.outbox.flush()
    assert (connection._sends_owed, connection._sent_bytes_owed) == (0, 0)
    if how == "a fault":
        assert (wire.frames, [line["step"] for line in logs]) == ([], ["ack"])
        assert wire.end() is not None
    else:
        assert [(frame["type"], frame["id"]) for frame in wire.frames] == [(how, "c1")]
        assert (wire.end(), logs) == (None, [])
