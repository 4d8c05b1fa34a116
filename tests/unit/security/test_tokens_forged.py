"""Tokens as attackers make them: no key but ours counts, nothing that a header names is opened, no claim can change."""

from __future__ import annotations

import base64
import builtins
import io
import json
import os
import socket
import uuid
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from jose import jwk, jwt
from jose.exceptions import JWKError

from api.domain.errors import ChatError, ErrorCode
from api.security.tokens import AUDIENCE, ISSUER, AccessTokens
from tests.support.accounts import START_MS, Clock
from tests.support.forging import Forge

SECRET: Final = "a secret of this test, thirty-two bytes"
USER, SESSION = "01980000-0000-7000-8000-00000000000a", "01980000-0000-7000-8000-00000000000b"
LIFE_S: Final = 900
START_S: Final = START_MS // 1000
IDS: Final = ("sub", "sid", "jti")
NAMES: Final = ("iss", "aud", *IDS, "iat", "exp")

RSA: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ELLIPTIC: Final = ec.generate_private_key(ec.SECP256R1())
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PRIVATE: Final[dict[str, PrivateKey]] = {"RS256": RSA, "PS256": RSA, "ES256": ELLIPTIC}


def pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public(key: PrivateKey, how: str) -> bytes:
    """Encode the public key, as it stands in files and on key servers."""
    if how == "JWK":
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return json.dumps(jwk.construct(pem(key), algorithm).public_key().to_dict()).encode()
    encodings = {
        "PEM": (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "SSH": (Encoding.OpenSSH, PublicFormat.OpenSSH),
    }
    return key.public_key().public_bytes(*encodings[how])


@pytest.fixture(scope="module")
def reader() -> AccessTokens:
    return AccessTokens([SECRET], life_seconds=LIFE_S, clock_ms=Clock())


@pytest.fixture(scope="module")
def forge(reader: AccessTokens) -> Forge:
    return Forge(SECRET, reader.issue(USER, SESSION)[0])


def check_invalid(reader: AccessTokens, token: str) -> None:
    with pytest.raises(ChatError) as caught:
        reader.decode(token)
    assert caught.value.code is ErrorCode.INVALID_TOKEN


def test_what_the_forge_signs_would_be_believed(reader: AccessTokens, forge: Forge) -> None:
    """Without this the refusals below would prove nothing."""
    assert reader.decode(forge.sign()).user_id == USER


@pytest.mark.parametrize("how", ["PEM", "DER", "SSH", "JWK"])
@pytest.mark.parametrize("key", [RSA, ELLIPTIC], ids=["RSA", "EC"])
def test_a_public_key_is_no_secret_in_any_encoding(
    reader: AccessTokens, forge: Forge, key: PrivateKey, how: str
) -> None:
    """CVE-2024-33663, CVE-2026-85394: the verifier takes the key that everybody has for a shared secret."""
    check_invalid(reader, forge.sign(key=public(key, how)))


@pytest.mark.parametrize("algorithm", PRIVATE)
@pytest.mark.parametrize("how", ["DER", "JWK"])
def test_a_server_whose_secret_is_a_public_key_believes_no_private_one(algorithm: str, how: str) -> None:
    """It says of itself what it is; the library would take the algorithm from the token and the key by its looks."""
    key = PRIVATE[algorithm]
    secret = public(key, how).decode("latin-1")
    reader = AccessTokens([secret], life_seconds=LIFE_S, clock_ms=Clock())
    own = Forge("", reader.issue(USER, SESSION)[0])
    if algorithm != "PS256":  # which the library cannot sign
        check_invalid(reader, jwt.encode(own.claims, pem(key), algorithm, headers=own.header | {"alg": algorithm}))
    check_invalid(reader, own.sign(header={"alg": algorithm}, secret=secret))


HEADERS: Final[dict[str, dict[str, Any]]] = {
    "kid a path": {"kid": "../../../../etc/hostname"},
    "kid a device": {"kid": "/dev/zero"},
    "kid a pipe": {"kid": "|id"},
    "kid SQL": {"kid": "x' UNION SELECT 'secret"},
    "kid an address": {"kid": "http://127.0.0.1:1/key"},
    "kid long": {"kid": "x" * 10_000},
    "jku": {"jku": "http://127.0.0.1:1/jwks.json"},
    "x5u": {"x5u": "http://127.0.0.1:1/cert.pem"},
    "x5c": {"x5c": ["MIIB"]},
    "jwk": {"jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 48).decode()}},
    "a critical name": {"crit": ["jku"], "jku": "http://127.0.0.1:1/jwks.json"},
    "packed": {"zip": "DEF"},
    "nested": {"cty": "JWT"},
}


@pytest.mark.parametrize("secret", [SECRET, "x" * 48, ""], ids=["our secret", "another", "none"])
@pytest.mark.parametrize("how", HEADERS)
def test_nothing_that_a_header_names_is_opened_or_believed(
    reader: AccessTokens, forge: Forge, monkeypatch: pytest.MonkeyPatch, how: str, secret: str
) -> None:
    token = forge.sign(header=HEADERS[how], secret=secret)
    opened: list[object] = []

    def note(*arguments: object, **_named: object) -> None:
        opened.append(arguments)
        raise OSError

    with monkeypatch.context() as patched:
        for owner, name in (
            (builtins, "open"),
            (io, "open"),
            (os, "open"),
            (socket, "socket"),
            (socket, "getaddrinfo"),
        ):
            patched.setattr(owner, name, note)
        check_invalid(reader, token)
    assert opened == []


VALUES: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(START_S - LIFE_S, START_S + 2 * LIFE_S)
    | st.floats()
    | st.text(max_size=40)
    | st.uuids().map(str)
    | st.uuids().map(lambda value: str(value).upper())
    | st.lists(st.text(max_size=10) | st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3)
)


@given(claim=st.sampled_from(NAMES), value=VALUES)
def test_a_claim_that_is_not_what_we_write_is_not_believed(
    reader: AccessTokens, forge: Forge, claim: str, value: object
) -> None:
    """Times may differ while they stay within the policy, ids while they are ids; nothing else may."""
    changed = forge.claims | {claim: value}
    code: ErrorCode | None = None
    wanted: ErrorCode | None = None
    try:
        believed = reader.decode(forge.sign(claims={claim: value}))
    except ChatError as refused:
        code = refused.code
        wanted = ErrorCode.TOKEN_EXPIRED if _could_be_ours(changed) else ErrorCode.INVALID_TOKEN
    else:
        assert _could_be_ours(changed)
        assert (believed.user_id, believed.session_id, believed.token_id) == tuple(changed[name] for name in IDS)
        assert (believed.issued_at_ms, believed.expires_at_ms) == (changed["iat"] * 1000, changed["exp"] * 1000)
    assert code == wanted


@given(kept=st.sets(st.sampled_from(NAMES)).filter(lambda kept: len(kept) < len(NAMES)))
def test_without_all_its_claims_a_token_says_nothing(reader: AccessTokens, forge: Forge, kept: set[str]) -> None:
    claims = json.dumps({name: forge.claims[name] for name in kept}).encode()
    check_invalid(reader, forge.sign_bytes(json.dumps(forge.header).encode(), claims))


@pytest.mark.parametrize(("issued", "expires"), [(0, LIFE_S + 1), (-1, LIFE_S), (0, 10 * 365 * 86_400)])
def test_a_longer_life_than_the_policy_gives_is_not_believed(
    reader: AccessTokens, forge: Forge, issued: int, expires: int
) -> None:
    check_invalid(reader, forge.sign(claims={"iat": START_S + issued, "exp": START_S + expires}))


def test_no_token_lives_into_the_year_10000(reader: AccessTokens, forge: Forge) -> None:
    """RFC 3339 cannot write it."""
    end_s = 253_402_300_800
    last = forge.sign(claims={"iat": end_s - LIFE_S, "exp": end_s - 1})
    assert reader.decode(last).expires_at_ms == (end_s - 1) * 1000
    check_invalid(reader, forge.sign(claims={"iat": end_s - LIFE_S, "exp": end_s}))


def test_a_token_of_the_first_second_of_1970_has_expired_and_is_no_forgery(reader: AccessTokens, forge: Forge) -> None:
    with pytest.raises(ChatError) as caught:
        reader.decode(forge.sign(claims={"iat": 0, "exp": 1}))
    assert caught.value.code is ErrorCode.TOKEN_EXPIRED


@pytest.mark.parametrize(("issued", "expires"), [(-1, 1), (START_S + 9, START_S + 9)])
def test_no_token_is_of_before_1970_or_has_no_life(
    reader: AccessTokens, forge: Forge, issued: int, expires: int
) -> None:
    check_invalid(reader, forge.sign(claims={"iat": issued, "exp": expires}))


@pytest.mark.parametrize("audience", [[AUDIENCE], [AUDIENCE, "another"]])
def test_an_audience_of_several_is_not_ours(reader: AccessTokens, forge: Forge, audience: list[str]) -> None:
    """The library would be content to find us among them."""
    check_invalid(reader, forge.sign(claims={"aud": audience}))


@pytest.mark.parametrize("not_before", [START_S + 3_000_000_000, "now"])
def test_a_token_that_is_not_good_yet_is_not_believed(reader: AccessTokens, forge: Forge, not_before: object) -> None:
    """None of ours says so. The library goes by its own clock here."""
    check_invalid(reader, forge.sign(claims={"nbf": not_before}))


@pytest.mark.parametrize("how", ["PEM", "SSH"])
def test_a_public_key_in_text_is_not_even_taken_as_a_secret(how: str) -> None:
    with pytest.raises(JWKError, match="should not be used as an HMAC secret"):
        AccessTokens([public(RSA, how).decode()], life_seconds=LIFE_S, clock_ms=Clock())


@pytest.mark.parametrize(("length", "is_read"), [(4096, True), (4097, False)])
def test_a_token_is_read_up_to_4_kib(reader: AccessTokens, forge: Forge, length: int, *, is_read: bool) -> None:
    header, claims = json.dumps(forge.header).encode(), json.dumps(forge.claims).encode()
    # What a blank adds is one or two characters, so that both parts together come to any length.
    tokens = (
        forge.sign_bytes(header + b" " * blanks, claims + b" " * padding)
        for blanks in range(3)
        for padding in range(2000, 3000)
    )
    token = next(token for token in tokens if len(token) == length)
    if is_read:
        assert reader.decode(token).user_id == USER
    else:
        check_invalid(reader, token)


def _could_be_ours(claims: dict[str, Any]) -> bool:
    iat, exp = claims["iat"], claims["exp"]
    if type(iat) is not int or type(exp) is not int or not 0 < exp - iat <= LIFE_S or iat < 0:
        return False
    return claims["iss"] == ISSUER and claims["aud"] == AUDIENCE and all(_is_id(claims[name]) for name in IDS)


def _is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    except ValueError:
        return False
