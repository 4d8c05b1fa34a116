"""Access tokens: what is signed is believed, and nothing else is."""

import base64
import hmac
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jose import jwt

from api.domain.errors import ChatError, ErrorCode
from api.security.tokens import TOKEN_BYTES_MAX, AccessTokens, load_or_create_secret
from tests.support.accounts import START_MS, Clock

SECRET = "an old secret of this test, thirty-two bytes"
NEW_SECRET = "a new secret of this test, thirty-two bytes"
USER, SESSION = "01980000-0000-7000-8000-00000000000a", "01980000-0000-7000-8000-00000000000b"
START_S = START_MS // 1000


def tokens(*secrets: str, clock: Callable[[], int] | None = None) -> AccessTokens:
    return AccessTokens(secrets or [SECRET], life_seconds=900, clock_ms=clock or Clock())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def header_of(issuer: AccessTokens) -> dict[str, Any]:
    return dict(jwt.get_unverified_header(issuer.issue(USER, SESSION)[0]))


def claims_of(issuer: AccessTokens) -> dict[str, Any]:
    return dict(jwt.get_unverified_claims(issuer.issue(USER, SESSION)[0]))


def forge(header: object, claims: object, secret: str = SECRET) -> str:
    """Sign anything, with the right secret if not told otherwise."""
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.digest(secret.encode(), signed.encode(), sha256))}"


def code_of(reader: AccessTokens, token: str) -> ErrorCode:
    with pytest.raises(ChatError) as caught:
        reader.decode(token)
    assert len(token) < 10 or token not in caught.value.detail
    return caught.value.code


def test_a_token_says_who_which_session_and_until_when() -> None:
    token, expires_at_ms = tokens().issue(USER, SESSION)
    claims = tokens().decode(token)
    assert (claims.user_id, claims.session_id) == (USER, SESSION)
    assert claims.issued_at_ms == START_S * 1000
    assert claims.expires_at_ms == expires_at_ms == (START_S + 900) * 1000
    assert claims.token_id != tokens().decode(tokens().issue(USER, SESSION)[0]).token_id


def test_a_token_names_its_kind_its_issuer_and_whom_it_is_for() -> None:
    header, claims = header_of(tokens()), claims_of(tokens())
    assert (header["alg"], header["typ"]) == ("HS256", "at+jwt")
    assert (claims["iss"], claims["aud"]) == ("chat", "chat")


def test_the_test_forges_what_would_be_believed() -> None:
    issuer = tokens()
    assert issuer.decode(forge(header_of(issuer), claims_of(issuer))).user_id == USER


def test_a_token_ends_with_the_second_of_exp() -> None:
    clock = Clock()
    issuer = tokens(clock=clock)
    token, expires_at_ms = issuer.issue(USER, SESSION)
    clock.now_ms = expires_at_ms - 1
    assert issuer.decode(token).user_id == USER
    clock.now_ms = expires_at_ms
    with pytest.raises(ChatError) as caught:
        issuer.decode(token)
    assert (caught.value.code, caught.value.user_id) == (ErrorCode.TOKEN_EXPIRED, USER)


def test_an_expired_forgery_is_invalid_rather_than_expired() -> None:
    clock = Clock()
    issuer = tokens(clock=clock)
    header, claims = header_of(issuer), claims_of(issuer)
    clock.advance(3600)
    assert code_of(issuer, forge(header, claims, NEW_SECRET)) is ErrorCode.INVALID_TOKEN
    assert code_of(issuer, forge(header, claims)) is ErrorCode.TOKEN_EXPIRED


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
def test_every_claim_is_required(claim: str) -> None:
    issuer = tokens()
    claims = claims_of(issuer)
    del claims[claim]
    assert code_of(issuer, forge(header_of(issuer), claims)) is ErrorCode.INVALID_TOKEN


WRONG: list[object] = [None, True, 1.5, "", "x", [], {}, -1, [USER], float("inf"), float("nan"), 2**70, "1" * 40]


@pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_every_claim_must_be_what_it_should_be(claim: str, value: object) -> None:
    issuer = tokens()
    claims = claims_of(issuer) | {claim: value}
    assert code_of(issuer, forge(header_of(issuer), claims)) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("claim", ["exp", "iat"])
