"""Whom the server would take a client for, with the proxies that the settings name."""

import asyncio
import ipaddress
from typing import Any, Final

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.cli.checks.finding import Findings, fault, ok
from config.settings import Settings

# Of the networks that are nobody's (RFC 5737).
_CLIENT: Final = "203.0.113.7"
_STRANGER: Final = "198.51.100.1"


def check_proxy(settings: Settings) -> Findings:
    """Pass requests through what the server resolves addresses with."""
    proxies = list(settings.trusted_proxies)
    for proxy in proxies:
        first = str(ipaddress.ip_network(proxy)[0])
        seen = seen_as(first, proxies)
        if seen == (_CLIENT, "https"):
            yield ok("proxy.client", f"by way of {proxy}, a client at {_CLIENT} over https is seen as just that")
        else:
            yield fault(
                "proxy.client",
                f"by way of {proxy}, a client at {_CLIENT} over https is seen as {seen[0]} over {seen[1]}",
                "Name the proxies in CHAT_TRUSTED_PROXIES, and not their clients' networks.",
            )
    if seen_as(_STRANGER, proxies) == (_STRANGER, "http"):
        yield ok("proxy.stranger", "what a client says of itself in X-Forwarded-For is not believed")
    else:
        yield fault(
            "proxy.stranger",
            f"a client at {_STRANGER} may write its own address into X-Forwarded-For",
            "Name the proxies alone in CHAT_TRUSTED_PROXIES.",
        )


def seen_as(peer: str, proxies: list[str]) -> tuple[str, str]:
    """Return the address and the scheme that a request has for the server, which came over `peer`."""
    seen: list[tuple[str, str]] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401 - ASGI's
        seen.append((scope["client"][0], scope["scheme"]))

    async def nothing(*_: Any) -> Any:  # noqa: ANN401 - ASGI's
        """Stand for both ways of a request that nobody reads."""

    scope: Any = {
        "type": "http",
        "scheme": "http",
        "client": (peer, 50_000),
        "headers": [(b"x-forwarded-for", _CLIENT.encode()), (b"x-forwarded-proto", b"https")],
    }
    asyncio.run(ProxyHeadersMiddleware(app, trusted_hosts=proxies)(scope, nothing, nothing))
    return seen[0]
