"""The secrets that sign access tokens: there, strong, kept closed, and working."""

import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from api.cli.checks.finding import Finding, Findings, fault, ok, skipped, warning
from api.domain.errors import ChatError
from api.security.tokens import SECRET_BYTES_MIN, SECRET_FILE, AccessTokens
from config.settings import Settings

_NEW: Final = "Make another (`openssl rand -hex 32`) and put it in its place; access tokens signed with it end then."
_DAY_S: Final = 86_400
_OLD_DAYS: Final = 365
# More than a new one, the one before, and one that was forgotten: each is one more that may leak.
_MANY: Final = 3
_LEAST_CHARACTERS: Final = 10
_SOMEBODY: Final = "01900000-0000-7000-8000-000000000000"

# Long enough to pass, and printed in books, tutorials and sample configurations: everybody has them.
_PUBLISHED: Final = frozenset(
    {
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # FastAPI's tutorial
        "a-string-secret-at-least-256-bits-long",  # jwt.io
        "a-valid-string-secret-that-is-at-least-256-bits-long",
        "your-256-bit-secret-your-256-bit-secret",
    }
)
_PLACEHOLDERS: Final = (
    "changeme", "change-me", "change_me", "changethis", "replaceme", "replace-me", "your-secret", "yoursecret",
    "your_secret", "secretkey", "secret-key", "secret_key", "supersecret", "super-secret", "super_secret", "mysecret",
    "insecure", "password", "example", "123456789", "abcdefgh",
)  # fmt: skip


def check_keys(settings: Settings) -> Findings:
    """Look at each secret, newest first, and sign and read a token with it."""
    secrets = [secret.get_secret_value() for secret in settings.secret_keys]
    yield from _look_at_file(settings.data_dir / SECRET_FILE, is_used=not secrets)
    if not secrets:
        secrets = _kept(settings.data_dir / SECRET_FILE)
    elif len(secrets) > _MANY:
        yield warning(
            "secrets.rotation",
            f"{len(secrets)} secrets are good: whoever knows any of them can sign tokens",
            "Keep the newest, and the one before it for CHAT_ACCESS_TOKEN_SECONDS after the change.",
        )
    elif len(secrets) > 1:
        yield ok(
            "secrets.rotation",
            f"{len(secrets)} secrets: the first signs; take the others out {settings.access_token_seconds} s after "
            "the restart that put it first",
        )
    for number, secret in enumerate(secrets, 1):
        yield strength(f"secrets.{number}", secret)
    if secrets:
        yield self_test(secrets, life_seconds=settings.access_token_seconds)


def strength(check: str, secret: str) -> Finding:
    """Judge a secret by its looks; nothing of it is told."""
    plain = secret.lower()
    if plain in _PUBLISHED or any(word in plain for word in _PLACEHOLDERS):
        return fault(check, "is a sample or a placeholder that others know", _NEW)
    if len(set(secret)) < _LEAST_CHARACTERS or secret in (secret + secret)[1:-1]:
        return fault(check, "repeats itself: it is no random one, and can be guessed", _NEW)
    return ok(check, f"{len(secret.encode())} bytes")


def self_test(secrets: Sequence[str], *, life_seconds: int) -> Finding:
    """Sign with each secret, read with all of them, and see that a token that was changed is refused."""
    everything = AccessTokens(secrets, life_seconds=life_seconds, clock_ms=_clock_ms)
    begin = time.perf_counter()
    for number, secret in enumerate(secrets, 1):
        token, _ = AccessTokens([secret], life_seconds=life_seconds, clock_ms=_clock_ms).issue(_SOMEBODY, _SOMEBODY)
        try:
            is_good = everything.decode(token).user_id == _SOMEBODY
        except ChatError:
            is_good = False
        if not is_good:
            return fault("secrets.tokens", f"a token signed with secret {number} is refused", _REINSTALL)
        if any(_passes(everything, changed) for changed in _changed(token)):
            return fault("secrets.tokens", f"a token signed with secret {number} and then changed passes", _REINSTALL)
    ms = (time.perf_counter() - begin) * 1000
    return ok("secrets.tokens", f"signed, read, and refused when changed, in {ms:.1f} ms")


_REINSTALL: Final = "Do not serve with this. Install the package anew, with the versions of requirements.lock."


def _look_at_file(path: Path, *, is_used: bool) -> Findings:
    check = "secrets.file"
    if not path.exists():
        if is_used:
            yield skipped(check, f"no {path} yet: `chat serve` makes it")
        return
    state = path.stat()
    if not is_used:
        yield ok(check, f"{path} is there and not used, for CHAT_SECRET_KEYS is set")
        return
    mode, days = stat.S_IMODE(state.st_mode), int((time.time() - state.st_mtime) // _DAY_S)
    try:
        is_secret = len(path.read_text(encoding="utf-8").strip().encode()) >= SECRET_BYTES_MIN
    except OSError as error:
        yield fault(check, f"{path} cannot be read ({error.strerror})", "Give it to the user of the server.")
        return
    except UnicodeDecodeError:
        is_secret = False
    if not is_secret:
        yield fault(
            check,
            f"{path} holds no secret of at least {SECRET_BYTES_MIN} bytes",
            "Delete it; `chat serve` makes another.",
        )
    elif mode & 0o077:
        yield fault(
            check, f"others of this machine may read {path} (mode {mode:03o})", f"chmod 600 {path}, and renew it."
        )
    elif days > _OLD_DAYS:
        yield warning(
            check,
            f"{path} is {days} days old",
            "Delete it and restart; clients refresh their access tokens by themselves.",
        )
    else:
        yield ok(check, f"{path}, for its owner alone (mode {mode:03o}), {days} days old")


def _kept(path: Path) -> list[str]:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return []
    return [secret] if len(secret.encode()) >= SECRET_BYTES_MIN else []


def _changed(token: str) -> list[str]:
    """Give the token with another claim, with another signature, and with none."""
    header, claims, signature = token.split(".")
    flipped = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BA")
    middle = len(claims) // 2
    other = claims[:middle] + ("A" if claims[middle] != "A" else "B") + claims[middle + 1 :]
    return [f"{header}.{other}.{signature}", f"{header}.{claims}.{flipped}", f"{header}.{claims}."]


def _passes(tokens: AccessTokens, token: str) -> bool:
    try:
        tokens.decode(token)
    except ChatError:
        return False
    return True


def _clock_ms() -> int:
    return time.time_ns() // 1_000_000
