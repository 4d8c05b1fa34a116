"""What single settings may look like: each function returns the value in its one form, or raises ValueError.

The messages never hold the value: it may be a secret, and the variable's name is enough to find it.
"""

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import limits

RATE_COUNT_MAX: Final = 1_000_000
RATE_PERIOD_S_MAX: Final = 366 * 24 * 3600
"""Beyond any sense, and still exact in the floating-point seconds that limits are kept in."""

SQLITE_SCHEME: Final = "sqlite+aiosqlite:///"
SECRET_BYTES: Final = 32  # as long as the HS256 digest: RFC 7518, section 3.2
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/?#@:*]+)(:[0-9]{1,5})?")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")


def split(value: object) -> object:
    """Split comma-separated text, without blanks and empty items; anything else passes as it is."""
    if isinstance(value, str):
        return tuple(item for item in (part.strip() for part in value.split(",")) if item)
    return value


def lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def rate_limit(value: object) -> object:
    """Check one limit in the syntax of `limits`, such as `20/4 seconds`."""
    try:
        (parsed,) = limits.parse_many(str(value))
    except ValueError:
        raise ValueError("must be one limit such as 20/4 seconds or 600/minute") from None
    if parsed.amount < 1 or parsed.multiples < 1:
        raise ValueError("must allow at least 1")
    if parsed.amount > RATE_COUNT_MAX or parsed.get_expiry() > RATE_PERIOD_S_MAX:
        raise ValueError("must allow a million at most, within a year at most")
    return value


def database_url(value: str, *, data_dir: Path) -> str:
    if not value:
        return f"{SQLITE_SCHEME}{data_dir / 'chat.db'}"
    path = value.removeprefix(SQLITE_SCHEME)
    if path == value:
        raise ValueError(f"this version knows SQLite only; leave it empty or use {SQLITE_SCHEME}<path of a file>")
    if not path or ":memory:" in path or "?" in path:
        raise ValueError(f"{SQLITE_SCHEME} must be followed by the path of a file, without parameters")
    return value


def check_secrets(secrets: Iterable[str]) -> None:
    secrets = list(secrets)
    if any(len(secret.encode(errors="surrogateescape")) < SECRET_BYTES for secret in secrets):
        raise ValueError(f"each secret must have at least {SECRET_BYTES} bytes")
    if len(set(secrets)) != len(secrets):
        raise ValueError("the same secret stands there twice")


def origin(value: str) -> str:
    """Check an origin as a browser sends it: scheme, host, port where it is not the scheme's own."""
    lowered = value.lower()
    if not _ORIGIN.fullmatch(lowered):
        raise ValueError("each must be an origin such as https://chat.example.com, without a path and without *")
    return re.sub(r"^(http://.*):80$|^(https://.*):443$", lambda match: match[1] or match[2], lowered)


def host_pattern(value: str) -> str:
    if not _HOST.fullmatch(value.lower()):
        raise ValueError("each must be a host name without a port, such as chat.example.com or *.example.com")
    return value.lower()


def network(value: str) -> str:
    try:
        parsed = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("each must be an address or a network, such as 10.0.0.0/8") from None
    single = parsed.num_addresses == 1
    return str(parsed.network_address if single else parsed)
