"""The handshake: rows 1 to 7 and 17, and the traps T12 and T13 in them."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_HANDSHAKE: Final = "api/ws/handshake.py"
_ENDPOINT: Final = "api/ws/endpoint.py"
_SESSIONS: Final = "api/store/sessions.py"

_ON_HANDSHAKES: Final = "tests/server/test_handshake.py"
_ON_ORIGINS: Final = "tests/server/test_handshake_origin.py"
_ON_ADMISSION: Final = "tests/unit/ws/test_handshake.py"
_ON_REFUSED: Final = "tests/unit/ws/test_endpoint.py"
_ON_NO_REQUESTS: Final = "tests/server/test_unreadable_requests.py"
_ON_LOGS: Final = "tests/server/test_logs.py"
_ON_UNREADABLE: Final = "tests/server/test_handshake_unreadable.py"
_NEVER_NEAR: Final = f"{_ON_REFUSED}::test_who_is_refused_gets_no_101_and_never_comes_near_the_stream"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["1", "T13"],
            "upgrade first and look afterwards",
            [
                Edit(
                    _ENDPOINT,
                    "        admission = await handshake.admit(websocket)\n",
                    "        await websocket.accept()\n        admission = await handshake.admit(websocket)\n",
                )
            ],
            [_NEVER_NEAR],
        ),
        Sabotage(
            ["T13"],
            "close before the upgrade, where the answer has no words",
            [
                Edit(
                    _ENDPOINT,
                    "        admission = await handshake.admit(websocket)\n",
                    "        try:\n            admission = await handshake.admit(websocket)\n"
                    "        except ChatError:\n            await websocket.close(4401)\n            return\n",
                )
            ],
            [_NEVER_NEAR],
        ),
        Sabotage(
            ["2"],
            "tell something of the token that was refused",
            [
                Edit(
                    "api/security/tokens.py",
                    'raise ChatError(ErrorCode.INVALID_TOKEN, "The access token is not valid.")',
                    'raise ChatError(ErrorCode.INVALID_TOKEN, f"A token of {len(token)} characters is not valid.")',
                )
            ],
            ["tests/server/test_tokens.py::test_no_refusal_tells_what_is_wrong_with_a_token"],
        ),
        Sabotage(
            ["3"],
            "compare only how an origin begins",
            [
                Edit(
                    _HANDSHAKE,
                    "    if origin in allowed_origins:\n",
                    "    if any(origin.startswith(one) for one in allowed_origins):\n",
                )
            ],
            [f"{_ON_ADMISSION}::test_others_may_not"],
        ),
        Sabotage(
            ["3"],
            "take a page of this host by its name alone",
            [Edit(_HANDSHAKE, "    return parts.scheme, parts.hostname, port\n", '    return "", parts.hostname, 0\n')],
            [f"{_ON_ADMISSION}::test_others_may_not"],
        ),
        Sabotage(
            ["3"],
            "believe the first of two origins",
            [Edit(_HANDSHAKE, "not (len(origins) == 1 and _is_allowed(", "not (_is_allowed(")],
            [f"{_ON_ADMISSION}::test_two_origins_are_none"],
        ),
        Sabotage(
            ["3"],
            "look at the origin after the credential",
            [
                Edit(
                    _HANDSHAKE,
                    "        check_way_in(websocket, self._allowed_origins, is_draining=self._is_draining())\n",
                    "",
                ),
                Edit(
                    _HANDSHAKE,
                    "        bind_user(principal.user.id)\n",
                    "        check_way_in(websocket, self._allowed_origins, is_draining=self._is_draining())\n",
                ),
            ],
            [f"{_ON_ORIGINS}::test_the_origin_is_looked_at_before_any_credential"],
        ),
        Sabotage(
            ["4"],
            "let a cookie in",
            [
                Edit(
                    _HANDSHAKE,
                    'websocket.headers.get("authorization", "").partition(" ")',
                    '("Bearer " + websocket.cookies.get("token", "")).partition(" ")',
                )
            ],
            [f"{_ON_HANDSHAKES}::test_without_a_credential_there_is_no_upgrade[cookie]"],
        ),
        Sabotage(
            ["5"],
            "take an access token out of the query",
            [
                Edit(
                    _HANDSHAKE,
                    '        ticket = websocket.query_params.get("ticket")\n',
                    '        token = websocket.query_params.get("access_token", "")\n'
                    "        if token:\n"
                    '            return await self._authenticator.authenticate(token), "ticket"\n'
                    '        ticket = websocket.query_params.get("ticket")\n',
                )
            ],
            [f"{_ON_ADMISSION}::test_nothing_else_is_a_credential"],
        ),
        Sabotage(
            ["5"],
            "write the query string into the log",
            [
                Edit(
                    "api/middleware/context.py",
                    "        path=shown_path(scope),\n",
                    '        path=scope["path"] + "?" + scope["query_string"].decode(),\n',
                )
            ],
            [f"{_ON_LOGS}::test_a_request_leaves_exactly_one_line"],
        ),
        Sabotage(
            ["5", "T12"],
            "let the library write what it likes of a handshake",
            [
                Edit("api/server/handshake.py", "logger.setLevel(logging.WARNING)", "logger.setLevel(logging.INFO)"),
                Edit("config/logging.py", "    '%s - \"WebSocket %s\" [accepted]',\n", ""),
                Edit("config/logging.py", "return log_lines.without_query(text.strip())", "return text.strip()"),
            ],
            [f"{_ON_LOGS}::test_a_log_holds_what_the_catalogue_says_and_nothing_that_a_client_keeps_to_himself"],
        ),
        Sabotage(
            ["6"],
            "select the first protocol that is offered, token or not",
            [Edit(_HANDSHAKE, "SUBPROTOCOL if offered else None", "offered[0] if offered else None")],
            [f"{_ON_ADMISSION}::test_there_are_three_ways_in"],
        ),
        Sabotage(
            ["7"],
            "read a ticket and leave it there",
            [
                Edit(_SESSIONS, "            delete(tickets)\n", "            select(tickets)\n"),
                Edit(_SESSIONS, ".returning(tickets.c.session_id, ", ".with_only_columns(tickets.c.session_id, "),
            ],
            [f"{_ON_ADMISSION}::test_a_ticket_is_good_once_and_for_its_time"],
        ),
        Sabotage(
            ["17"],
            "answer another version as the library does",
            [
                Edit(
                    "api/server/handshake.py",
                    "        return HTTPStatus.UPGRADE_REQUIRED.value\n",
                    "        return int(status)\n",
                )
            ],
            [f"{_ON_NO_REQUESTS}::test_a_handshake_that_is_none_is_told_so"],
        ),
        Sabotage(
            ["17"],
            "serve what comes before the 101 as if it came after it",
            [
                Edit(
                    "api/server/handshake.py",
                    "if self.handshake_initiated and not self.handshake_complete:",
                    "if self.handshake_initiated and self.handshake_complete is None:",
                )
            ],
            ["tests/unit/server/test_websocket_reading.py::test_bytes_from_before_the_101_wait_for_it"],
        ),
        Sabotage(
            ["17"],
            "leave a handshake that nobody can read without an answer",
            [
                Edit(
                    "api/server/handshake.py",
                    "            self._refuse_unreadable()\n            return\n",
                    "            return\n",
                )
            ],
            [f"{_ON_UNREADABLE}::test_an_unreadable_handshake_is_answered_at_once_and_logged[with a body]"],
        ),
    ],
    without={},
)
