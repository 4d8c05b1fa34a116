"""Whatever comes as a cursor, a key, a ticket or a setting: it is what it should be, or refused as such."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

import pytest
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.protocol.fields import IdempotencyKey, canonical_id
from api.rate_limiter import LocalLimit, Rule, rate_limited
from api.rest.pages import PageQuery
from api.security import tickets
from config import values
from config.settings import Settings, SettingsError, load_settings
from tests.search.properties import ANY_TEXT, LONG, QUICK, search

MARKER: Final = "wordthatisnowhereelse"
KEY: Final = TypeAdapter(IdempotencyKey)
IDS = st.uuids().map(str)
BASE32 = st.binary(max_size=60) | IDS.map(str.encode) | IDS.map(lambda text: text.upper().encode())
CURSORS = (
    ANY_TEXT
    | st.text("abcdefghijklmnopqrstuvwxyz234567=AZ01", max_size=80)
    | BASE32.map(lambda data: base64.b32encode(data).decode().rstrip("="))
    | BASE32.map(lambda data: base64.b32encode(data).decode().lower())
)
TICKETS = ANY_TEXT | st.text("AZaz09-_=+/ \n", min_size=42, max_size=44)
KEYS = ANY_TEXT | st.text("!~aZ09 \n\x7f\u00e9", max_size=66)
NUMBERS = st.integers(-2, 10**6).map(str) | st.sampled_from(["9" * 20, "9" * 400, "9" * 5_000, "1.5", "", "\u0663"])
UNITS = st.sampled_from(["second", "seconds", "minute", "hours", "day", "month", "years", "fortnight", "", "SECOND"])
RATES = ANY_TEXT | st.builds(
    "{}{}{} {}{}".format,
    NUMBERS,
    st.sampled_from(["/", " per ", " / ", "x"]),
    NUMBERS,
    UNITS,
    st.sampled_from(["", ";1/day"]),
)
SITES = (
    ANY_TEXT
    | st.text("htps:/.[]*-1a@#?\u00e9", max_size=30)
    | st.builds(
        "{}://{}{}".format,
        st.sampled_from(["http", "HTTPS", "file", ""]),
        st.sampled_from(["a.example", "[::1]", "[fe80::1%25eth0]", "a b", "*", "\u0131", "xn--a", "127.0.0.1"]),
        st.sampled_from(["", ":80", ":443", ":99999", ":\u0661", "/", ":"]),
    )
)
NETWORKS = ANY_TEXT | st.ip_addresses().map(str) | st.builds("{}/{}".format, st.ip_addresses(), st.integers(-1, 130))
SETTINGS = st.tuples(
    st.sampled_from(sorted(Settings.model_fields)),
    ANY_TEXT
    | RATES
    | SITES
    | NETWORKS
    | st.sampled_from([MARKER, f"{MARKER},{MARKER}", f"http://{MARKER}:{MARKER}@x"]),
)


def is_a_cursor_or_refused(text: str) -> None:
    """Read the id that a cursor stands for."""
    try:
        found = PageQuery(cursor=text).cursor
    except ValidationError:
        return
    assert found is not None
    assert canonical_id(found) == found


def is_a_ticket_or_refused(text: str) -> None:
    """Look up only what may be a ticket."""
    found = tickets.digest(text)
    assert (found is not None) == (re.fullmatch(r"[A-Za-z0-9_-]{43}", text) is not None)


def is_a_key_or_refused(text: str) -> None:
    """Take 1 to 64 printable ASCII characters without blanks, and nothing else."""
    try:
        KEY.validate_python(text)
    except ValidationError:
        assert re.fullmatch("[!-~]{1,64}", text) is None
    else:
        assert re.fullmatch("[!-~]{1,64}", text) is not None


def is_a_limit_or_refused(text: str) -> None:
    """Take a limit that can be kept and told of."""
    try:
        taken = values.rate_limit(text)
    except ValueError as error:
        assert len(text) < len(MARKER) or text not in str(error)  # noqa: PT017 - both ways out are looked at
        return
    rule, limit = Rule.parse(str(taken)), LocalLimit(str(taken), clock=lambda: 1e6)
    assert rule.count >= 1
    assert rule.period_s >= 1
    assert limit.check("a") == 0
    assert limit._full_at_s["a"] > 1e6, "a step that no rounding swallows"
    assert rate_limited(rule, rule.period_s * 1000).headers


def has_one_form(text: str) -> None:
    """Give each value its one form, which is its own."""
    for read in (values.origin, values.host_pattern, values.network):
        try:
            found = read(text)
        except ValueError:
            continue
        assert read(found) == found, read


def is_a_setting_or_named(setting: tuple[str, str]) -> None:
    """Start with a setting, or name the variable on one line that does not hold the value."""
    name, text = setting
    try:
        load_settings(None, **{name: text})
    except SettingsError as error:
        shown = str(error)
    else:
        return
    assert f"CHAT_{name.upper()}" in shown
    assert "\n" not in shown
    assert MARKER not in shown


CASES: Final[dict[str, tuple[st.SearchStrategy[Any], Any]]] = {
    "cursors": (CURSORS, is_a_cursor_or_refused),
    "tickets": (TICKETS, is_a_ticket_or_refused),
    "idempotency keys": (KEYS, is_a_key_or_refused),
    "rate limits": (RATES, is_a_limit_or_refused),
    "origins, hosts, networks": (SITES | NETWORKS, has_one_form),
    "settings": (SETTINGS, is_a_setting_or_named),
}


@pytest.mark.parametrize("case", CASES)
def test_a_text_is_what_it_should_be_or_refused(case: str) -> None:
    search(*CASES[case], QUICK)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES)
def test_a_text_is_what_it_should_be_or_refused_for_longer(case: str) -> None:
    search(*CASES[case], LONG)
