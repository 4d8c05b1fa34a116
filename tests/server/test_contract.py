"""Every row, command, push, event, error code and close code of the wire contract is shown by a test over real sockets.

A test says what it shows by `@pytest.mark.wire("...")`; this one reads those marks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROUTES: Final = """
POST /v1/auth/signup
POST /v1/auth/login
POST /v1/auth/refresh
POST /v1/auth/logout
POST /v1/auth/password
GET /v1/auth/sessions
DELETE /v1/auth/sessions/{session_id}
POST /v1/auth/ws-ticket
GET /v1/users/me
PATCH /v1/users/me
DELETE /v1/users/me
GET /v1/users/{user_id}
GET /v1/users
GET /v1/rooms
POST /v1/rooms
GET /v1/rooms/{room_id}
PATCH /v1/rooms/{room_id}
DELETE /v1/rooms/{room_id}
GET /v1/rooms/{room_id}/members
PUT /v1/rooms/{room_id}/members/{user_id}
DELETE /v1/rooms/{room_id}/members/{user_id}
GET /v1/rooms/{room_id}/bans
PUT /v1/rooms/{room_id}/bans/{user_id}
DELETE /v1/rooms/{room_id}/bans/{user_id}
POST /v1/rooms/{room_id}/messages
GET /v1/rooms/{room_id}/messages
GET /v1/rooms/{room_id}/events
PATCH /v1/messages/{message_id}
DELETE /v1/messages/{message_id}
PUT /v1/rooms/{room_id}/read
GET /healthz
GET /readyz
GET /metrics
GET /docs
GET /openapi.json
GET /docs/ws
GET /asyncapi.json
GET /v1/ws
""".strip().splitlines()
COMMANDS: Final = "message.send message.edit message.delete history.get read.mark typing.set token.refresh ping ack"
PUSHES: Final = "welcome heartbeat token.expiring server.draining room.joined room.left typing read"
EVENTS: Final = (
    "room.created room.updated room.deleted member.joined member.left member.removed member.banned member.unbanned"
    " member.role_changed message.created message.edited message.deleted"
)
CODES: Final = (
    "bad_request missing_token invalid_token token_expired session_revoked invalid_ticket invalid_credentials"
    " refresh_token_reused forbidden banned account_suspended origin_not_allowed not_found method_not_allowed"
    " username_taken room_name_taken too_many_rooms last_owner idempotency_conflict resync_required too_large"
    " validation_error rate_limited connection_limit unavailable draining invalid_frame unknown_type"
)
# internal_error and 4000 need a fault of the program: tests/unit put one in (middleware/test_errors, ws/test_endpoint).
CLOSES: Final = [f"close {code}" for code in (4001, 4002, 4003, 4004, 4005, 4500, 4501, 4502, 1002, 1007, 1009)]
ALSO: Final = {"slow_consumer", "too_many_errors"}  # words that close codes have as their reason


def test_every_name_of_the_contract_is_marked_at_a_test_and_no_other() -> None:
    wanted = {*ROUTES, *CLOSES, *f"{COMMANDS} {PUSHES} {EVENTS} {CODES}".split()}
    marked: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        if path != Path(__file__):
            marked |= set(re.findall(r'mark\.wire\(\s*"([^"]+)"', path.read_text()))
    assert wanted - marked == set(), "nothing shows these"
    assert marked - wanted - ALSO == set(), "the contract knows no such names"
