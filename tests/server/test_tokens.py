"""Access tokens: the server believes those that it signed, whole, now, and for a session that lives."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jwt

from tests.server.conversation import NOBODY, done
from tests.support.fixtures import SPECIAL, MakePerson, MakeServer, TokenOf
from tests.support.forging import Forge, encode
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.raw import handshake
from tests.support.server import ServerProcess

Making = Callable[[Forge], str]


@pytest.fixture
def forge(special: ServerProcess, token_of: TokenOf) -> Forge:
    """Give a forge that knows the secret and a good token."""
    return Forge(SPECIAL["SECRET_KEYS"], token_of(special))


async def check_refused(server: ServerProcess, token: str, code: str = "invalid_token") -> None:
    """Assert that REST and the handshake both refuse this token."""
    async with http_client(server) as http:
        response = await http.get("/v1/users/me", headers=[(b"Authorization", b"Bearer " + token.encode("latin-1"))])
        document = check_problem(response, 401, code)
        assert token not in document["detail"]
    check_problem(await handshake(server, token=token), 401, code)


async def test_a_token_made_again_from_its_parts_is_believed(special: ServerProcess, forge: Forge) -> None:
    """Without this the refusals below would prove nothing."""
    async with http_client(special, forge.sign()) as http:
        assert done(await http.get("/v1/users/me"))["id"] == forge.claims["sub"]
    assert (await handshake(special, token=forge.sign())).status_code == 101


FORGERIES: dict[str, Making] = {
    "algorithm none": lambda forge: forge.unsigned("none"),
    "algorithm nOnE": lambda forge: forge.unsigned("nOnE"),
    "algorithm empty": lambda forge: forge.unsigned(""),
    "algorithm null": lambda forge: forge.unsigned(None),
    "algorithm a list": lambda forge: forge.sign(header={"alg": ["HS256"]}),
    "algorithm missing": lambda forge: forge.sign(without="alg"),
    "no signature": lambda forge: forge.sign().rpartition(".")[0] + ".",
    "signature cut": lambda forge: forge.sign()[:-4],
    "HS384": lambda forge: forge.sign(header={"alg": "HS384"}, digest="sha384"),
    "HS512": lambda forge: forge.sign(header={"alg": "HS512"}, digest="sha512"),
    "RS256": lambda forge: jwt.encode(forge.claims, _rsa_pem(), "RS256", {"typ": "at+jwt", "kid": forge.header["kid"]}),
    "ES256": lambda forge: jwt.encode(forge.claims, _ec_pem(), "ES256", {"typ": "at+jwt", "kid": forge.header["kid"]}),
    "another secret": lambda forge: forge.sign(secret="x" * 48),
    "no secret": lambda forge: forge.sign(secret=""),
    "the kid as secret": lambda forge: forge.sign(secret=forge.header["kid"]),
    "kid missing": lambda forge: forge.sign(without="kid"),
    "kid unknown": lambda forge: forge.sign(header={"kid": "0"}),
    "kid a path": lambda forge: forge.sign(header={"kid": "../../../../dev/null"}, secret=""),
    "kid an URL": lambda forge: forge.sign(header={"kid": "https://evil.example/key"}),
    "kid long": lambda forge: forge.sign(header={"kid": "x" * 2_000}),
    "kid a number": lambda forge: forge.sign(header={"kid": 1}),
    "kid a list": lambda forge: forge.sign(header={"kid": [forge.header["kid"]]}),
    "typ JWT": lambda forge: forge.sign(header={"typ": "JWT"}),
    "typ missing": lambda forge: forge.sign(without="typ"),
    "typ of a refresh token": lambda forge: forge.sign(header={"typ": "rt+jwt"}),
    "a critical extension": lambda forge: forge.sign(header={"crit": ["exp"], "b64": False}),
    "a key of its own": lambda forge: forge.sign(
        header={"jwk": {"kty": "oct", "k": encode(b"x" * 48)}}, secret="x" * 48
    ),
    "a key elsewhere": lambda forge: forge.sign(header={"jku": "https://evil.example/jwks"}, secret="x" * 48),
    "a certificate elsewhere": lambda forge: forge.sign(header={"x5u": "https://evil.example/cert"}),
    "not good yet": lambda forge: forge.sign(claims={"nbf": forge.claims["exp"]}),
    "longer life": lambda forge: forge.sign(claims={"exp": forge.claims["exp"] + 1}),
    "iss wrong": lambda forge: forge.sign(claims={"iss": "evil"}),
    "aud wrong": lambda forge: forge.sign(claims={"aud": "evil"}),
    "aud empty": lambda forge: forge.sign(claims={"aud": []}),
    "aud null": lambda forge: forge.sign(claims={"aud": None}),
    "sub of nobody": lambda forge: forge.sign(claims={"sub": NOBODY}),
    "sub a number": lambda forge: forge.sign(claims={"sub": 1}),
    "sub null": lambda forge: forge.sign(claims={"sub": None}),
    "sub hostile": lambda forge: forge.sign(claims={"sub": "' OR 1=1 --"}),
    "sid a list": lambda forge: forge.sign(claims={"sid": [forge.claims["sid"]]}),
    "sid hostile": lambda forge: forge.sign(claims={"sid": "\u0000"}),
    "jti null": lambda forge: forge.sign(claims={"jti": None}),
    "exp text": lambda forge: forge.sign(claims={"exp": "tomorrow"}),
    "exp digits in text": lambda forge: forge.sign(claims={"exp": str(forge.claims["exp"])}),
    "exp a list": lambda forge: forge.sign(claims={"exp": [forge.claims["exp"]]}),
    "exp null": lambda forge: forge.sign(claims={"exp": None}),
    "exp true": lambda forge: forge.sign(claims={"exp": True}),
    "exp infinite": lambda forge: forge.sign(claims={"exp": float("inf")}),
    "exp no number": lambda forge: forge.sign(claims={"exp": float("nan")}),
    "exp huge": lambda forge: forge.sign(claims={"exp": 10**400}),
    "iat text": lambda forge: forge.sign(claims={"iat": "yesterday"}),
    "claims a list": lambda forge: forge.sign_bytes(_json(forge.header), b"[]"),
    "claims no JSON": lambda forge: forge.sign_bytes(_json(forge.header), b"x"),
    "claims no UTF-8": lambda forge: forge.sign_bytes(_json(forge.header), b"\xff\xfe"),
    "header a list": lambda forge: forge.sign_bytes(b"[]", _json(forge.claims)),
    "header nested": lambda forge: forge.sign_bytes(b"[" * 1_000, _json(forge.claims)),
    "header nested in a field": lambda forge: forge.sign_bytes(
        _json(forge.header)[:-1] + b', "x": ' + b"[" * 1_000 + b"]" * 1_000 + b"}", _json(forge.claims)
    ),
    "claims nested": lambda forge: forge.sign_bytes(_json(forge.header), b'{"sub": ' * 300 + b"1" + b"}" * 300),
    "longer than any": lambda forge: forge.sign(claims={"padding": "x" * 4_500}),
    "two parts": lambda forge: ".".join(forge.sign().split(".")[:2]),
    "four parts": lambda forge: forge.sign() + ".x",
    "five parts": lambda forge: "a.b.c.d.e",
    "no ASCII": lambda forge: "ÿ" + forge.sign()[1:],
    "padding": lambda forge: forge.sign() + "=",
    "a blank": lambda forge: forge.sign().replace(".", " .", 1),
    "dots": lambda forge: "..",
}


@pytest.mark.wire("invalid_token")
@pytest.mark.parametrize("how", FORGERIES)
async def test_a_forged_token_is_invalid(special: ServerProcess, forge: Forge, how: str) -> None:
    await check_refused(special, FORGERIES[how](forge))


@pytest.mark.wire("invalid_token")
async def test_no_refusal_tells_what_is_wrong_with_a_token(special: ServerProcess, forge: Forge) -> None:
    """Byte for byte the same, headers too; the reason is nobody's business but the log's."""
    told = set()
    async with http_client(special, **{"X-Request-ID": "one-for-all"}) as http:
        for make in FORGERIES.values():
            sent = [(b"Authorization", b"Bearer " + make(forge).encode("latin-1"))]
            response = await http.get("/v1/users/me", headers=sent)
            headers = frozenset((name, value) for name, value in response.headers.items() if name != "date")
            told.add((response.content, headers))
    ((content, _),) = told
    assert b'"invalid_token"' in content


@pytest.mark.wire("invalid_token")
@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
async def test_every_claim_is_required(special: ServerProcess, forge: Forge, claim: str) -> None:
    await check_refused(special, forge.sign(without=claim))


@pytest.mark.wire("token_expired")
async def test_a_token_has_expired_from_its_very_second_on(special: ServerProcess, forge: Forge) -> None:
    for exp in (int(time.time()), 1):
        claims = {"exp": exp, "iat": exp - 1}
        await check_refused(special, forge.sign(claims=claims), "token_expired")
        await check_refused(special, forge.sign(claims=claims, secret="x" * 48))


async def test_the_user_of_a_token_is_that_of_its_session(
    special: ServerProcess, forge: Forge, person: MakePerson
) -> None:
    eve = await person(server=special)
    await check_refused(special, forge.sign(claims={"sub": eve.id}))


@pytest.mark.wire("session_revoked")
async def test_a_session_that_never_was_is_none(special: ServerProcess, forge: Forge) -> None:
    async with http_client(special, forge.sign(claims={"sid": NOBODY})) as http:
        response = await http.get("/v1/users/me")
    assert response.json()["code"] in {"session_revoked", "invalid_token"}
    check_problem(response, 401, response.json()["code"])


async def test_after_a_change_of_secrets_old_tokens_live_as_long_as_their_secret_is_listed(
    make_server: MakeServer, person: MakePerson, special: ServerProcess
) -> None:
    old, new = secrets.token_hex(24), secrets.token_hex(24)
    server = make_server(SECRET_KEYS=old)
    server.keep_secret(old, new)
    ada = await person(server=server)
    server.restart(SECRET_KEYS=f"{new},{old}")
    assert (await ada.http.get("/v1/users/me")).status_code == 200
    fresh = await ada.login()
    assert jwt.get_unverified_header(fresh["access_token"])["kid"] != Forge(old, ada.access_token).header["kid"]
    for token in (ada.access_token, fresh["access_token"]):
        await check_refused(special, token)  # which lists neither secret


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode()


def _rsa_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _ec_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
