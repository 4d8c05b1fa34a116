"""Sessions: rows 25 to 30."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_TOKENS: Final = "api/security/tokens.py"
_SESSIONS: Final = "api/services/sessions.py"

_ON_TOKENS: Final = "tests/unit/security/test_tokens.py"
_ON_SESSIONS: Final = "tests/unit/services/test_sessions.py"
_ON_UPKEEP: Final = "tests/unit/services/test_upkeep.py"

_TWO_HOLDERS: Final = f"{_ON_SESSIONS}::test_when_two_have_one_token_both_are_out_whoever_comes_first"

TOPIC: Final = Topic(
    sabotages=[
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
