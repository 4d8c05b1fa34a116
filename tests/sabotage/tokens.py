"""Tokens: rows 18 to 24, and the traps T9 and T10 in them."""

from __future__ import annotations

from typing import Final

from tests.sabotage.sabotage import Edit, Sabotage, Topic

_TOKENS: Final = "api/security/tokens.py"

_ON_TOKENS: Final = "tests/unit/security/test_tokens.py"
_ON_FORGERIES: Final = "tests/unit/security/test_tokens_forged.py"

_ANY_ALGORITHM: Final = (
    Edit(_TOKENS, 'header["alg"] != ALGORITHMS.HS256 or ', ""),
    Edit(_TOKENS, "algorithms=[ALGORITHMS.HS256],", "algorithms=None,"),
)
_HEADER: Final = f"{_ON_TOKENS}::test_the_header_is_as_it_was_made_or_the_token_is_refused"
_CLAIMS: Final = f"{_ON_TOKENS}::test_every_claim_must_be_what_it_should_be"
_NOTHING_OPENED: Final = f"{_ON_FORGERIES}::test_nothing_that_a_header_names_is_opened_or_believed"

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
    ],
    without={},
)