def test_a_time_as_text_or_fraction_is_none(claim: str) -> None:
    issuer = tokens()
    for value in (str(START_S + 900), START_S + 900.5, START_S + 0.5, [START_S + 900]):
        assert code_of(issuer, forge(header_of(issuer), claims_of(issuer) | {claim: value})) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "nOnE"},
        {"alg": ""},
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": "HS384"},
        {"alg": "HS2"},
        {"alg": "RS256"},
        {"typ": "JWT"},
        {"typ": "refresh"},
        {"typ": None},
        {"kid": "other"},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": ["x"]},
        {"kid": {}},
        {"kid": None},
        {"kid": "x" * 2000},
        {"crit": ["exp"]},
        {"jku": "https://evil.example/keys"},
        {"jwk": {"kty": "oct", "k": "eA"}},
        {"x5u": "https://evil.example/cert"},
        {"b64": False},
    ],
    ids=repr,
)
def test_the_header_is_as_it_was_made_or_the_token_is_refused(change: dict[str, object]) -> None:
    issuer = tokens()
    assert code_of(issuer, forge(header_of(issuer) | change, claims_of(issuer))) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize("name", ["alg", "typ", "kid"])
def test_the_header_has_all_its_parts(name: str) -> None:
    issuer = tokens()
    header = header_of(issuer)
    del header[name]
    assert code_of(issuer, forge(header, claims_of(issuer))) is ErrorCode.INVALID_TOKEN


def test_a_token_without_signature_is_refused() -> None:
    token = tokens().issue(USER, SESSION)[0]
    signed, _, signature = token.rpartition(".")
    for broken in (signed, f"{signed}.", f"{signed}.AAAA", f"{signed}.{signature}.{signature}", f"{token}="):
        assert code_of(tokens(), broken) is ErrorCode.INVALID_TOKEN


def test_no_other_spelling_of_a_signature_passes() -> None:
    token = tokens().issue(USER, SESSION)[0]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    passed = []
    for last in alphabet:
        try:
            tokens().decode(token[:-1] + last)
        except ChatError:
            continue
        passed.append(last)
    assert passed == [token[-1]]


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "x" * 5000,
        "é.é.é",
        "\ud800.\ud800.\ud800",
        "\x00.\x00.\x00",
        "a b.c.d",
        b64(b"[" * 1000) + ".e30.AAAA",
        b64(b'{"alg":' * 400) + ".e30.AAAA",
        b64(b'{"alg":"HS256","typ":"at+jwt","kid":' + b"[" * 900 + b"]" * 900 + b"}") + ".e30.AAAA",
        b64(b"\xff\xfe") + ".e30.AAAA",
    ],
    ids=lambda token: ascii(token[:12]),
)
def test_what_is_no_token_is_refused_like_one(token: str) -> None:
    assert code_of(tokens(), token) is ErrorCode.INVALID_TOKEN


def test_deep_claims_with_a_good_signature_are_refused() -> None:
    issuer = tokens()
    head = b64(json.dumps(header_of(issuer)).encode())
    signed = f"{head}.{b64(b'[' * 2900)}"
    token = f"{signed}.{b64(hmac.digest(SECRET.encode(), signed.encode(), sha256))}"
    assert len(token) <= TOKEN_BYTES_MAX
    assert code_of(issuer, token) is ErrorCode.INVALID_TOKEN


def test_long_tokens_are_refused_unread() -> None:
    issuer = tokens()
    claims = claims_of(issuer) | {"padding": "x" * 4000}
    assert code_of(issuer, forge(header_of(issuer), claims)) is ErrorCode.INVALID_TOKEN


