"""Settings: defaults, what is refused, and how the refusal reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(Settings.variable(field), raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_bare_checkout_needs_no_setting() -> None:
    settings = load_settings()
    assert settings.environment == "development"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.database_url == "sqlite+aiosqlite:///data/chat.db"
    assert settings.sqlite_path == Path("data/chat.db")
    assert settings.default_room == "general"


def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, "port", 1)  # noqa: B010 - mypy knows that it cannot be set


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("CHAT_PORT", "70000", "less than or equal to 65535"),
        ("CHAT_PORT", "http", "valid integer"),
        ("CHAT_HOST", "", "at least 1 character"),
        ("CHAT_ENVIRONMENT", "staging", "'development' or 'production'"),
        ("CHAT_ENVIRONMENT", "Staging", "'development' or 'production'"),
        ("CHAT_WORKERS", "2", "needs PostgreSQL and Redis"),
        ("CHAT_DATABASE_URL", "postgresql+asyncpg://chat:hunter2hunter2@db/chat", "knows SQLite only"),
        ("CHAT_DATABASE_URL", "sqlite+aiosqlite:///:memory:", "path of a file"),
        ("CHAT_DATABASE_URL", "sqlite+aiosqlite:///chat.db?mode=ro", "without parameters"),
        ("CHAT_DATABASE_URL", "sqlite+aiosqlite:///", "path of a file"),
        ("CHAT_REDIS_URL", "redis://:hunter2hunter2@bus:6379/0", "no Redis bus"),
        ("CHAT_DATA_DIR", "", "must name a folder"),
        ("CHAT_DATA_DIR", "hunter2?hunter2", "must not have a question mark"),
        ("CHAT_SECRET_KEYS", "hunter2hunter2", "at least 32 bytes"),
        ("CHAT_SECRET_KEYS", "k" * 32 + ",hunter2hunter2", "at least 32 bytes"),
        ("CHAT_SECRET_KEYS", ",".join(["hunter2hunter2" * 3] * 2), "twice"),
        ("CHAT_ALLOWED_ORIGINS", "*", "an origin such as"),
        ("CHAT_ALLOWED_ORIGINS", "https://chat.example.com/app", "an origin such as"),
        ("CHAT_ALLOWED_ORIGINS", "chat.example.com", "an origin such as"),
        ("CHAT_ALLOWED_HOSTS", "chat.example.com:8000", "without a port"),
        ("CHAT_ALLOWED_HOSTS", "chat.*", "such as"),
        ("CHAT_ALLOWED_HOSTS", "*", "such as"),
        ("CHAT_TRUSTED_PROXIES", "*", "address or a network"),
        ("CHAT_TRUSTED_PROXIES", "proxy.internal", "address or a network"),
        ("CHAT_SIGNUP", "maybe", "'open' or 'closed'"),
        ("CHAT_DEFAULT_ROOM", "a\tb", "printable"),
        ("CHAT_DOCS_ENABLED", "perhaps", "valid boolean"),
        ("CHAT_LOG_LEVEL", "loud", "'debug'"),
        ("CHAT_RATE_LIMIT_REST", "many", "one limit such as"),
        ("CHAT_RATE_LIMIT_REST", "5/minute; 100/hour", "one limit such as"),
        ("CHAT_RATE_LIMIT_REST", "5/fortnight", "one limit such as"),
        ("CHAT_RATE_LIMIT_REST", "", "one limit such as"),
        ("CHAT_RATE_LIMIT_MESSAGES", "0/minute", "at least 1"),
        ("CHAT_OUTBOX_FRAMES", "7", "greater than or equal to 8"),
        ("CHAT_OUTBOX_BYTES", "65535", "greater than or equal to 65536"),
        ("CHAT_MAX_CONNECTIONS", "0", "greater than 0"),
        ("CHAT_HEARTBEAT_SECONDS", "-1", "greater than 0"),
        ("CHAT_STALL_SECONDS", "inf", "finite"),
        ("CHAT_DRAIN_SECONDS", "nan", "finite"),
        ("CHAT_ACCESS_TOKEN_SECONDS", "0", "greater than 0"),
    ],
)
def test_a_bad_value_is_one_line_with_the_variable_and_without_the_value(
    variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    text = str(caught.value)
    assert text.startswith(f"{variable}: ")
    assert reason in text
    assert "\n" not in text
    assert "hunter2" not in text
    assert caught.value.__cause__ is None


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_PORT", "x")
    monkeypatch.setenv("CHAT_WORKERS", "0")
    with pytest.raises(SettingsError, match=r"^CHAT_PORT: [^;]+; CHAT_WORKERS: [^;]+$"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CHAT_RATE_LIMITS_ENABLE", "CHAT_RATE_LIMITS_ENABLE: is no setting; did you mean CHAT_RATE_LIMITS_ENABLED?"),
        ("CHAT_SECRET_KEY", "CHAT_SECRET_KEY: is no setting; did you mean CHAT_SECRET_KEYS?"),
        ("chat_prot", "chat_prot: is no setting; did you mean CHAT_PORT?"),
        ("CHAT_COLOUR_OF_THE_SKY", "CHAT_COLOUR_OF_THE_SKY: is no setting"),
        ("CHAT_TYPO", "CHAT_TYPO: is no setting"),
        ("CHAT_DB", "CHAT_DB: is no setting"),
        ("CHAT_", "CHAT_: is no setting"),
    ],
)
def test_a_misspelt_variable_is_refused(name: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "false")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == message


def test_the_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CHAT_PORT=9001\nCHAT_HOST=192.0.2.7\nOTHER=1\n", encoding="utf-8")
    monkeypatch.setenv("CHAT_PORT", "9002")
    settings = load_settings()
    assert (settings.host, settings.port) == ("192.0.2.7", 9002)
    assert load_settings(port=9003).port == 9003


def test_a_misspelt_variable_in_the_file_is_refused() -> None:
    Path(".env").write_text("CHAT_PROT=9001\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="CHAT_PROT: is no setting; did you mean CHAT_PORT"):
        load_settings()


def test_a_file_that_is_no_text_is_refused() -> None:
    Path(".env").write_bytes(b"CHAT_HOST=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"^\.env: cannot be read"):
        load_settings()


def test_production_needs_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_ENVIRONMENT", "production")
    with pytest.raises(SettingsError, match=r"^CHAT_SECRET_KEYS: production needs a secret"):
        load_settings()
    monkeypatch.setenv("CHAT_SECRET_KEYS", "new" * 11 + ", " + "old" * 11)
    keys = [key.get_secret_value() for key in load_settings().secret_keys]
    assert keys == ["new" * 11, "old" * 11]


def test_secrets_do_not_show_in_the_representation() -> None:
    settings = load_settings(secret_keys=("hunter2" * 6,))
    assert "hunter2" not in repr(settings)


def test_lists_are_split_at_commas_and_brought_to_one_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "CHAT_ALLOWED_ORIGINS",
        "https://Chat.Example.com:443, http://localhost:3000,,http://[::1]:80,capacitor://localhost",
    )
    monkeypatch.setenv("CHAT_ALLOWED_HOSTS", "Chat.example.com,*.example.org,127.0.0.1,[::1]")
    monkeypatch.setenv("CHAT_TRUSTED_PROXIES", "10.1.2.3/8, 192.0.2.1,::1")
    settings = load_settings()
    assert settings.allowed_origins == (
        "https://chat.example.com",
        "http://localhost:3000",
        "http://[::1]",
        "capacitor://localhost",
    )
    assert settings.allowed_hosts == ("chat.example.com", "*.example.org", "127.0.0.1", "[::1]")
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.1", "::1")


def test_words_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_LOG_LEVEL", "INFO")
    assert load_settings().log_level == "info"


def test_an_absolute_database_path_is_kept() -> None:
    settings = load_settings(database_url="sqlite+aiosqlite:////srv/chat/rooms.db")
    assert settings.sqlite_path == Path("/srv/chat/rooms.db")


def test_no_default_room_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_DEFAULT_ROOM", "")
    assert load_settings().default_room == ""


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_importing_reads_no_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        env={"CHAT_PORT": "nonsense", "PYTHONPATH": str(Path(__file__).parents[3])},
        check=False,
    )
    assert done.returncode == 0
