"""What single settings may look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import values


@pytest.mark.parametrize(
    ("given", "taken"),
    [("a, b,,c ", ("a", "b", "c")), ("", ()), (" , ", ()), (("a", "b"), ("a", "b")), (None, None)],
)
def test_lists_are_split_at_commas(given: object, taken: object) -> None:
    assert values.split(given) == taken


@pytest.mark.parametrize(("given", "taken"), [(" INFO ", "info"), (3, 3)])
def test_words_are_lowered(given: object, taken: object) -> None:
    assert values.lower(given) == taken


@pytest.mark.parametrize("given", ["20/4 seconds", "600/minute", "1 per hour", "1000000/second"])
def test_limits_of_rate(given: str) -> None:
    assert values.rate_limit(given) == given


@pytest.mark.parametrize("given", ["", "many", "5/fortnight", "5/minute; 100/hour", "0/minute"])
def test_what_is_no_limit_of_rate(given: str) -> None:
    with pytest.raises(ValueError, match=r"^must (be one limit such as|allow at least 1)"):
        values.rate_limit(given)


@pytest.mark.parametrize("given", ["1000001/minute", "1/2 years", f"1/{'9' * 400} seconds", f"{'9' * 400}/second"])
def test_a_limit_of_rate_is_of_this_world(given: str) -> None:
    with pytest.raises(ValueError, match="a million at most, within a year"):
        values.rate_limit(given)


def test_the_database_is_in_the_data_folder_unless_it_is_said_where() -> None:
    assert values.database_url("", data_dir=Path("/srv")) == "sqlite+aiosqlite:////srv/chat.db"
    elsewhere = "sqlite+aiosqlite:////srv/rooms.db"
    assert values.database_url(elsewhere, data_dir=Path("/data")) == elsewhere


@pytest.mark.parametrize(
    "given",
    [
        "postgresql+asyncpg://db/chat",
        "sqlite:///chat.db",
        "sqlite+aiosqlite:///",
        "sqlite+aiosqlite:///:memory:",
        "sqlite+aiosqlite:///chat.db?mode=ro",
    ],
)
def test_what_is_no_database(given: str) -> None:
    with pytest.raises(ValueError, match=r"^(this version knows SQLite only|sqlite\+aiosqlite:/// must be followed)"):
        values.database_url(given, data_dir=Path("data"))


def test_secrets_are_long_and_differ() -> None:
    values.check_secrets([])
    values.check_secrets(["a" * 32, "\N{SNOWMAN}" * 11])
    for secrets in (["a" * 31], ["a" * 32, "short"], ["a" * 32, "a" * 32]):
        with pytest.raises(ValueError, match="secret") as caught:
            values.check_secrets(secrets)
        assert "aaa" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://Chat.Example.com:443", "https://chat.example.com"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://a.example:443", "http://a.example:443"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_origins_have_one_form(given: str, taken: str) -> None:
    assert values.origin(given) == taken


@pytest.mark.parametrize("given", ["*", "null", "a.example", "https://a.example/app", "https://*.a.example"])
def test_what_is_no_origin(given: str) -> None:
    with pytest.raises(ValueError, match="each must be an origin"):
        values.origin(given)


@pytest.mark.parametrize("given", ["A.example", "*.a.example", "127.0.0.1", "[::1]", "localhost"])
def test_hosts(given: str) -> None:
    assert values.host_pattern(given) == given.lower()


@pytest.mark.parametrize("given", ["*", "a.example:80", "a.*", "https://a.example", "a b"])
def test_what_is_no_host(given: str) -> None:
    with pytest.raises(ValueError, match="each must be a host name"):
        values.host_pattern(given)


@pytest.mark.parametrize(
    ("given", "taken"),
    [("10.1.2.3/8", "10.0.0.0/8"), ("192.0.2.1/32", "192.0.2.1"), ("::1", "::1"), ("2001:db8::/32", "2001:db8::/32")],
)
def test_networks_have_one_form(given: str, taken: str) -> None:
    assert values.network(given) == taken


def test_what_is_no_network() -> None:
    with pytest.raises(ValueError, match="each must be an address"):
        values.network("proxy.internal")
