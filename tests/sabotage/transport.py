"""Transport: rows 11 to 16."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_HANDSHAKE: Final = "api/ws/handshake.py"
_SLOTS: Final = "api/ws/slots.py"
_HOSTS: Final = "api/middleware/hosts.py"
_LIMITS: Final = "api/middleware/rate_limit.py"
_RUNNER: Final = "api/server/runner.py"

_ON_ADMISSION: Final = "tests/unit/ws/test_handshake.py"
_ON_BODIES: Final = "tests/unit/middleware/test_bodies.py"
_MADE_TO_LOOK: Final = "test_a_client_that_looks_for_an_answer_only_when_it_cannot_send_is_made_to_look"
_ON_HTTP: Final = "tests/unit/server/test_http.py"
_ON_LINGERING: Final = f"{_ON_HTTP}::test_who_sends_on_behind_the_last_answer_is_read_for_a_moment_and_within_a_bound"
_ON_NO_REQUESTS: Final = "tests/server/test_unreadable_requests.py"
_ON_AMBIGUITY: Final = "tests/server/test_ambiguous_requests.py"
_ON_CALLERS: Final = "tests/architecture/test_one_caller.py"
_ON_SLOTS: Final = "tests/unit/ws/test_slots.py"
_ON_RATES: Final = "tests/server/test_rate_limits.py"
_ON_HOSTS: Final = "tests/unit/middleware/test_hosts.py"
_ON_PASSWORDS: Final = "tests/unit/security/test_passwords.py"
_NO_OTHER_ADDRESS: Final = f"{_ON_RATES}::test_without_a_proxy_no_header_makes_another_address"

TOPIC: Final = Topic(
    sabotages=[
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
                    "            self._give_up(self._serving, HTTPStatus.SERVICE_UNAVAILABLE)\n",
                    "            self._end_after_answer()\n",
                )
            ],
            [f"{_ON_HTTP}::test_at_the_servers_end_a_request_that_is_still_on_its_way_is_refused"],
        ),
        Sabotage(
            ["11"],
            "cut a client off while it still sends, so that it never sees why",
            [
                Edit(
                    "api/server/http.py",
                    "            self.transport.write_eof()\n",
                    "            self.transport.close()\n",
                )
            ],
            [_ON_LINGERING],
        ),
        Sabotage(
            ["11"],
            "read behind the answer as long as somebody sends",
            [Edit("api/server/http.py", "if self._dropped_bytes > LINGER_BYTES:", "if self._dropped_bytes < 0:")],
            [_ON_LINGERING, f"{_ON_NO_REQUESTS}::{_MADE_TO_LOOK}"],
        ),
        Sabotage(
            ["11"],
            "read on although the body says that it is too large",
            [Edit("api/middleware/bodies.py", "return int(digits) if", "return 0 if")],
            [f"{_ON_BODIES}::test_a_length_that_is_declared_too_large_is_refused_before_anything_is_read"],
        ),
        Sabotage(
            ["11"],
            "read a length of thousands of digits as a number",
            [
                Edit("api/middleware/bodies.py", 'declared.lstrip("0")', "declared"),
                Edit("api/middleware/bodies.py", " if len(digits) <= _LENGTH_DIGITS_MAX else math.inf", ""),
            ],
            [f"{_ON_BODIES}::test_a_declared_length_lets_nothing_in"],
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
                    "self._places = threads + queue_max",
                    "self._places = threads + queue_max + 1_000_000",
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
                    "            self._refuse()\n",
                    '            self.send_400_response("Invalid HTTP request received.")\n',
                )
            ],
            [f"{_ON_NO_REQUESTS}::test_what_is_no_http_is_a_bad_request_and_one_line_in_the_log"],
        ),
    ],
    without={},
)
