"""Whatever comes as an access token: it is believed if it is ours, else refused in the same words, at little cost."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any, Final

import pytest
from hypothesis import strategies as st

from api.domain.errors import ChatError, ErrorCode
from api.security.tokens import TOKEN_BYTES_MAX, AccessTokens, Claims
from tests.search.properties import ANY_TEXT, JSON, LONG, QUICK, Work, search
from tests.support.accounts import START_MS, Clock
from tests.support.forging import Forge, encode

SECRET: Final = "a secret of this test, which guards nothing at all"
USER, SESSION = "01980000-0000-7000-8000-00000000000a", "01980000-0000-7000-8000-00000000000b"
LIFE_S: Final = 900
NOW_S: Final = START_MS // 1000
TOKENS: Final = AccessTokens([SECRET], life_seconds=LIFE_S, clock_ms=Clock())
FORGE: Final = Forge(SECRET, TOKENS.issue(USER, SESSION)[0])
CLAIMS: Final = ("iss", "aud", "sub", "sid", "jti", "iat", "exp")

CALLS_MAX: Final = 2_000
"""A good token takes about 500. What grows with the input is C that reads 4 KiB at most."""
CALLS_UNREAD: Final = 20
"""Of a token that is too long only the length is looked at."""
DETAILS: Final = {
    ErrorCode.INVALID_TOKEN: "The access token is not valid.",
    ErrorCode.TOKEN_EXPIRED: "The access token has expired.",
}

# --- what comes

TIMES = st.integers(-2, 2).map(lambda shift: NOW_S + shift) | st.sampled_from(
    [0, -1, NOW_S + LIFE_S, NOW_S + LIFE_S + 1, NOW_S - LIFE_S, 2**53, 10**40, float(NOW_S + 9), str(NOW_S + 9), True]
)
IDS = st.uuids().map(str) | st.sampled_from([USER.upper(), f"{{{USER}}}", USER.replace("-", ""), f"{USER}\n"])
WORDS = st.sampled_from(
    ["chat", "Chat", "", ["chat"], ["chat", "x"], "HS256", "hs256", "none", "RS256", "at+jwt", "JWT"]
)
VALUES = JSON | TIMES | IDS | WORDS
NAMES = st.sampled_from([*CLAIMS, "nbf", "alg", "typ", "kid", "crit", "jwk", "jku", "b64", "zip", "cty", "enc"])
CHANGES = st.lists(st.tuples(NAMES | ANY_TEXT, VALUES), max_size=3)
SIGNED = st.tuples(CHANGES, st.sets(NAMES, max_size=1), CHANGES, st.sets(NAMES, max_size=1))
PARTS = st.binary(max_size=60) | st.sampled_from(
    [b"[" * 2_900, b'{"a":' * 500, b"{}", b"null", b"\xff", b"\xef\xbb\xbf{}", b'{"exp":NaN}', b"1" * 2_900, b""]
)
BASE64URL = st.text("AZaz09-_", max_size=80)
TEXTS = (
    ANY_TEXT
    | st.lists(BASE64URL, min_size=1, max_size=5).map(".".join)
    | st.text("ab.=-_+/ \n\u00e9", min_size=TOKEN_BYTES_MAX - 2, max_size=TOKEN_BYTES_MAX + 2)
    | st.integers(TOKEN_BYTES_MAX + 1, 200_000).map("x".__mul__)
)


def forged(changed: tuple[Any, ...]) -> str:
    """Sign a token with these fields changed and these missing."""
    header_changes, header_losses, claim_changes, claim_losses = changed
    header = {**FORGE.header, **dict(header_changes)}
    claims = {**FORGE.claims, **dict(claim_changes)}
    for fields, losses in ((header, header_losses), (claims, claim_losses)):
        for name in losses:
            fields.pop(name, None)
    return FORGE.sign_bytes(json.dumps(header).encode(), json.dumps(claims).encode())


def edited(change: tuple[int, str, int]) -> str:
    """Put other text in the place of some of a good token's."""
    place, text, length = change
    token = FORGE.sign()
    at = place % (len(token) + 1)
    return token[:at] + text + token[at + length :]


# --- what holds


def judged(token: str) -> Claims | None:
    """Decode a token; it is believed, or refused in words that say nothing of it."""
    work = Work()
    claims: Claims | None = None
    refusal: ChatError | None = None
    try:
        claims = work.of(lambda: TOKENS.decode(token))
    except ChatError as refused:
        refusal = refused
    assert work.calls <= (CALLS_MAX if len(token) <= TOKEN_BYTES_MAX else CALLS_UNREAD), work.calls
    if refusal is not None:
        assert refusal.detail == DETAILS[refusal.code]
        assert (refusal.errors, refusal.headers, refusal.__cause__) == ((), None, None)
    return claims


def believed_rightly(token: str) -> None:
    """Believe only what has our header, all claims, and a life that has not ended and is not too long."""
    claims = judged(token)
    if claims is None:
        return
    header, payload = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert header == FORGE.header
    assert (payload["iss"], payload["aud"]) == ("chat", "chat")
    for name in ("sub", "sid", "jti"):
        assert str(uuid.UUID(payload[name])) == payload[name]
    assert type(payload["iat"]) is int
    assert type(payload["exp"]) is int
    assert payload["exp"] > NOW_S
    assert 0 < payload["exp"] - payload["iat"] <= LIFE_S
    assert (claims.user_id, claims.session_id, claims.token_id) == (payload["sub"], payload["sid"], payload["jti"])
    assert (claims.issued_at_ms, claims.expires_at_ms) == (payload["iat"] * 1000, payload["exp"] * 1000)


def refused_if_changed(token: str) -> None:
    """Believe no token but the one that was made."""
    assert (judged(token) is not None) == (token == FORGE.sign())


def _other_signature(signature: bytes) -> str:
    return FORGE.sign().rpartition(".")[0] + "." + encode(signature)


def _other_claims(claims: bytes) -> str:
    return FORGE.sign_bytes(json.dumps(FORGE.header).encode(), claims)


EDITS = st.tuples(st.integers(0, 999), ANY_TEXT, st.integers(0, 9))
CASES: Final[dict[str, tuple[st.SearchStrategy[Any], Any]]] = {
    "fields of any value, well signed": (SIGNED.map(forged), believed_rightly),
    "parts of any bytes, well signed": (st.builds(FORGE.sign_bytes, PARTS, PARTS), believed_rightly),
    "claims of any bytes, well signed": (PARTS.map(_other_claims), believed_rightly),
    "a good token, edited": (EDITS.map(edited), refused_if_changed),
    "other signatures": (st.binary(max_size=64).map(_other_signature), refused_if_changed),
    "text": (TEXTS, refused_if_changed),
}


@pytest.mark.parametrize("case", CASES)
def test_a_token_is_ours_or_refused(case: str) -> None:
    search(*CASES[case], QUICK)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES)
def test_a_token_is_ours_or_refused_for_longer(case: str) -> None:
    search(*CASES[case], LONG)


def test_the_search_signs_what_is_believed() -> None:
    assert judged(FORGE.sign()) is not None
    assert judged(forged(([], set(), [], set()))) is not None
