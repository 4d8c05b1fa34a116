"""Opaque secrets: refresh tokens and WebSocket tickets. The store holds their hashes only."""

import hashlib
import re
import secrets
from dataclasses import dataclass

_SECRET_BYTES = 32
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """A fresh secret: the text for its holder, the hash for the store."""

    text: str
    digest: bytes

    def __repr__(self) -> str:
        return "OpaqueToken(...)"


def mint() -> OpaqueToken:
    """Make a secret of 256 random bits."""
    text = secrets.token_urlsafe(_SECRET_BYTES)
    return OpaqueToken(text, _digest(text))


def digest(text: str) -> bytes | None:
    """Hash what a client presents, to look it up; None: this server never made such a text.

    SHA-256 without salt is enough for 256 random bits: there is nothing to guess (unlike a password).
    """
    return _digest(text) if _SHAPE.fullmatch(text) else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()