@given(token=st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_nothing_makes_decoding_fail_otherwise(token: str) -> None:
    assert code_of(tokens(), token) is ErrorCode.INVALID_TOKEN


@given(position=st.integers(0, 10_000), replacement=st.sampled_from("AQgw_-.=~ \n"))
def test_a_changed_character_anywhere_breaks_a_token(position: int, replacement: str) -> None:
    token = tokens().issue(USER, SESSION)[0]
    place = position % len(token)
    if token[place] != replacement:
        changed = token[:place] + replacement + token[place + 1 :]
        assert code_of(tokens(), changed) is ErrorCode.INVALID_TOKEN


def test_the_newest_secret_signs_and_older_ones_still_verify() -> None:
    old, both = tokens(SECRET), tokens(NEW_SECRET, SECRET)
    token = old.issue(USER, SESSION)[0]
    assert both.decode(token).user_id == USER
    fresh = both.issue(USER, SESSION)[0]
    assert header_of(both)["kid"] != header_of(old)["kid"]
    assert both.decode(fresh).user_id == USER
    assert code_of(old, fresh) is ErrorCode.INVALID_TOKEN
    assert code_of(tokens(NEW_SECRET), token) is ErrorCode.INVALID_TOKEN


def test_a_secret_has_the_kid_that_tokens_hold_of_it_already() -> None:
    assert header_of(tokens())["kid"] == "99f1bf1241ae53c2"


def test_the_kid_chooses_the_key_alone() -> None:
    both = tokens(NEW_SECRET, SECRET)
    assert code_of(both, forge(header_of(both), claims_of(both), SECRET)) is ErrorCode.INVALID_TOKEN


@pytest.mark.parametrize(
    "secret",
    [
        '"a secret that stands in quotation marks"',
        '["a secret that is", "a list of JSON......."]',
        '{"kty": "oct", "k": "YXNkYXNkYXNkYXNkYXNkYXNk"}',
        "12345678901234567890123456789012",
    ],
)
def test_a_secret_is_taken_as_it_stands(secret: str) -> None:
    issuer = tokens(secret)
    assert issuer.decode(issuer.issue(USER, SESSION)[0]).user_id == USER
    assert issuer.decode(forge(header_of(issuer), claims_of(issuer), secret)).user_id == USER


def test_the_slow_elliptic_curves_are_not_even_loaded() -> None:
    """CVE-2024-23342 is in `ecdsa`, which python-jose requires and does not need beside `cryptography`."""
    program = "import api.security.tokens, sys; print('ecdsa' in sys.modules, 'rsa' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]


class TestDevelopmentSecret:
    def test_it_is_made_once_for_the_owners_eyes_only(self, tmp_path: Path) -> None:
        folder = tmp_path / "deep" / "data"
        secret = load_or_create_secret(folder)
        assert len(secret.encode()) >= 32
        assert load_or_create_secret(folder) == secret
        (path,) = folder.iterdir()
        assert path.name == "secret.key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_every_folder_has_another(self, tmp_path: Path) -> None:
        assert load_or_create_secret(tmp_path / "a") != load_or_create_secret(tmp_path / "b")

    def test_an_open_file_is_closed_to_others(self, tmp_path: Path) -> None:
        load_or_create_secret(tmp_path)
        (path,) = tmp_path.iterdir()
        path.chmod(0o644)
        load_or_create_secret(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_two_processes_at_once_get_the_same(self, tmp_path: Path) -> None:
        program = (
            "import sys; from pathlib import Path; from api.security.tokens import load_or_create_secret;"
            "sys.stdin.readline(); print(load_or_create_secret(Path(sys.argv[1])))"
        )
        started = [
            subprocess.Popen(
                [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(3)
        ]
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        secrets = {process.communicate(timeout=30)[0] for process in started}
        assert len(secrets) == 1
        assert all(process.returncode == 0 for process in started)
        assert len(list(tmp_path.iterdir())) == 1

    def test_nobody_else_can_read_it_while_it_is_made(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        modes: list[int] = []

        def link(draft: Path, path: Path) -> None:
            modes.append(stat.S_IMODE(draft.stat().st_mode))
            draft.rename(path)

        monkeypatch.setattr(os, "link", link)
        load_or_create_secret(tmp_path)
        assert modes == [0o600]

    def test_who_comes_second_takes_the_secret_of_the_first(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = load_or_create_secret(tmp_path)
        monkeypatch.setattr(Path, "exists", lambda _path: False)  # as it was when the second looked
        assert load_or_create_secret(tmp_path) == secret
        assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]

    def test_a_folder_that_cannot_be_written_is_said_to_be_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def denied(path: Path, **_options: object) -> None:
            raise PermissionError(path)

        monkeypatch.setattr(Path, "touch", denied)
        with pytest.raises(PermissionError):
            load_or_create_secret(tmp_path)

    def test_a_secret_of_32_bytes_is_one(self, tmp_path: Path) -> None:
        (tmp_path / "secret.key").write_text("x" * 32 + "\n")
        assert load_or_create_secret(tmp_path) == "x" * 32

    @pytest.mark.parametrize("text", ["", "\n", "short", "x" * 31])
    def test_a_file_that_holds_no_secret_is_named(self, tmp_path: Path, text: str) -> None:
        load_or_create_secret(tmp_path)
        (path,) = tmp_path.iterdir()
        path.write_text(text)
        with pytest.raises(ValueError, match="holds no secret") as caught:
            load_or_create_secret(tmp_path)
        assert str(caught.value) == f"{path} holds no secret of at least 32 bytes"
