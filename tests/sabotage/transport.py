"""Handshake and transport: rows 1 to 17, and the traps T12 and T13 in them."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_HANDSHAKE: Final = "api/ws/handshake.py"
_ENDPOINT: Final = "api/ws/endpoint.py"
_SESSIONS: Final = "api/store/sessions.py"
_SLOTS: Final = "api/ws/slots.py"
_HOSTS: Final = "api/middleware/hosts.py"
_LIMITS: Final = "api/middleware/rate_limit.py"
_RUNNER: Final = "api/server/runner.py"

_ON_HANDSHAKES: Final = "tests/server/test_handshake.py"
_ON_ORIGINS: Final = "tests/server/test_handshake_origin.py"
_ON_ADMISSION: Final = "tests/unit/ws/test_handshake.py"
_ON_REFUSED: Final = "tests/unit/ws/test_endpoint.py"
_ON_BODIES: Final = "tests/unit/middleware/test_bodies.py"
_ON_HTTP: Final = "tests/unit/server/test_http.py"
_ON_NO_REQUESTS: Final = "tests/server/test_unreadable_requests.py"
_ON_LOGS: Final = "tests/server/test_logs.py"
_ON_AMBIGUITY: Final = "tests/server/test_ambiguous_requests.py"
_ON_TICKETS: Final = "tests/server/test_tickets.py"
_ON_CALLERS: Final = "tests/architecture/test_one_caller.py"
_ON_UNREADABLE: Final = "tests/server/test_handshake_unreadable.py"
_ON_SLOTS: Final = "tests/unit/ws/test_slots.py"
_ON_RATES: Final = "tests/server/test_rate_limits.py"
_ON_HOSTS: Final = "tests/unit/middleware/test_hosts.py"
_ON_PASSWORDS: Final = "tests/unit/security/test_passwords.py"
_NEVER_NEAR: Final = f"{_ON_REFUSED}::test_who_is_refused_gets_no_101_and_never_comes_near_the_stream"
_NO_OTHER_ADDRESS: Final = f"{_ON_RATES}::test_without_a_proxy_no_header_makes_another_address"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["1", "T13"],
            "upgrade first and look afterwards",
            [
                Edit(
                    _ENDPOINT,
                    "            admission = await handshake.admit(websocket)\n",
                    "            await websocket.accept()\n            admission = await handshake.admit(websocket)\n",
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
                    "            _log_refusal(websocket, error)\n            raise\n",
                    "            await websocket.close(4401)\n            return\n",
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
                    "            path=shown_path(scope),\n",
                    '            path=scope["path"] + "?" + scope["query_string"].decode(),\n',
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
            ["11"],
            "believe what a body says of its size",
            [
                Edit(
                    "api/middleware/bodies.py",
                    "                    if size > self._bytes_max:\n",
                    "                    if size < 0:\n",
                )
            ],
            [f"{_ON_BODIES}::test_one_byte_more_is_refused_before_the_route_hears_of_it"],
        ),
        Sabotage(
            ["11"],
            "wait for a body as long as it takes",
            [Edit("api/middleware/bodies.py", "asyncio.timeout(self._seconds_max)", "asyncio.timeout(None)")],
            [f"{_ON_BODIES}::test_a_body_that_takes_too_long_is_refused_and_the_connection_ends"],
        ),
        Sabotage(
            ["11"],
            "serve what a client left in the middle of its body",
            [
                Edit(
                    "api/middleware/bodies.py",
                    "                        return None\n",
                    '                        return b"".join(parts)\n',
                )
            ],
            [f"{_ON_BODIES}::test_a_client_that_leaves_in_the_middle_of_its_body_has_asked_for_nothing"],
        ),
        Sabotage(
            ["11"],
            "wait at the server's end for a body that is half here",
            [
                Edit(
                    "api/server/http.py",
                    "            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, self._serving)\n",
                    "            self._end_after_answer()\n",
                )
            ],
            [f"{_ON_HTTP}::test_at_the_servers_end_a_request_that_is_still_on_its_way_is_refused"],
        ),
        Sabotage(
            ["11"],
            "read on although the body says that it is too large",
            [Edit("api/middleware/bodies.py", "if declared.isdigit() and int(declared) >", "if len(declared) >")],
            [f"{_ON_BODIES}::test_a_length_that_is_declared_too_large_is_refused_before_anything_is_read"],
        ),
        Sabotage(
            ["12"],
            "count the sockets of nobody",
            [Edit(_SLOTS, "self._taken[user_id] >= self._per_user_max", "self._taken[user_id] < 0")],
            [f"{_ON_SLOTS}::test_a_user_has_so_many_and_gets_them_back"],
        ),
        Sabotage(
            ["12"],
            "count no sockets in all",
            [Edit(_SLOTS, "if self._total >= self._total_max:", "if self._total < 0:")],
            [f"{_ON_SLOTS}::test_all_together_have_so_many"],
        ),
        Sabotage(
            ["12"],
            "keep a place when its connection was lost",
            [
                Edit(
                    _SLOTS,
                    "        finally:\n            self._total -= 1\n",
                    "        except BaseException:\n            raise\n        else:\n            self._total -= 1\n",
                )
            ],
            [f"{_ON_SLOTS}::test_a_place_comes_back_whatever_happened_in_it"],
        ),
        Sabotage(
            ["12"],
            "let one address knock as often as it likes",
            [Edit(_HANDSHAKE, '        self._limits.check(websocket.client.host if websocket.client else "")\n', "")],
            [f"{_ON_ADMISSION}::test_limits_are_looked_at_before_credentials"],
        ),
        Sabotage(
            ["13"],
            "let any number of hashes wait",
            [
                Edit(
                    "api/security/passwords.py",
                    "threading.BoundedSemaphore(threads + queue_max)",
                    "threading.BoundedSemaphore(threads + queue_max + 1_000_000)",
                )
            ],
            [f"{_ON_PASSWORDS}::test_past_the_queue_the_answer_is_unavailable_and_places_come_back"],
        ),
        Sabotage(
            ["13"],
            "hash in the event loop",
            [
                Edit(
                    "api/security/passwords.py",
                    "            future = self._executor.submit(work)\n",
                    "            future: Future[T] = Future()\n            future.set_result(work())\n",
                )
            ],
            [f"{_ON_PASSWORDS}::test_hashing_runs_beside_the_loop_in_at_most_so_many_threads"],
        ),
        Sabotage(
            ["14"],
            "believe X-Forwarded-For whoever sends it",
            [
                Edit(_RUNNER, "proxy_headers=bool(trusted_proxies)", "proxy_headers=True"),
                Edit(_RUNNER, "forwarded_allow_ips=list(trusted_proxies)", 'forwarded_allow_ips="*"'),
            ],
            [_NO_OTHER_ADDRESS],
        ),
        Sabotage(
            ["14"],
            "take the key of the limiter as its library does, from a header that anybody writes",
            [
                Edit(
                    _LIMITS,
                    "    return f\"address:{address_key(request.client.host if request.client else '')}\"\n",
                    '    client = request.client.host if request.client else ""\n'
                    '    return "address:" + address_key(request.headers.get("X_FORWARDED_FOR", client))\n',
                )
            ],
            [_NO_OTHER_ADDRESS],
        ),
        Sabotage(
            ["14"],
            "take the first of the addresses that a proxy hands on, which the client wrote",
            [Edit(_RUNNER, "forwarded_allow_ips=list(trusted_proxies)", 'forwarded_allow_ips="*"')],
            [f"{_ON_RATES}::test_behind_a_trusted_proxy_the_last_untrusted_address_counts"],
        ),
        Sabotage(
            ["15"],
            "take a Host as it comes",
            [
                Edit(
                    _HOSTS,
                    "        read = _HOST.fullmatch(hosts[0])\n",
                    '        read = re.fullmatch(r"(?P<name>.*)", hosts[0])\n',
                )
            ],
            [f"{_ON_HOSTS}::test_what_is_no_host_is_refused_with_a_list_and_without"],
        ),
        Sabotage(
            ["15"],
            "take the first of two hosts",
            [Edit(_HOSTS, "if read is None or len(hosts) > 1:", "if read is None:")],
            [f"{_ON_HOSTS}::test_two_hosts_are_one_too_many_even_if_they_are_the_same"],
        ),
        Sabotage(
            ["15"],
            "do without a Host",
            [Edit(_HOSTS, "return is_any_let_in and http_version == _WITHOUT_HOST", "return is_any_let_in")],
            [f"{_ON_HOSTS}::test_only_an_old_client_may_leave_the_host_out"],
        ),
        Sabotage(
            ["15"],
            "look at the Host of requests and not of handshakes",
            [Edit(_HOSTS, 'scope["type"] == "lifespan" or', 'scope["type"] != "http" or')],
            [f"{_ON_HOSTS}::test_a_handshake_is_refused_over_http_too"],
        ),
        Sabotage(
            ["15"],
            "read the path that the Host is a part of",
            [Edit("api/dependencies.py", "path=shown_path(request.scope)", "path=request.url.path")],
            [f"{_ON_CALLERS}::test_nobody_reads_the_url_that_is_put_together_from_the_host_header"],
        ),
        Sabotage(
            ["16"],
            "read requests leniently",
            [
                Edit(
                    "api/server/http.py",
                    "            self.parser.feed_data(data)\n",
                    "            self.parser.set_dangerous_leniencies(\n"
                    "                lenient_chunked_length=True, lenient_headers=True,\n"
                    "                lenient_transfer_encoding=True,\n"
                    "            )\n"
                    "            self.parser.feed_data(data)\n",
                )
            ],
            [f"{_ON_AMBIGUITY}::test_a_request_without_one_clear_end_is_refused_for_good[a folded line]"],
        ),
        Sabotage(
            ["16"],
            "answer what cannot be read in the library's words",
            [
                Edit(
                    "api/server/http.py",
                    "            self._refuse(HTTPStatus.BAD_REQUEST, None)\n",
                    '            self.send_400_response("Invalid HTTP request received.")\n',
                )
            ],
            [f"{_ON_NO_REQUESTS}::test_what_is_no_http_is_a_bad_request_and_one_line_in_the_log"],
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
