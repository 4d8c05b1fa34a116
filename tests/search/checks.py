"""What is compared besides single answers: refusals, and all that a connection heard."""

from __future__ import annotations

import httpx2

from tests.search.fresh import check_same
from tests.search.model.state import Json
from tests.search.model.streams import Connection
from tests.support.problems import STATUSES, check_problem
from tests.support.sockets import Socket


def check_refused(response: httpx2.Response, codes: tuple[str, ...], what: str) -> str:
    """Assert a problem document with one of these codes; gives the code."""
    assert response.status_code >= httpx2.codes.BAD_REQUEST, f"expected {codes}: {what}"
    code = str(response.json()["code"])
    assert code in codes, f"expected {codes}: {what}"
    assert response.status_code in STATUSES[code], what
    check_problem(response, response.status_code, code)
    return code


def check_stream(connection: Connection, socket: Socket) -> None:
    """Assert that a connection heard, of each room, what it was owed: all of it, in order, once."""
    heard: dict[str, list[Json]] = {}
    passing: dict[str, list[Json]] = {}
    for frame in socket.heard:
        if frame["type"] in {"typing", "read"}:
            passing.setdefault(frame["room_id"], []).append(frame)
        elif frame["type"] == "ack":
            if frame["result"].get("duplicate") is False:
                heard.setdefault(frame["result"]["message"]["room_id"], []).append(frame)
        elif frame["type"] == "room.joined":
            heard.setdefault(frame["room"]["id"], []).append(frame)
        elif "room_id" in frame:
            heard.setdefault(frame["room_id"], []).append(frame)
    owed = {room_id.value: frames for room_id, frames in connection.heard.items()}
    check_same(owed, heard, "what a connection heard")
    check_same({room_id.value: frames for room_id, frames in connection.passing.items()}, passing, "what passed by")
