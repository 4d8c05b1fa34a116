"""Tokens: rows 18 to 30, and the traps T9 and T10 in them."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_TOKENS: Final = "api/security/tokens.py"
_SESSIONS: Final = "api/services/sessions.py"

_ON_TOKENS: Final = "tests/unit/security/test_tokens.py"
_ON_FORGERIES: Final = "tests/unit/security/test_tokens_forged.py"
_ON_SESSIONS: Final = "tests/unit/services/test_sessions.py"
_ON_UPKEEP: Final = "tests/unit/services/test_upkeep.py"

_ANY_ALGORITHM: Final = (
    Edit(_TOKENS, 'header["alg"] != ALGORITHMS.HS256 or ', ""),
    Edit(_TOKENS, "algorithms=[ALGORITHMS.HS256],", "algorithms=None,"),
)
_HEADER: Final = f"{_ON_TOKENS}::test_the_header_is_as_it_was_made_or_the_token_is_refused"
_CLAIMS: Final = f"{_ON_TOKENS}::test_every_claim_must_be_what_it_should_be"
_NOTHING_OPENED: Final = f"{_ON_FORGERIES}::test_nothing_that_a_header_names_is_opened_or_believed"
_TWO_HOLDERS: Final = f"{_ON_SESSIONS}::test_when_two_have_one_token_both_are_out_whoever_comes_first"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(["18"], "leave it to the token by which algorithm it was signed", _ANY_ALGORITHM, [_HEADER]),
        Sabotage(
            ["T10"],
            "ask the library for no algorithm",
            [_ANY_ALGORITHM[1]],
            ["tests/architecture/test_one_caller.py::test_tokens_are_verified_in_one_place_with_one_algorithm"],
        ),
        Sabotage(
            ["19", "T10"],
            "hand the library the text of the secret, to make of it what it looks like",
            [
                *_ANY_ALGORITHM,
                Edit(
                    _TOKENS,
                    "    return jwk.construct(secret.encode(), ALGORITHMS.HS256)\n",
                    "    return secret  # type: ignore[return-value]\n",
                ),
            ],
            [f"{_ON_FORGERIES}::test_a_server_whose_secret_is_a_public_key_believes_no_private_one"],
        ),
        Sabotage(
            ["20"],
            "take our own key where the kid names none",
            [
                Edit(
                    _TOKENS,
                    '        key = self._keys.get(header["kid"])\n',
                    '        key = self._keys.get(header["kid"], self._keys[self._key_id])\n',
                )
            ],
            [_NOTHING_OPENED, _HEADER],
        ),
        Sabotage(
            ["20"],
            "look for a key in the file that the kid names",
            [
                Edit(
                    _TOKENS,
                    '        key = self._keys.get(header["kid"])\n',
                    '        key = self._keys.get(header["kid"]) or _key(Path(header["kid"]).read_text())\n',
                )
            ],
            [_NOTHING_OPENED],
        ),
        Sabotage(
            ["20", "21"],
            "overlook what a header has more than ours",
            [Edit(_TOKENS, "set(header) != _HEADER_NAMES", "not set(header) >= _HEADER_NAMES")],
            [_NOTHING_OPENED, _HEADER],
        ),
        Sabotage(
            ["21"],
            "take any type of token for an access token",
            [Edit(_TOKENS, ' or header["typ"] != TYPE:', ":")],
            [_HEADER],
        ),
        Sabotage(
            ["22"],
            "believe whoever issued it, for whomever",
            [
                Edit(_TOKENS, "            audience=AUDIENCE,\n            issuer=ISSUER,\n", ""),
                Edit(
                    _TOKENS, '    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:\n        return None\n', ""
                ),
                Edit(
                    _TOKENS,
                    '("iss", "aud", "sub", "jti", "iat")} | {',
                    '("iss", "sub", "jti", "iat")} | {"verify_aud": False} | {',
                ),
            ],
            [_CLAIMS],
        ),
        Sabotage(
            ["22"],
            "take any text for an id",
            [Edit(_TOKENS, "isinstance(value, str) and str(uuid.UUID(value)) == value", "isinstance(value, str)")],
            [_CLAIMS],
        ),
        Sabotage(
            ["22"],
            "do without a claim",
            [
                Edit(
                    _TOKENS,
                    '_is_id(claims[name]) for name in ("sub", "sid", "jti")',
                    '_is_id(claims[name]) for name in {"sub", "sid", "jti"} & set(claims)',
                ),
                Edit(_TOKENS, 'Claims(claims["sub"], claims["sid"],', 'Claims(claims["sub"], claims.get("sid", ""),'),
            ],
            [f"{_ON_TOKENS}::test_every_claim_is_required"],
        ),
        Sabotage(
            ["22"],
            "believe a token that lives for ten years",
            [Edit(_TOKENS, " or expires_at_s - issued_at_s > life_seconds:", ":")],
            [f"{_ON_FORGERIES}::test_a_longer_life_than_the_policy_gives_is_not_believed"],
        ),
        Sabotage(
            ["23", "T9"],
            "read a token of any length",
            [Edit(_TOKENS, "len(token) > TOKEN_BYTES_MAX", "len(token) > 1_000_000")],
            [f"{_ON_TOKENS}::test_long_tokens_are_refused_unread"],
        ),
        Sabotage(
            ["23", "T9"],
            "expect of the library no errors but its own",
            [Edit(_TOKENS, "        except Exception:", "        except jwt.JWTError:")],
            [f"{_ON_TOKENS}::test_what_is_no_token_is_refused_like_one"],
        ),
        Sabotage(
            ["24", "T9"],
            "take for a time whatever can be compared with one",
            [
                Edit(
                    _TOKENS,
                    "    if type(issued_at_s) is not int or type(expires_at_s) is not int:\n        return None\n",
                    "",
                )
            ],
            [f"{_ON_TOKENS}::test_a_time_as_text_or_fraction_is_none"],
        ),
        Sabotage(
            ["24", "T9"],
            "let a token live in the second of its end",
            [Edit(_TOKENS, "claims.expires_at_ms <= self._clock_ms()", "claims.expires_at_ms < self._clock_ms()")],
            [f"{_ON_TOKENS}::test_a_token_ends_with_the_second_of_exp"],
        ),
        Sabotage(
            ["25"],
            "leave a socket open when its token ends",
            [
                Edit(
                    "api/ws/deadlines.py",
                    "        if now_ms >= self._expires_at_ms:\n            return CloseCode.TOKEN_EXPIRED\n",
                    "",
                )
            ],
            ["tests/unit/ws/test_deadlines.py::TestToken::test_a_warning_comes_once_and_then_the_end"],
        ),
        Sabotage(
            ["25"],
            "warn of no end",
            [
                Edit(
                    "api/ws/deadlines.py",
                    "            pushes.append(frames.token_expiring(self._expires_at_ms))\n",
                    "",
                )
            ],
            ["tests/unit/ws/test_deadlines.py::TestToken::test_a_warning_comes_once_and_then_the_end"],
        ),
        Sabotage(
            ["26"],
            "go on with anybody's token",
            [
                Edit(
                    "api/ws/commands.py",
                    "if principal.user.id != caller.user.id or principal.session_id != caller.session_id:",
                    'if principal.user.id == "":',
                )
            ],
            ["tests/unit/ws/test_connection.py::TestTokens::test_any_other_token_is_invalid"],
        ),
        Sabotage(
            ["27"],
            "leave the sockets of an ended session open",
            [Edit(_SESSIONS, "        self._live.close_sessions(session_ids, CloseCode.SESSION_REVOKED)\n", "")],
            [f"{_ON_SESSIONS}::test_a_logout_ends_the_session_at_once"],
        ),
        Sabotage(
            ["27"],
            "believe for seconds what was read of a session that has ended",
            [Edit(_SESSIONS, "        self._authenticator.invalidate_session(*session_ids)\n", "")],
            [f"{_ON_SESSIONS}::test_a_logout_ends_the_session_at_once"],
        ),
        Sabotage(
            ["27"],
            "keep the other sessions when the password is changed",
            [
                Edit(
                    "api/services/accounts.py",
                    "return unit.sessions.revoke_all(principal.user.id, unit.now_ms, keep=principal.session_id)",
                    "return []",
                )
            ],
            [
                "tests/unit/services/test_accounts.py::TestChangePassword::test_the_new_one_holds_and_every_other_session_ends"
            ],
        ),
        Sabotage(
            ["27"],
            "never look again at the sessions of live sockets",
            [
                Edit(
                    "api/services/upkeep.py",
                    "            if isinstance(found, ErrorCode):\n",
                    "            if found is ErrorCode.NOT_FOUND:\n",
                )
            ],
            [f"{_ON_UPKEEP}::test_connections_of_ended_sessions_are_closed_and_the_others_live"],
        ),
        Sabotage(
            ["28"],
            "refuse a spent token and let the session live",
            [
                Edit(
                    _SESSIONS,
                    "            unit.sessions.revoke(token.session_id, unit.now_ms)\n            return record\n",
                    "            return record\n",
                )
            ],
            [_TWO_HOLDERS],
        ),
        Sabotage(
            ["28"],
            "say nothing of a token that two have used",
            [
                Edit(
                    _SESSIONS,
                    "        log_events.AUTH_REFRESH_REUSED.emit("
                    "user_id=session.user_id, session_id=session.id, client=address)\n",
                    "",
                )
            ],
            [f"{_ON_SESSIONS}::test_a_spent_token_whose_successor_was_used_ends_the_session"],
        ),
        Sabotage(
            ["28"],
            "give a successor for a spent token for ever",
            [
                Edit(
                    _SESSIONS,
                    "token.state is not RefreshState.LIVE and unused is None",
                    "token.state is RefreshState.VOID",
                )
            ],
            [_TWO_HOLDERS],
        ),
        Sabotage(
            ["29"],
            "take a lost answer for a theft",
            [
                Edit(
                    _SESSIONS,
                    "token.state is not RefreshState.LIVE and unused is None",
                    "token.state is not RefreshState.LIVE",
                )
            ],
            [f"{_ON_SESSIONS}::test_a_lost_answer_is_no_theft"],
        ),
        Sabotage(
            ["29"],
            "let two successors of one token live",
            [
                Edit(
                    _SESSIONS,
                    "            unit.sessions.set_refresh_state(unused.token_hash, RefreshState.VOID)\n",
                    "            pass\n",
                )
            ],
            [_TWO_HOLDERS],
        ),
        Sabotage(
            ["30"],
            "forget the older secrets",
            [Edit(_TOKENS, "for secret in secret_keys}", "for secret in secret_keys[:1]}")],
            [f"{_ON_TOKENS}::test_the_newest_secret_signs_and_older_ones_still_verify"],
        ),
        Sabotage(
            ["30"],
            "try every key, whatever the kid says",
            [
                Edit(
                    _TOKENS,
                    "            token,\n            key,\n",
                    "            token,\n            [*self._keys.values()],\n",
                ),
            ],
            [f"{_ON_TOKENS}::test_the_kid_chooses_the_key_alone"],
        ),
        Sabotage(
            ["30"],
            "sign with the oldest secret",
            [Edit(_TOKENS, "_key_id(secret_keys[0])", "_key_id(secret_keys[-1])")],
            [f"{_ON_TOKENS}::test_the_newest_secret_signs_and_older_ones_still_verify"],
        ),
    ],
    without={},
)
