"""Accounts: rows 31 to 39, and the traps T11 and T14 in them."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_FAILED: Final = "api/services/failed_logins.py"
_ACCOUNTS: Final = "api/services/accounts.py"
_PASSWORDS: Final = "api/security/passwords.py"
_TEXT: Final = "api/domain/text.py"
_ERRORS: Final = "api/middleware/errors.py"

_ON_ACCOUNTS: Final = "tests/unit/services/test_accounts.py"
_ON_TWINS: Final = "tests/unit/services/test_accounts_twins.py"
_ON_PASSWORDS: Final = "tests/unit/security/test_passwords.py"
_ON_TEXT: Final = "tests/unit/domain/test_text.py"
_ON_ECHO: Final = "tests/unit/middleware/test_errors_no_echo.py"
_A_TWIN: Final = f"{_ON_TWINS}::test_a_twin_of_a_username_is_taken_or_no_username"

TOPIC: Final = Topic(
    sabotages=[
        Sabotage(
            ["31"],
            "count wrong passwords and go on",
            [Edit(_FAILED, "                if wait_ms:\n", "                if wait_ms < 0:\n")],
            [f"{_ON_ACCOUNTS}::TestFailedLogins::test_after_ten_wrong_ones_the_right_one_waits_too"],
        ),
        Sabotage(
            ["31"],
            "hash before the count is looked at",
            [
                Edit(
                    _ACCOUNTS,
                    '        async with self._failed_logins.attempt(name_key(name or ""), address):\n',
                    "        await self._passwords.verify(password, None)\n"
                    '        async with self._failed_logins.attempt(name_key(name or ""), address):\n',
                )
            ],
            [f"{_ON_ACCOUNTS}::TestLogIn::test_a_blocked_guess_costs_no_hash_the_right_one_neither"],
        ),
        Sabotage(
            ["31"],
            "let through the right password during the block",
            [
                Edit(
                    _ACCOUNTS,
                    '        async with self._failed_logins.attempt(name_key(name or ""), address):\n',
                    "        known = await self._store.read(lambda rows: rows.users.account_by_username(username))\n"
                    "        verdict = await self._passwords.verify(password, known.password_hash if known else None)\n"
                    '        address = "192.0.2.200" if verdict.is_right else address\n'
                    '        async with self._failed_logins.attempt(name_key(name or ""), address):\n',
                )
            ],
            [f"{_ON_ACCOUNTS}::TestFailedLogins::test_after_ten_wrong_ones_the_right_one_waits_too"],
        ),
        Sabotage(
            ["31"],
            "see one low count from many guesses at once",
            [Edit(_FAILED, ", cost=self._under_way[key])", ")")],
            ["tests/unit/services/test_failed_logins.py::test_of_many_guesses_at_once_no_more_than_allowed_are_tried"],
        ),
        Sabotage(
            ["32"],
            "count for each account alone",
            [Edit(_FAILED, "rule.times(_ACCOUNTS_OF_AN_ADDRESS)", "rule.times(1_000_000)")],
            [f"{_ON_ACCOUNTS}::TestFailedLogins::test_one_address_cannot_try_one_password_on_everybody"],
        ),
        Sabotage(
            ["33"],
            "count for the account, from wherever it was tried",
            [Edit(_FAILED, 'keys = (("login", account, source)', 'keys = (("login", account, "")')],
            [f"{_ON_ACCOUNTS}::TestFailedLogins::test_nobody_is_locked_out_by_a_stranger"],
        ),
        Sabotage(
            ["34"],
            "hash nothing for a user who is not there",
            [Edit(_PASSWORDS, "            self._context.verify(password, self._nobodys_hash)\n", "")],
            [
                f"{_ON_PASSWORDS}::test_an_unknown_user_costs_the_same_work",
                f"{_ON_ACCOUNTS}::TestLogIn::test_every_failed_login_costs_exactly_one_hash_of_the_same_work",
            ],
        ),
        Sabotage(
            ["34"],
            "answer at once where nobody can have that name",
            [
                Edit(
                    _ACCOUNTS,
                    "        name = username_or_none(username)\n",
                    "        name = username_or_none(username)\n"
                    "        if name is None:\n            raise _wrong_credentials()\n",
                )
            ],
            [f"{_ON_ACCOUNTS}::TestLogIn::test_every_failed_login_costs_exactly_one_hash_of_the_same_work"],
        ),
        Sabotage(
            ["34"],
            "tell a wrong password of a user who is not there",
            [
                Edit(
                    _ACCOUNTS,
                    '"wrong_password", name, address)\n                raise _wrong_credentials()\n',
                    '"wrong_password", name, address)\n'
                    "                raise _wrong_credentials(404 if account is None else None)\n",
                )
            ],
            [f"{_ON_ACCOUNTS}::TestLogIn::test_an_unknown_user_and_a_wrong_password_get_one_answer"],
        ),
        Sabotage(
            ["34"],
            "tell anybody of a suspension",
            [
                Edit(
                    _ACCOUNTS,
                    "            if account is None or not verdict.is_right:\n",
                    "            if account is not None and account.status is UserStatus.SUSPENDED:\n"
                    '                raise ChatError(ErrorCode.ACCOUNT_SUSPENDED, "This account is suspended.")\n'
                    "            if account is None or not verdict.is_right:\n",
                )
            ],
            [f"{_ON_ACCOUNTS}::TestLogIn::test_only_the_right_password_learns_of_a_suspension"],
        ),
        Sabotage(
            ["35"],
            "let one address ask for as many names as it likes",
            [
                Edit(
                    _ACCOUNTS,
                    '        if wait_ms:\n            self._stats.limits_exceeded["signup"]',
                    '        if wait_ms < 0:\n            self._stats.limits_exceeded["signup"]',
                )
            ],
            [f"{_ON_ACCOUNTS}::TestSignUp::test_one_address_makes_so_many_accounts_and_no_more"],
        ),
        Sabotage(
            ["36", "T14"],
            "hand the library passwords of any length",
            [Edit(_TEXT, "    if len(text) > PASSWORD_CHARS_MAX:\n", "    if len(text) < 0:\n")],
            [f"{_ON_TEXT}::test_a_password_that_may_not_be"],
        ),
        Sabotage(
            ["36", "T14"],
            "hand the library what it cannot encode",
            [Edit(_TEXT, "    if _REFUSED_PASSWORD.search(text):\n", "    if _REFUSED_PASSWORD.fullmatch(text):\n")],
            [f"{_ON_TEXT}::test_a_password_that_may_not_be"],
        ),
        Sabotage(
            ["36"],
            "take blanks for a password",
            [Edit(_PASSWORDS, "        if not password.strip():\n", '        if password == "":\n')],
            [f"{_ON_PASSWORDS}::test_weak_passwords_are_refused_unseen"],
        ),
        Sabotage(
            ["36"],
            "take everybody's password",
            [Edit(_PASSWORDS, "        if name_key(password) in self._common:\n", "        if False:\n")],
            [f"{_ON_PASSWORDS}::test_weak_passwords_are_refused_unseen"],
        ),
        Sabotage(
            ["36", "T11"],
            "repeat what was refused",
            [
                Edit(
                    _ERRORS,
                    '            msg=one["msg"] if one["type"] in _PLAIN_TYPES else "is not valid",\n',
                    "            msg=f\"{one['msg']}: {one.get('input')}\",\n",
                )
            ],
            [f"{_ON_ECHO}::test_no_field_of_a_body_or_a_query_is_repeated"],
        ),
        Sabotage(
            ["T14"],
            "keep passwords by a cheaper hash",
            [Edit(_PASSWORDS, "MEMORY_KIB: Final = 19_456", "MEMORY_KIB: Final = 1_024")],
            [f"{_ON_PASSWORDS}::test_a_hash_is_argon2id_with_19_mib_and_two_passes"],
        ),
        Sabotage(
            ["37"],
            "overlook fields that are not listed",
            [Edit("api/rest/schemas.py", 'ConfigDict(extra="forbid",', 'ConfigDict(extra="ignore",')],
            ["tests/unit/rest/test_schemas_closed.py::test_every_body_is_documented_as_closed"],
        ),
        Sabotage(
            ["38"],
            "take any letters for a username",
            [Edit(_TEXT, "    if not _USERNAME.fullmatch(text):\n", "    if not text:\n")],
            [_A_TWIN],
        ),
        Sabotage(
            ["38"],
            "tell names apart by their case",
            [Edit(_TEXT, "    return text.casefold()\n", "    return text\n")],
            [_A_TWIN],
        ),
        Sabotage(
            ["39", "T11"],
            "read bodies as Python would",
            [
                Edit(
                    "api/rest/json_route.py",
                    "        body = decode(data)\n",
                    '        body = __import__("json").loads(data)\n',
                )
            ],
            ["tests/unit/rest/test_json_route.py::test_anything_else_is_refused_as_a_fault_of_the_body"],
        ),
        Sabotage(
            ["39"],
            "answer an unreadable body as the framework does",
            [
                Edit(
                    "api/rest/json_route.py",
                    "                if error.status_code != HTTPStatus.BAD_REQUEST:\n",
                    "                if error.status_code != HTTPStatus.OK:\n",
                )
            ],
            ["tests/unit/rest/test_json_route.py::test_a_form_that_cannot_be_read_is_a_fault_of_the_body"],
        ),
    ],
    without={},
)
