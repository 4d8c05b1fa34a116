"""Settings that are valid, and may still not be what was meant."""

import ipaddress
import stat
from pathlib import Path
from urllib.parse import urlsplit

from api.cli.checks.finding import Finding, Findings, fault, ok, warning
from config.settings import Settings
from config.sources import ENV_FILE

_USUAL_PROXY_TIMEOUT_S = 60


def check_settings(settings: Settings) -> Findings:
    """Look at what the settings say together."""
    is_production = settings.environment == "production"
    is_open = not is_loopback(settings.host)
    yield _environment(settings, is_open=is_open)
    yield _env_file(ENV_FILE)
    yield _data_dir(settings, is_production=is_production)
    yield _proxies(settings, is_open=is_open, is_production=is_production)
    yield _hosts(settings, is_exposed=is_open or is_production)
    yield _origins(settings, is_production=is_production)
    yield _docs(settings, is_production=is_production)
    yield _rate_limits(settings)
    yield _times(settings)
    yield _log(settings)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a host; a name other than localhost is taken for one that all can."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _environment(settings: Settings, *, is_open: bool) -> Finding:
    if settings.environment == "development" and is_open:
        return warning(
            "settings.environment",
            f"development, and it listens on {settings.host}, where others reach it",
            "Set CHAT_ENVIRONMENT=production and CHAT_SECRET_KEYS.",
        )
    return ok("settings.environment", settings.environment)


def _env_file(path: Path) -> Finding:
    if not path.is_file():
        return ok("settings.env_file", f"no {path.absolute()}: the environment and the defaults hold")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077 and "SECRET_KEYS" in path.read_text(encoding="utf-8").upper():
        return warning(
            "settings.env_file",
            f"{path.absolute()} holds secrets, and others of this machine may open it (mode {mode:03o})",
            f"chmod 600 {path}",
        )
    return ok("settings.env_file", f"{path.absolute()} was read")


def _data_dir(settings: Settings, *, is_production: bool) -> Finding:
    if is_production and not settings.data_dir.is_absolute():
        return warning(
            "settings.data_dir",
            f"CHAT_DATA_DIR={settings.data_dir} depends on the folder that the server is started from",
            f"Write the whole path, here CHAT_DATA_DIR={settings.data_dir.absolute()}.",
        )
    return ok("settings.data_dir", str(settings.data_dir.absolute()))


def _proxies(settings: Settings, *, is_open: bool, is_production: bool) -> Finding:
    check = "settings.trusted_proxies"
    everybody = [name for name in settings.trusted_proxies if name.endswith("/0")]
    if everybody:
        return fault(
            check,
            f"{everybody[0]} is everybody: each client may write its own address, past every limit of an address",
            "Name the proxies alone in CHAT_TRUSTED_PROXIES.",
        )
    if settings.trusted_proxies:
        return ok(check, f"X-Forwarded-For is believed from {', '.join(settings.trusted_proxies)}")
    if is_open:
        return warning(
            check,
            f"it listens on {settings.host}, and no proxy is named: what comes through one has the proxy's address, "
            "what comes directly is not encrypted",
            "Put a proxy that speaks TLS in front, and name it in CHAT_TRUSTED_PROXIES.",
        )
    if is_production:
        return warning(
            check,
            "no proxy is named: behind one on this machine, all clients have its address and share one budget",
            "Name it: CHAT_TRUSTED_PROXIES=127.0.0.1",
        )
    return ok(check, "none: X-Forwarded-For is believed from nobody")


def _hosts(settings: Settings, *, is_exposed: bool) -> Finding:
    if is_exposed and not settings.allowed_hosts:
        return warning(
            "settings.allowed_hosts",
            "any Host is answered: a page that points its own name at this server passes for one of its own pages",
            "Set CHAT_ALLOWED_HOSTS to the names of this server, such as chat.example.com.",
        )
    return ok("settings.allowed_hosts", ", ".join(settings.allowed_hosts) or "any")


def _origins(settings: Settings, *, is_production: bool) -> Finding:
    check = "settings.allowed_origins"
    if not settings.allowed_origins:
        return ok(check, "none: pages of this server's own address alone")
    found = ", ".join(settings.allowed_origins)
    unsafe = [origin for origin in settings.allowed_origins if _is_unsafe(origin)]
    if is_production and unsafe:
        return warning(
            check,
            f"{', '.join(unsafe)}: who is between such a page and its reader can change the page and use the account",
            "Allow pages over https alone, and none of a developer's machine.",
        )
    return ok(check, found)


def _is_unsafe(origin: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme == "http" or is_loopback(parts.hostname or "")


def _docs(settings: Settings, *, is_production: bool) -> Finding:
    if is_production and settings.docs_enabled:
        return warning(
            "settings.docs_enabled",
            "everybody who reaches the server can read /docs and /openapi.json",
            "If that is not meant, set CHAT_DOCS_ENABLED=false.",
        )
    return ok("settings.docs_enabled", "/docs is served" if settings.docs_enabled else "/docs is not served")


def _rate_limits(settings: Settings) -> Finding:
    if not settings.rate_limits_enabled:
        return warning(
            "settings.rate_limits_enabled",
            "all rate limits are off: passwords can be guessed at full speed",
            "Take CHAT_RATE_LIMITS_ENABLED=false away; it is for tests and benchmarks.",
        )
    return ok("settings.rate_limits_enabled", "on")


def _times(settings: Settings) -> Finding:
    if settings.heartbeat_seconds >= _USUAL_PROXY_TIMEOUT_S:
        return warning(
            "settings.times",
            f"a socket may be silent for {settings.heartbeat_seconds:g} s, and most proxies cut it after 60",
            "Lower CHAT_HEARTBEAT_SECONDS, or raise the idle timeout of every proxy on the way above it.",
        )
    if settings.token_warning_seconds >= settings.access_token_seconds:
        return warning(
            "settings.times",
            f"token.expiring is sent {settings.token_warning_seconds:g} s before the end of a token that lives "
            f"{settings.access_token_seconds} s: at once, every time",
            "Set CHAT_TOKEN_WARNING_SECONDS well below CHAT_ACCESS_TOKEN_SECONDS.",
        )
    return ok("settings.times", "they fit together")


def _log(settings: Settings) -> Finding:
    if settings.log_level in {"warning", "error"}:
        return warning(
            "settings.log_level",
            f"{settings.log_level}: the log does not say who connects, nor how fast the server is (node.stats)",
            "Set CHAT_LOG_LEVEL=info.",
        )
    return ok("settings.log_level", settings.log_level)
