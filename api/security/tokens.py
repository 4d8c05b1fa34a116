"""Access tokens: JWTs (RFC 7519, RFC 9068), signed with HS256. The one place that calls python-jose.

The library validates only what it is asked to, raises outside its own exceptions, and takes keys apart by their looks.
Hence `decode` alone verifies: size first, one algorithm, one key, every claim, any failure the same refusal.
"""

import base64
import contextlib
import hashlib
import os
import re
import secrets as random
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uuid_utils
from jose import jwk, jwt
from jose.backends.base import Key
from jose.constants import ALGORITHMS

from api.domain.errors import ChatError, ErrorCode

TOKEN_BYTES_MAX: Final = 4096
ISSUER: Final = "chat"
AUDIENCE: Final = "chat"
SECRET_FILE: Final = "secret.key"  # noqa: S105 - where it is, not what
SECRET_BYTES_MIN: Final = 32  # as long as the HS256 digest: RFC 7518 §3.2
TYPE: Final = "at+jwt"  # RFC 9068 §2.1: no other JWT can pass for an access token

_SEGMENT = r"[A-Za-z0-9_-]+"
_SHAPE = re.compile(rf"{_SEGMENT}\.{_SEGMENT}\.({_SEGMENT})")
_SECRET_BYTES = 48
_END_OF_TIME_S = 253_402_300_800  # the year 10,000, which RFC 3339 cannot write
_HEADER_NAMES = {"alg", "typ", "kid"}
# The expiry is for `_claims`, by the clock of this process; "require_exp" would switch the library's check on again.
_OPTIONS = {f"require_{claim}": True for claim in ("iss", "aud", "sub", "jti", "iat")} | {"verify_exp": False}


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says, once it is believed."""

    user_id: str
    session_id: str
    token_id: str
    issued_at_ms: int
    expires_at_ms: int


class AccessTokens:
    """Signs and reads access tokens.

    Args:
        secret_keys: newest first; the first signs, all verify. Random, at least 32 bytes each.
        life_seconds: from issue to expiry; what was signed to live longer is not believed.
        clock_ms: the time in milliseconds since the epoch.
    """

    def __init__(self, secret_keys: Sequence[str], *, life_seconds: int, clock_ms: Callable[[], int]) -> None:
        self._keys: dict[str, Key] = {_key_id(secret): _key(secret) for secret in secret_keys}
        self._key_id = _key_id(secret_keys[0])
        self._clock_ms = clock_ms
        self.life_seconds = life_seconds

    def issue(self, user_id: str, session_id: str) -> tuple[str, int]:
        """Sign a token of a session; returns it and when it expires, in milliseconds.

        Its times are whole seconds, so it may live up to a second less than `life_seconds`.
        """
        issued_at_s = self._clock_ms() // 1000
        expires_at_s = issued_at_s + self.life_seconds
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": session_id,
            "jti": str(uuid_utils.uuid7()),
            "iat": issued_at_s,
            "exp": expires_at_s,
        }
        key = self._keys[self._key_id]
        headers = {"typ": TYPE, "kid": self._key_id}
        # A ready key, not its text: the library would take text that looks like JSON or PEM for something else.
        token = jwt.encode(claims, key, algorithm=ALGORITHMS.HS256, headers=headers)
        return token, expires_at_s * 1000

    def decode(self, token: str) -> Claims:
        """Believe a token, or refuse it. Whether its session still lives is for `Authenticator` to say.

        Raises:
            ChatError: `token_expired`, from the very second of `exp` on; `invalid_token` for everything else.
        """
        try:
            claims = self._verified(token)
        except Exception:  # noqa: BLE001 - also RecursionError, TypeError, OverflowError: fuzzed tokens reach them all
            claims = None
        if claims is None:
            raise ChatError(ErrorCode.INVALID_TOKEN, "The access token is not valid.")
        if claims.expires_at_ms <= self._clock_ms():
            raise ChatError(ErrorCode.TOKEN_EXPIRED, "The access token has expired.", user_id=claims.user_id)
        return claims

    def _verified(self, token: str) -> Claims | None:
        if len(token) > TOKEN_BYTES_MAX:
            return None
        shape = _SHAPE.fullmatch(token)
        if shape is None or not _is_canonical(shape[1]):
            return None
        header = jwt.get_unverified_header(token)
        if set(header) != _HEADER_NAMES or header["alg"] != ALGORITHMS.HS256 or header["typ"] != TYPE:
            return None
        key = self._keys.get(header["kid"])
        if key is None:
            return None
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHMS.HS256],
            audience=AUDIENCE,
            issuer=ISSUER,
            options=_OPTIONS,
        )
        return _claims(claims, self.life_seconds)


def load_or_create_secret(data_dir: Path) -> str:
    """Return the secret that is kept in the data folder for this owner's eyes only, made at the first start.

    Two processes that start at once get the same one.

    Raises:
        OSError: the folder or the file cannot be used.
        ValueError: the file does not hold a secret.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / SECRET_FILE
    if not path.exists():
        _create(path, random.token_urlsafe(_SECRET_BYTES))
    path.chmod(0o600)
    secret = path.read_text(encoding="utf-8").strip()
    if len(secret.encode()) < SECRET_BYTES_MIN:
        raise ValueError(f"{path} holds no secret of at least {SECRET_BYTES_MIN} bytes")
    return secret


def _create(path: Path, secret: str) -> None:
    # A link appears whole or not at all, and never over what another process has made meanwhile.
    draft = path.with_name(f".{path.name}.{random.token_hex(4)}")
    try:
        draft.touch(mode=0o600, exist_ok=False)
        with draft.open("w", encoding="utf-8") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _claims(claims: Mapping[str, Any], life_seconds: int) -> Claims | None:
    issued_at_s, expires_at_s = claims["iat"], claims["exp"]
    # type(), as True is an int to isinstance.
    if type(issued_at_s) is not int or type(expires_at_s) is not int:
        return None
    if not 0 <= issued_at_s < expires_at_s < _END_OF_TIME_S or expires_at_s - issued_at_s > life_seconds:
        return None
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
        return None
    if not all(_is_id(claims[name]) for name in ("sub", "sid", "jti")):
        return None
    return Claims(claims["sub"], claims["sid"], claims["jti"], issued_at_s * 1000, expires_at_s * 1000)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and str(uuid.UUID(value)) == value


def _is_canonical(segment: str) -> bool:
    # base64 leaves unused bits at the end: without this, three other spellings of each signature would pass as well.
    padded = segment + "=" * (-len(segment) % 4)
    return base64.urlsafe_b64encode(base64.urlsafe_b64decode(padded)).decode().rstrip("=") == segment


def _key(secret: str) -> Key:
    return jwk.construct(secret.encode(), ALGORITHMS.HS256)


def _key_id(secret: str) -> str:
    return hashlib.sha256(b"chat access token key\0" + secret.encode()).hexdigest()[:16]
