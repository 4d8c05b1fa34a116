"""Each push has a model, and the encoders write what it says."""

from __future__ import annotations

from typing import Any, get_args

import orjson
import pytest
from pydantic import BaseModel, ConfigDict

from api.domain.models import Membership, Role, Room, User, UserRole, Visibility
from api.protocol import frames
from api.protocol.pushes import PUSHES

NOW_MS = 1_795_324_320_123
ID, OTHER = "01980000-0000-7000-8000-000000000001", "01980000-0000-7000-8000-000000000002"
ADA = User(ID, "ada", "Ada", UserRole.USER, NOW_MS)
ROOM = Room(
    OTHER, "Tea", "", Visibility.PRIVATE, "e1", 4, 2, NOW_MS, is_default=False, me=Membership(Role.OWNER, 2, 1, NOW_MS)
)
LIMITS: dict[str, Any] = {"frame_bytes": 65_536, "body_chars": 4000, "messages": None}
BUDGET = {"count": 20, "window_seconds": 4}


def welcome(limits: dict[str, Any], *rooms: Room) -> bytes:
    return frames.welcome(
        ID, ADA, now_ms=NOW_MS, heartbeat_ms=25_000, token_expires_at_ms=NOW_MS, limits=limits, rooms=rooms
    )


@pytest.mark.parametrize(
    "payload",
    [
        welcome(LIMITS),
        welcome(LIMITS | {"messages": BUDGET}, ROOM, ROOM),
        frames.heartbeat(NOW_MS),
        frames.token_expiring(NOW_MS),
        frames.server_draining(1500),
        frames.room_joined(ROOM),
        *(frames.room_left(ID, reason) for reason in ("left", "removed", "banned", "deleted")),
        frames.typing(ID, ADA.ref, is_typing=False),
        frames.read(ID, ADA.ref, 7),
    ],
    ids=lambda payload: orjson.loads(payload)["type"],
)
def test_a_push_is_written_as_its_model_says(payload: bytes) -> None:
    frame = orjson.loads(payload)
    (model,) = [one for one in PUSHES if get_args(one.model_fields["type"].annotation) == (frame["type"],)]
    assert model(**frame).model_dump() == frame, "no field too many on either side"
    strict: type[BaseModel] = type("Strict", (model,), {"model_config": ConfigDict(extra="forbid", strict=True)})
    strict.model_validate(frame)
