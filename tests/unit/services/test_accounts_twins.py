"""Names that look alike: nobody signs up as what people would take for somebody else."""

import pytest

from api.domain.errors import ChatError, ErrorCode
from api.domain.text import clean_display_name, clean_username
from tests.support.accounts import PASSWORD, House

# Who is there, and who would like to be taken for him.
TWINS = [
    ("ada", "Ada"),
    ("ada", "ADA"),
    ("Ada", "aDa"),
    ("ada", " ada"),
    ("ada", "ada\u00a0"),
    ("ada", "\u3000ada\u2003"),
    ("ada", "ada\n"),
    ("ada", "\u00e4da"),
    ("ada", "a\u0301da"),
    ("ada", "\u0430da"),  # Cyrillic
    ("ada", "ad\u0251"),  # Latin alpha
    ("ada", "\u03b1da"),  # Greek
    ("ada", "\uff41\uff44\uff41"),  # full width
    ("ada", "\U0001d41a\U0001d41d\U0001d41a"),  # mathematical bold
    ("ada", "\u24d0da"),  # circled
    ("ada", "\u1d43da"),  # superscript
    ("ada", "a\u200bda"),  # zero-width space
    ("ada", "ada\u200b"),
    ("ada", "a\u200dda"),  # zero-width joiner
    ("ada", "a\u2060da"),  # word joiner
    ("ada", "\ufeffada"),  # byte order mark
    ("ada", "a\u00adda"),  # soft hyphen
    ("ada", "ada\u034f"),  # grapheme joiner
    ("ada", "ada\ufe0f"),  # variation selector
    ("ada", "ada\U000e0061"),  # tag
    ("ada", "\u202eada"),  # override: shown as it is, stored otherwise
    ("ada", "\u2066ada\u2069"),
    ("ada", "a\u115fda"),  # Hangul filler
    ("ada", "a\u3164da"),
    ("ada", "a\x00da"),
    ("ada", "ada\x08"),
    ("kiki", "\u212aiki"),  # Kelvin: casefolds to k
    ("kiki", "k\u0131ki"),  # dotless i
    ("kiki", "K\u0130KI"),  # dotted I
    ("moss", "mo\u017f\u017f"),  # long s: casefolds to s
    ("moss", "mo\u00df"),  # casefolds to ss
    ("fifi", "\ufb01\ufb01"),  # ligature: casefolds to fi
    ("nilo", "\u01c9lo"),
    ("paypal", "p\u0430yp\u0430l"),
    ("a-b", "a\u2010b"),  # hyphen
    ("a-b", "a\u2212b"),  # minus
    ("a.b", "a\u3002b"),  # ideographic full stop
    ("a_b", "a\uff3fb"),  # full-width low line
]


def test_there_are_forty_at_least() -> None:
    assert len(set(TWINS)) >= 40


@pytest.mark.parametrize(("there", "twin"), TWINS, ids=ascii)
async def test_a_twin_of_a_username_is_taken_or_no_username(house: House, there: str, twin: str) -> None:
    await house.sign_up(clean_username(there))
    try:
        name = clean_username(twin)
    except ValueError:
        return
    with pytest.raises(ChatError) as refused:
        await house.sign_up(name)
    assert refused.value.code is ErrorCode.USERNAME_TAKEN


async def test_a_display_name_is_free(house: House) -> None:
    """People are told apart by username, which every `UserRef` carries."""
    await house.sign_up("ada")
    for number, name in enumerate(["ada", "Ada", "\u0430da", "\uff41da", "\U0001d41a"]):
        user = await house.accounts.sign_up(f"eve{number}", PASSWORD, clean_display_name(name), address="192.0.2.9")
        assert user.display_name == name
