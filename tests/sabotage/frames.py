"""Frames and content: rows 49 to 68."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_WEBSOCKET: Final = "api/server/websocket.py"
_RUNNER: Final = "api/server/runner.py"
_VALIDATION: Final = "api/middleware/validation.py"
_ERRORS: Final = "api/middleware/errors.py"
_CONNECTION: Final = "api/ws/connection.py"
_TEXT: Final = "api/domain/text.py"
_LOG_LINES: Final = "config/log_lines.py"
_RFC: Final = "tests/server/test_rfc6455.py"
_JSON: Final = "tests/server/test_json_edges.py"
_RULES: Final = "tests/server/test_text_rules.py"
_FAULTS: Final = "tests/unit/ws/test_connection_faults.py"
_REFUSED_TEXT: Final = f"{_RULES}::test_controls_surrogates_and_marks_that_reorder_are_refused_at_every_door"
_TWICE_IN_A_FORM: Final = "tests/unit/rest/test_json_route.py::test_a_field_that_a_form_has_twice_is_refused"
_TWICE: Final = f"{_JSON}::test_a_field_that_is_there_twice_is_refused_whatever_the_two_say"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["49"],
            "take frames of any size",
            [Edit(_RUNNER, "ws_max_size=CLIENT_FRAME_BYTES_MAX", "ws_max_size=2**62")],
            [f"{_RFC}::test_a_message_above_64_kib_ends_the_socket_with_1009[a claim of 1 TiB]"],
        ),
        Sabotage(
            ["49", "51", "53"],
            "cut a broken client without a word",
            [
                Edit(
                    _WEBSOCKET,
                    'self.transport.write(b"".join(self.conn.data_to_send()))\n        self._end_this_side()',
                    "self.conn.data_to_send()\n        self._end_this_side()",
                )
            ],
            [
                f"{_RFC}::test_a_message_above_64_kib_ends_the_socket_with_1009",
                f"{_RFC}::test_text_that_is_no_utf_8_ends_the_socket_with_1007",
                f"{_RFC}::test_a_breach_of_the_protocol_ends_the_socket_with_1002",
            ],
        ),
        Sabotage(
            ["51"],
            "hand on text that is no UTF-8",
            [
                Edit(
                    _WEBSOCKET,
                    "        if is_text:\n            try:",
                    "        if is_text and not data:\n            try:",
                )
            ],
            [
                f"{_RFC}::test_text_that_is_no_utf_8_ends_the_socket_with_1007",
                f"{_RFC}::test_a_broken_client_is_one_line_in_the_log_and_no_traceback[1007]",
            ],
        ),
        Sabotage(
            ["52"],
            "read a binary frame as if it were text",
            [Edit(_VALIDATION, "    if not text:\n", "    if not text and not data:\n")],
            [f"{_RFC}::test_what_is_legal_and_no_command_is_answered_and_the_connection_lives[binary]"],
        ),
        Sabotage(
            ["54"],
            "expect no JSON that is deeper than the interpreter",
            [Edit(_VALIDATION, "except (ValueError, RecursionError):", "except ValueError:")],
            [f"{_JSON}::test_a_text_that_is_none_is_refused_at_both_doors_and_leaves_nothing"],
        ),
        Sabotage(
            ["54"],
            "take what only looks like a number",
            [Edit(_VALIDATION, "json.loads(data.decode(), parse_constant=refuse)", "json.loads(data.decode())")],
            [f"{_JSON}::test_a_number_that_is_none_is_refused_at_both_doors_and_moves_nothing"],
        ),
        Sabotage(
            ["55"],
            "take numbers that not every reader keeps exact",
            [Edit("api/protocol/fields.py", "SEQ_MAX = 2**53 - 1", "SEQ_MAX = 2**63 - 1")],
            [
                f"{_JSON}::test_a_number_that_is_none_is_refused_at_both_doors_and_moves_nothing",
                f"{_JSON}::test_the_largest_number_that_every_reader_keeps_exact_is_one",
            ],
        ),
        Sabotage(
            ["56"],
            "take the last of two fields in a frame",
            [Edit(_VALIDATION, "    if repeated is not None:", '    if repeated == "":')],
            [_TWICE],
        ),
        Sabotage(
            ["56"],
            "take the last of two fields in a body",
            [Edit("api/rest/json_route.py", "            if repeated is not None:", '            if repeated == "":')],
            [_TWICE],
        ),
        Sabotage(
            ["56"],
            "take the last of two fields in a form",
            [Edit("api/rest/json_route.py", "_repeated(form)", "None")],
            [_TWICE_IN_A_FORM],
        ),
        Sabotage(
            ["56"],
            "take the last of two parameters in a query",
            [Edit("api/rest/json_route.py", "_repeated(request.query_params)", "None")],
            ["tests/unit/rest/test_json_route.py::test_a_parameter_of_the_query_that_is_there_twice_is_refused"],
        ),
        Sabotage(
            ["56"],
            "take the first of two tokens",
            [Edit("api/middleware/single_headers.py", "(name)) > 1", "(name)) > 2")],
            ["tests/server/test_ambiguous_requests.py::test_two_tokens_are_one_too_many_at_both_doors"],
        ),
        Sabotage(
            ["57", "T11"],
            "let half a surrogate pair through the reader and the rule of bodies",
            [
                Edit("api/protocol/codec.py", "return orjson.loads(data)", "return json.loads(data)"),
                Edit(
                    _TEXT,
                    r'_REFUSED_BODY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff',
                    r'_REFUSED_BODY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f',
                ),
            ],
            [_REFUSED_TEXT, f"{_JSON}::test_a_text_that_is_none_is_refused_at_both_doors_and_leaves_nothing"],
        ),
        Sabotage(
            ["58"],
            "let NUL into bodies",
            [Edit(_TEXT, r'_REFUSED_BODY = re.compile("[\x00', r'_REFUSED_BODY = re.compile("[\x01')],
            [_REFUSED_TEXT, f"{_JSON}::test_a_text_that_is_none_is_refused_at_both_doors_and_leaves_nothing"],
        ),
        Sabotage(
            ["59"],
            "let marks that reorder into names",
            [
                Edit(
                    _TEXT,
                    r'_REFUSED_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")',
                    r'_REFUSED_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")',
                )
            ],
            [_REFUSED_TEXT],
        ),
        Sabotage(
            ["59"],
            "let terminal controls into bodies",
            [
                Edit(
                    _TEXT,
                    r'_REFUSED_BODY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f',
                    r'_REFUSED_BODY = re.compile("[\x00-\x08',
                )
            ],
            [_REFUSED_TEXT],
        ),
        Sabotage(
            ["60"],
            "count blanks as text",
            [Edit(_TEXT, '.replace("\\r\\n", "\\n").strip(_SPACE)', '.replace("\\r\\n", "\\n")')],
            [f"{_RULES}::test_a_text_is_as_long_as_it_may_be_at_every_door_and_not_one_code_point_more"],
        ),
        Sabotage(
            ["60"],
            "count the bytes that text of zero width takes on paper",
            [Edit(_TEXT, "if len(text) > longest:", "if len(text.encode(errors='replace')) > longest:")],
            [f"{_RULES}::test_text_that_shows_nothing_is_text_and_marks_pile_up_as_high_as_the_text_is_long"],
        ),
        Sabotage(
            ["61"],
            "write into the log what drives a terminal",
            [Edit(_LOG_LINES, 'return _UNSAFE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", line)', "return line")],
            [
                "tests/server/test_log_injection.py::test_no_text_of_a_client_makes_a_line_breaks_one_or_drives_a_terminal"
            ],
        ),
        Sabotage(
            ["61"],
            "let a client fill the log",
            [Edit(_LOG_LINES, "TEXT_LIMIT: Final = 256", "TEXT_LIMIT: Final = 2**20")],
            [
                "tests/server/test_log_injection.py::test_no_text_of_a_client_makes_a_line_breaks_one_or_drives_a_terminal"
            ],
        ),
        Sabotage(
            ["62"],
            "let browsers guess what an answer is",
            [Edit("api/middleware/headers.py", '    "X-Content-Type-Options": "nosniff",\n', "")],
            ["tests/server/test_stored_payloads.py::test_names_hold_payloads_as_text_as_well"],
        ),
        Sabotage(
            ["62"],
            "make text harmless by changing it",
            [Edit(_TEXT, 'text = text.replace("\\r\\n", "\\n")', 'text = text.replace("<", "&lt;")')],
            ["tests/server/test_stored_payloads.py::test_a_payload_is_stored_as_it_is_and_comes_back_as_text"],
        ),
        Sabotage(
            ["63"],
            "unpack what clients have packed",
            [Edit(_RUNNER, "ws_per_message_deflate=False", "ws_per_message_deflate=True")],
            [f"{_RFC}::test_compression_is_offered_in_vain"],
        ),
        Sabotage(
            ["65"],
            "keep all that a reader does not take",
            [
                Edit(_CONNECTION, "frames_max=parts.outbox_frames", "frames_max=2**40"),
                Edit(_CONNECTION, "bytes_max=parts.outbox_bytes", "bytes_max=2**40"),
            ],
            ["tests/server/test_slow_consumer.py::test_clients_that_never_read_harm_nobody_and_are_cut"],
        ),
        Sabotage(
            ["66"],
            "give every socket a budget of its own",
            [
                Edit(
                    _CONNECTION,
                    "self._parts.limits.check(command.bucket, self.user.id,",
                    "self._parts.limits.check(command.bucket, self.id,",
                )
            ],
            ["tests/server/test_message_limits.py::test_the_limit_is_the_users_on_all_sockets_and_over_rest"],
        ),
        Sabotage(
            ["66"],
            "answer a flood for ever",
            [
                Edit(
                    "api/ws/faults.py",
                    "return CloseCode.RATE_LIMITED if ends else None",
                    "return None if ends else None",
                )
            ],
            ["tests/server/test_message_limits.py::test_a_hundred_refusals_within_a_minute_end_the_socket"],
        ),
        Sabotage(
            ["67"],
            "answer nonsense for ever",
            [Edit("api/ws/faults.py", "self._in_a_row >= IN_A_ROW_MAX", "self._in_a_row >= 10**9")],
            ["tests/server/test_invalid_frames.py::test_twenty_errors_in_a_row_close_the_connection"],
        ),
        Sabotage(
            ["67", "T11"],
            "repeat what was refused",
            [Edit(_ERRORS, 'msg=one["msg"] if one["type"] in _PLAIN_TYPES else "is not valid",', "msg=str(one),")],
            ["tests/server/test_errors.py::test_a_malformed_body_is_refused_without_an_echo"],
        ),
        Sabotage(
            ["67"],
            "repeat the type that is not known",
            [Edit(_VALIDATION, '"There is no such command."', 'f"There is no command {command_type}."')],
            ["tests/server/test_room_text.py::test_no_refusal_echoes_what_was_refused"],
        ),
        Sabotage(
            ["68"],
            "expect commands to fail only on purpose",
            [
                Edit(
                    _CONNECTION,
                    "except Exception as error:  # noqa: BLE001 - whatever a command does, the connection lives\n"
                    "            self._failed(command, error)\n        else:",
                    "except ChatError as error:\n            self._failed(command, error)\n        else:",
                )
            ],
            [f"{_FAULTS}::test_a_command_that_breaks_at_any_await_is_an_internal_error_and_all_connections_live[Ping]"],
        ),
        Sabotage(
            ["68", "T8"],
            "leave a fault outside of commands to the server below",
            [Edit(_CONNECTION, 'self.break_off("frame", error)', "raise")],
            [f"{_FAULTS}::test_a_connection_that_breaks_outside_of_a_command_is_closed_with_4000_and_nobody_else"],
        ),
        Sabotage(
            ["68"],
            "go on behind a hole",
            [Edit("api/broadcast/dispatcher.py", 'connection.break_off("deliver", error)', "str(connection)")],
            [f"{_FAULTS}::test_an_event_that_breaks_closes_the_connections_of_its_room_alone_and_answers_who_waits"],
        ),
        Sabotage(
            ["68", "T8"],
            "let a connection that never began end without a word",
            [
                Edit(
                    "api/ws/endpoint.py",
                    "wire.close(CloseCode.INTERNAL_ERROR, CloseCode.INTERNAL_ERROR.reason,",
                    'wire.close(CloseCode.NORMAL, "",',
                )
            ],
            ["tests/unit/ws/test_endpoint.py::test_a_connection_that_breaks_before_it_joins_is_closed_with_4000"],
        ),
    ],
    without={},
)
