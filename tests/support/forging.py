"""Access tokens as an attacker or a stranger would make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from jose import jwt


class Forge:
    """Signs what it is given with the server's own secret, so that only what stands in a token can be wrong with it."""

    def __init__(self, secret: str, token: str) -> None:
        self.secret = secret
        self.header: dict[str, Any] = jwt.get_unverified_header(token)
        self.claims: dict[str, Any] = jwt.get_unverified_claims(token)

    def sign(
        self,
        *,
        header: Mapping[str, object] | None = None,
        claims: Mapping[str, object] | None = None,
        without: str = "",
        digest: str = "sha256",
        secret: str | None = None,
        key: bytes | None = None,
    ) -> str:
        """Make the token again with these changes, less one claim or header field.

        `digest` is that of the HMAC; `key` stands for a secret that is no text.
        """
        changed_header = {name: value for name, value in {**self.header, **(header or {})}.items() if name != without}
        changed_claims = {name: value for name, value in {**self.claims, **(claims or {})}.items() if name != without}
        return self.sign_bytes(
            json.dumps(changed_header).encode(),
            json.dumps(changed_claims).encode(),
            digest=digest,
            key=key if key is not None else (secret if secret is not None else self.secret).encode(),
        )

    def sign_bytes(self, header: bytes, claims: bytes, *, digest: str = "sha256", key: bytes | None = None) -> str:
        """Sign two parts that need not be JSON."""
        signed = f"{encode(header)}.{encode(claims)}"
        key = key if key is not None else self.secret.encode()
        return f"{signed}.{encode(hmac.new(key, signed.encode(), getattr(hashlib, digest)).digest())}"

    def unsigned(self, algorithm: object) -> str:
        """Make the token with another algorithm in its header and no signature."""
        header = json.dumps({**self.header, "alg": algorithm}).encode()
        return f"{encode(header)}.{encode(json.dumps(self.claims).encode())}."


def encode(data: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
