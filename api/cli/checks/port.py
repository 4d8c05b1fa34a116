"""The address to listen on: free, or held by the server, which is then asked how it is."""

import errno
from typing import Final

import httpx2

from api.cli.checks.answer import json_object
from api.cli.checks.finding import Finding, Findings, fault, ok, skipped, warning
from api.cli.data_folder import is_locked, locking_process
from api.cli.listener import bind, resolve, url_of, why_not
from api.cli.refusal import Refusal
from config.settings import Settings

TIMEOUT_S: Final = 3.0
_CHECK: Final = "port.listen"


def check_port(settings: Settings) -> Findings:
    """Try the address, without listening there; whoever has it is asked."""
    if settings.port == 0:
        yield skipped(_CHECK, "CHAT_PORT=0: `chat serve` takes a free one, and tells it in node.started")
        return
    host, port = settings.host, settings.port
    try:
        family, address = resolve(host, port)
    except Refusal as refusal:
        yield fault(_CHECK, str(refusal), "Set CHAT_HOST to an address of this machine, or to 0.0.0.0 for all.")
        return
    try:
        bind(family, address).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            yield from _ask(settings, url_of(address[0], port))
        else:
            yield fault(_CHECK, why_not(error, host, port), "Set CHAT_HOST and CHAT_PORT to what may be listened on.")
        return
    yield _free(settings)


def _free(settings: Settings) -> Finding:
    where = f"port {settings.port} on {settings.host}"
    if is_locked(settings.data_dir):
        return warning(
            _CHECK,
            f"{_server(settings)} runs on the data folder, and nobody listens on {where}",
            "It listens elsewhere (`--port`, another CHAT_PORT: node.started in its log tells), or begins or ends now.",
        )
    return ok(_CHECK, f"{where} is free; no server runs on the data folder")


def _ask(settings: Settings, url: str) -> Findings:
    is_ours = is_locked(settings.data_dir)
    with httpx2.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as client:
        try:
            health, readiness = client.get("/healthz"), client.get("/readyz")
        except httpx2.HTTPError as error:
            yield _no_answer(settings, url, error, is_ours=is_ours)
            return
    if json_object(health) != {"status": "ok"} or "checks" not in json_object(readiness):
        yield fault(_CHECK, f"another program answers at {url}", "End it, or set CHAT_PORT to a port that is free.")
        return
    if not is_ours:
        yield fault(
            _CHECK,
            f"a chat server answers at {url}, and none runs on {settings.data_dir.absolute()}: it has another folder",
            "Run `chat doctor` with the server's settings (CHAT_DATA_DIR, the folder it is started from), "
            "or set CHAT_PORT to a port that is free.",
        )
        return
    yield ok(_CHECK, f"{_server(settings)} answers at {url}")
    yield _ready(json_object(readiness)["checks"])


def _ready(checks: object) -> Finding:
    states = checks if isinstance(checks, dict) else {}
    failed = sorted(str(name) for name, state in states.items() if state == "failed")
    if failed:
        return fault(
            "port.ready",
            f"the server cannot serve: {', '.join(failed)} failed",
            "store.unavailable in its log has the reason; the findings about the database may show it too.",
        )
    if "draining" in states.values():
        return warning("port.ready", "the server is on its way down", "Wait, and ask again.")
    return ok("port.ready", "it can serve: " + ", ".join(f"{name} {state}" for name, state in states.items()))


def _no_answer(settings: Settings, url: str, error: httpx2.HTTPError, *, is_ours: bool) -> Finding:
    if is_ours:
        return fault(
            _CHECK,
            f"{_server(settings)} runs on the data folder and does not answer at {url} ({type(error).__name__})",
            "If it does not for a minute, restart it; the last lines of its log tell more (loop_lag_ms in node.stats).",
        )
    return fault(
        _CHECK, f"another program holds {url}, and speaks no HTTP", "End it, or set CHAT_PORT to a port that is free."
    )


def _server(settings: Settings) -> str:
    process = locking_process(settings.data_dir)
    return "a server" if process is None else f"the server (process {process})"
