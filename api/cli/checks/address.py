"""The public address (`chat doctor --url`): what is between the world and the server, seen from outside."""

import base64
import secrets
from dataclasses import dataclass
from typing import Final

import httpx2

from api import __version__
from api.cli.checks.answer import json_object
from api.cli.checks.finding import Finding, Findings, fault, ok, skipped, warning
from api.cli.checks.settings import is_loopback

TIMEOUT_S: Final = 10.0
_CHECK: Final = "address.answer"
_OWN_HEADERS: Final = ("X-Request-ID", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy")
_HAND_ON: Final = (
    "The proxy has to pass Host, X-Forwarded-For and X-Forwarded-Proto (docs/operations.md, Behind a proxy), and "
    "CHAT_TRUSTED_PROXIES has to name it."
)


def check_address(url: str) -> Findings:
    """Ask the public address as a client would; `ws.refused` in the server's log shows it twice."""
    try:
        base = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        base = httpx2.URL("")
    if base.scheme not in {"http", "https"} or not base.host or base.userinfo or base.query:
        yield fault(_CHECK, "--url is no address of a server", "Write it as https://chat.example.com.")
        return
    with httpx2.Client(
        base_url=base,
        timeout=TIMEOUT_S,
        headers={"User-Agent": f"chat-doctor/{__version__}"},
        limits=httpx2.Limits(
            max_keepalive_connections=0
        ),  # one that the proxy closes meanwhile would look like a fault
    ) as client:
        try:
            yield from _ask(client, base)
        except httpx2.HTTPError as error:
            yield fault(
                _CHECK,
                f"no answer from {base} ({type(error).__name__}: {error})",
                "Is the name in the DNS, the proxy running, the certificate good, the way to it open from here?",
            )


def _ask(client: httpx2.Client, base: httpx2.URL) -> Findings:
    health = client.get("/healthz")
    if json_object(health) != {"status": "ok"}:
        yield fault(
            _CHECK,
            f"{base}: GET /healthz is answered with {health.status_code}, and not by a chat server",
            "Does the proxy pass on to CHAT_HOST and CHAT_PORT, with the path as it is? Is the server up?",
        )
        return
    yield ok(_CHECK, f"a chat server answers at {base}")
    if base.scheme == "http" and not is_loopback(base.host):
        yield warning("address.tls", "passwords and messages go over the net unencrypted", "Serve it over https.")
    missing = [name for name in _OWN_HEADERS if name not in health.headers]
    if missing:
        yield warning(
            "address.headers", f"on the way is lost: {', '.join(missing)}", "Let the proxy pass the answer's headers."
        )
    else:
        yield ok("address.headers", "the answer's headers arrive")
    yield from _knock(client, base)
    for path, why in (("/readyz", "each costs a write lock"), ("/metrics", "they tell how busy the server is")):
        if client.get(path).status_code in {200, 503}:
            yield warning(
                f"address{path.replace('/', '.')}",
                f"everybody can ask {path}: {why}",
                f"Let the proxy answer {path} with 404, and ask the server itself for it.",
            )
        else:
            yield ok(f"address{path.replace('/', '.')}", f"{path} is closed to the world")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a handshake without a token got; the right one is 401 `missing_token`."""

    status: int
    code: str
    request_id: str


def _knock(client: httpx2.Client, base: httpx2.URL) -> Findings:
    answer = _handshake(client, base, {})
    yield _upgrade(answer)
    if answer.code != "missing_token":
        return
    other = "http" if base.scheme == "https" else "https"
    forged = _handshake(client, base, {"X-Forwarded-Proto": other, "X-Forwarded-For": "203.0.113.7"})
    if forged.code == "origin_not_allowed":
        yield fault(
            "address.forwarded",
            "the proxy passes X-Forwarded-Proto of clients on as it comes, and so perhaps X-Forwarded-For: each client "
            "could write its own address, past every limit of an address",
            "Let the proxy set both headers itself (docs/operations.md, Behind a proxy).",
        )
    else:
        yield ok("address.forwarded", "what a client says of itself in X-Forwarded-Proto is not believed")
    yield skipped(
        "address.client",
        "whom the server takes its clients for stands in its log alone",
        f"Look there for ws.refused with request_id {answer.request_id}: its `client` has to be the address of this "
        "machine, as the world sees it, and not the proxy's.",
    )


def _upgrade(answer: _Answer) -> Finding:
    check = "address.websocket"
    match answer.status, answer.code:
        case 401, "missing_token":
            return ok(check, "a handshake arrives, from this address's own pages too; without a token it gets 401")
        case 404 | 426, _:
            return fault(
                check,
                "a handshake arrives as an ordinary request",
                "Let the proxy speak HTTP/1.1 to the server, and pass Upgrade and Connection.",
            )
        case 403, "origin_not_allowed":
            return fault(check, "pages of this very address are refused: the server takes it for another", _HAND_ON)
        case 400, "bad_request":
            return fault(check, "the server does not know its own name", "Add it to CHAT_ALLOWED_HOSTS. " + _HAND_ON)
        case 503, "draining":
            return warning(check, "the server is on its way down", "Wait, and ask again.")
        case 429, _:
            return warning(check, "too many handshakes from here", "Wait a minute, and ask again. " + _HAND_ON)
        case status, code:
            return fault(
                check,
                f"a handshake is answered with {status}" + (f" {code}" if code else ", and not by the server"),
                "The proxy's own log tells why.",
            )


def _handshake(client: httpx2.Client, base: httpx2.URL, more: dict[str, str]) -> _Answer:
    host = base.netloc.decode("ascii")
    request_id = f"chat-doctor-{secrets.token_hex(8)}"
    headers = {
        # Spelt as no browser does: it is this address's own, and yet no entry of CHAT_ALLOWED_ORIGINS, so that the
        # server has to compare it with what the proxy says of the address.
        "Origin": f"{base.scheme.upper()}://{host}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "X-Request-ID": request_id,
        **more,
    }
    answer = client.get("/v1/ws", headers=headers)
    return _Answer(
        answer.status_code, str(json_object(answer).get("code", "")), answer.headers.get("X-Request-ID", request_id)
    )
