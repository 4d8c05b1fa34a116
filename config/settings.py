"""Every setting, read once at the start from the environment and `.env`; `.env.example` holds the same list.

Field names are the variables' names, lower-cased and without `CHAT_`. Lists are comma-separated. Only the entrances
and the composition root read settings; everything below gets plain values.
"""

import difflib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config import values
from config.sources import ENV_FILE, PREFIX, variables

# How alike a misspelt name and a setting's must be, the prefix apart, before the one is taken for the other.
_LIKENESS: Final = 0.7

CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(values.split)]
RateLimit = Annotated[str, BeforeValidator(values.rate_limit)]
Word = BeforeValidator(values.lower)


class SettingsError(Exception):
    """The settings cannot be used; its text is one line that names each variable and its fault, never a value."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    """All settings, checked and frozen; `load_settings` builds it with errors an operator can read."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        extra="ignore",  # load_settings refuses unknown CHAT_ variables, and suggests the right name
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    # --- where it runs
    environment: Annotated[Literal["development", "production"], Word] = Field(
        "development", description="production refuses to start without CHAT_SECRET_KEYS."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all interfaces.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: PositiveInt = Field(1, description="Server processes. More than one needs PostgreSQL and Redis.")
    data_dir: Path = Field(Path("data"), description="Folder of the embedded database and the development secret.")
    database_url: str = Field(
        "", repr=False, description="Empty: SQLite in CHAT_DATA_DIR. Else sqlite+aiosqlite:///<path of a file>."
    )
    redis_url: str = Field("", repr=False, description="Bus between nodes. Empty: in this process.")

    # --- who may come in
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(values.split)] = Field(
        (),
        description="Secrets that sign access tokens, at least 32 bytes each, newest first. "
        "Empty: development keeps one under CHAT_DATA_DIR.",
    )
    allowed_origins: CommaList = Field(
        (), description="Origins of other sites that may use the API and the sockets, such as https://chat.example.com."
    )
    allowed_hosts: CommaList = Field(
        (), description="Host names this server answers to, such as chat.example.com,*.example.org. Empty: any."
    )
    trusted_proxies: CommaList = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    signup: Annotated[Literal["open", "closed"], Word] = Field(
        "open", description="closed: accounts are made by `chat user create` only."
    )
    password_min_length: int = Field(12, ge=8, le=256, description="Shortest password accepted, in characters.")
    default_room: str = Field(
        "general", max_length=64, description="Public room that everybody is in from sign-up on. Empty: none."
    )

    # --- what it shows
    docs_enabled: bool = Field(default=True, description="Serve /docs, /docs/ws, /openapi.json and /asyncapi.json.")
    metrics_enabled: bool = Field(default=True, description="Serve /metrics.")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Word] = Field(
        "info", description="Least level that is written."
    )
    log_format: Annotated[Literal["auto", "json", "console"], Word] = Field(
        "auto", description="auto: readable in a terminal, else JSON lines."
    )

    # --- how much of it (docs/adr says why these numbers)
    rate_limits_enabled: bool = Field(
        default=True, description="false switches every rate limit off, not the connection limits."
    )
    rate_limit_signup: RateLimit = Field("60/hour", description="Sign-ups of one address.")
    rate_limit_login: RateLimit = Field(
        "10/15 minutes",
        description="Failed logins into one account from one address; ten times as many into all accounts from it.",
    )
    rate_limit_rest: RateLimit = Field("600/minute", description="REST requests of one user, or of one address.")
    rate_limit_handshake: RateLimit = Field("600/minute", description="WebSocket handshakes of one address.")
    rate_limit_messages: RateLimit = Field(
        "20/4 seconds", description="Messages of one user: 5 a second, 20 in a burst."
    )
    rate_limit_history: RateLimit = Field(
        "600/minute", description="history.get of one user: 200 rooms at once after a reconnect, and their pages."
    )
    max_connections_per_user: PositiveInt = Field(10, description="Open sockets of one user on this node.")
    max_connections: PositiveInt = Field(10_000, description="Open sockets on this node in all.")
    max_rooms_per_user: PositiveInt = Field(200, description="Rooms one user can be in.")
    outbox_frames: int = Field(512, ge=8, description="Frames that may wait for a slow reader before it is cut off.")
    outbox_bytes: int = Field(
        1_048_576,
        ge=65_536,
        description="Bytes that may wait for a slow reader; at least a few of the longest messages.",
    )

    # --- how long
    access_token_seconds: PositiveInt = Field(900, description="Life of an access token.")
    refresh_token_seconds: PositiveInt = Field(2_592_000, description="Life of a refresh token: 30 days.")
    ticket_seconds: PositiveInt = Field(30, description="Life of a WebSocket ticket.")
    token_warning_seconds: NonNegativeFloat = Field(60, description="token.expiring is sent this long before the end.")
    heartbeat_seconds: PositiveFloat = Field(25, description="Longest silence on a socket, and time between pings.")
    pong_seconds: PositiveFloat = Field(20, description="A socket that owes a pong for so long is closed.")
    stall_seconds: PositiveFloat = Field(5, description="A reader that takes nothing for so long is cut off.")
    drain_seconds: NonNegativeFloat = Field(20, description="Time to say goodbye to all sockets before the exit.")

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of the environment variable that sets `field`."""
        return PREFIX + field.upper()

    @property
    def sqlite_path(self) -> Path:
        """Path of the database file; `:///` is followed by it, relative to the working folder or absolute."""
        return Path(self.database_url.removeprefix(values.SQLITE_SCHEME))

    @field_validator("data_dir", mode="before")
    @classmethod
    def _data_dir_is_named(cls, value: object) -> object:
        if value in {"", Path()}:
            raise ValueError("must name a folder")
        if "?" in str(value):
            raise ValueError("must not have a question mark in it: the address of the database would end there")
        return value

    @field_validator("workers")
    @classmethod
    def _one_worker(cls, value: int) -> int:
        if value > 1:
            raise ValueError("more than one worker needs PostgreSQL and Redis, which this version does not have; use 1")
        return value

    @field_validator("database_url")
    @classmethod
    def _database_is_known(cls, value: str, info: ValidationInfo) -> str:
        return values.database_url(value, data_dir=info.data.get("data_dir", Path("data")))

    @field_validator("redis_url")
    @classmethod
    def _no_bus_yet(cls, value: str) -> str:
        if value:
            raise ValueError("this version has no Redis bus; leave it empty")
        return value

    @field_validator("secret_keys")
    @classmethod
    def _secrets_are_strong(cls, value: tuple[SecretStr, ...], info: ValidationInfo) -> tuple[SecretStr, ...]:
        values.check_secrets(secret.get_secret_value() for secret in value)
        if not value and info.data.get("environment") == "production":
            raise ValueError("production needs a secret of at least 32 bytes, such as `openssl rand -hex 32` prints")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins_are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(values.origin(item) for item in value)

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(values.host_pattern(item) for item in value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(values.network(item) for item in value)

    @field_validator("default_room")
    @classmethod
    def _room_name_is_plain(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("must be printable text")
        return value.strip()

    @classmethod
    def load(cls, env_file: Path | None, **overrides: Any) -> Self:  # noqa: ANN401 - whatever the fields take
        """Read the environment and `env_file`; `overrides` win over both, the environment wins over the file."""
        return cls(_env_file=env_file, **overrides)


def load_settings(env_file: Path | None = ENV_FILE, **overrides: Any) -> Settings:  # noqa: ANN401 - as Settings.load
    """Build the settings of this process.

    A variable that starts with `CHAT_` and is no setting is refused: a misspelt limit must not silently do nothing.

    Raises:
        SettingsError: on one line, every variable at fault and why.
    """
    try:
        unknown = _unknown_variables(env_file)
        if unknown:
            raise SettingsError(*unknown)
        return Settings.load(env_file, **overrides)
    except ValidationError as error:
        raise SettingsError(*(_fault(item["loc"], item["msg"]) for item in error.errors())) from None
    except OSError as error:
        raise SettingsError(f"{env_file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{env_file}: cannot be read (it is no text in UTF-8)") from None


def _unknown_variables(env_file: Path | None) -> list[str]:
    known = {field.upper() for field in Settings.model_fields}
    faults = []
    for name in sorted(variables(env_file)):
        bare = name.upper().removeprefix(PREFIX)
        if bare not in known:
            near = difflib.get_close_matches(bare, known, n=1, cutoff=_LIKENESS)
            faults.append(f"{name}: is no setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else ""))
    return faults


def _fault(location: tuple[int | str, ...], message: str) -> str:
    variable = Settings.variable(str(location[0])) if location else "settings"
    return f"{variable}: {message.removeprefix('Value error, ')}"
