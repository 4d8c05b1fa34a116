"""Passwords: hashed slowly, beside the loop, and never too many at once."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from api.domain.errors import ChatError, ErrorCode
from api.security.passwords import HashLoad, PasswordPolicy, Passwords, Verdict
from tests.support.hashes import CountedHashes

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def passwords() -> Iterator[Passwords]:
    made = Passwords(threads=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def policy() -> PasswordPolicy:
    return PasswordPolicy(min_length=12)


async def test_a_hash_is_argon2id_with_19_mib_and_two_passes(passwords: Passwords) -> None:
    made = await passwords.hash(PASSWORD)
    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert made != await passwords.hash(PASSWORD), "salted"


async def test_the_right_password_is_right_and_others_are_not(passwords: Passwords) -> None:
    made = await passwords.hash(PASSWORD)
    assert await passwords.verify(PASSWORD, made) == Verdict(is_right=True)
    for wrong in (PASSWORD + " ", PASSWORD.upper(), "", made):
        assert not (await passwords.verify(wrong, made)).is_right


async def test_of_an_unknown_user_none_is_right(passwords: Passwords) -> None:
    assert await passwords.verify(PASSWORD, None) == Verdict(is_right=False)


async def test_an_unknown_user_costs_the_same_work(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    made, counted = await passwords.hash(PASSWORD), CountedHashes()
    counted.install(monkeypatch)
    await passwords.verify("wrong", made)
    await passwords.verify("wrong", None)
    assert counted == ["verify m=19456,t=2,p=1"] * 2


async def test_a_hash_of_weaker_make_is_to_be_replaced(passwords: Passwords) -> None:
    weaker = "$argon2id$v=19$m=1024,t=1,p=1$SAkBwFgrhRDi/B9jbE2J8Q$wqUitv2jh0K9QMR5fcFCQl5BqAVchkNXKkekSeiFAuY"
    verdict = await passwords.verify(PASSWORD, weaker)
    assert verdict.is_right
    assert verdict.upgraded_hash is not None
    assert await passwords.verify(PASSWORD, verdict.upgraded_hash) == Verdict(is_right=True)
    assert await passwords.verify("wrong", weaker) == Verdict(is_right=False)


@pytest.mark.parametrize("password", ["🦁" * 256, "tab\tnew line\nbell\x07", " ", "\u202e"])
async def test_any_text_can_be_a_password(passwords: Passwords, password: str) -> None:
    made = await passwords.hash(password)
    assert (await passwords.verify(password, made)).is_right


async def test_past_the_queue_the_answer_is_unavailable_and_places_come_back() -> None:
    passwords = Passwords(threads=1, queue_max=2)
    try:
        made = await passwords.hash(PASSWORD)
        results = await asyncio.gather(*(passwords.verify(PASSWORD, made) for _ in range(10)), return_exceptions=True)
        errors = [result for result in results if isinstance(result, ChatError)]
        assert len(errors) == 7
        for error in errors:
            assert error.code is ErrorCode.UNAVAILABLE
            assert error.retry_after_ms is not None
        assert [result for result in results if not isinstance(result, ChatError)] == [Verdict(is_right=True)] * 3
        assert passwords.load == HashLoad(running=0, waiting=0, refused=7)
        assert (await passwords.verify(PASSWORD, made)).is_right
    finally:
        passwords.close()


async def test_who_goes_away_gives_the_place_back() -> None:
    passwords = Passwords(threads=1, queue_max=1)
    try:
        running = asyncio.create_task(passwords.hash(PASSWORD))
        waiting = asyncio.create_task(passwords.hash(PASSWORD))
        await asyncio.sleep(0)
        waiting.cancel()
        await running
        made = await asyncio.gather(passwords.hash(PASSWORD), passwords.hash(PASSWORD))
        assert len(made) == 2
    finally:
        passwords.close()


async def test_hashing_runs_beside_the_loop_in_at_most_so_many_threads() -> None:
    before = set(threading.enumerate())
    passwords = Passwords(threads=2)
    try:
        await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(6)))
        names = [thread.name for thread in threading.enumerate() if thread not in before]
        assert sorted(names) == ["passwords_0", "passwords_1"]
    finally:
        passwords.close()


async def test_a_closed_one_does_nothing_more() -> None:
    passwords = Passwords(threads=1)
    passwords.close()
    with pytest.raises((RuntimeError, CancelledError)):
        await passwords.hash(PASSWORD)


@pytest.mark.parametrize("password", [PASSWORD, "twelve chars", "x" * 256, "🦁" * 12, "  spaces count "])
def test_good_passwords_pass(policy: PasswordPolicy, password: str) -> None:
    policy.check(password, "ada", field="password")


@pytest.mark.parametrize(
    ("password", "kind"),
    [
        ("eleven char", "password_too_short"),
        ("🦁" * 11, "password_too_short"),
        ("", "password_too_short"),
        (" " * 12, "password_blank"),
        ("\u3000\t\n" * 80, "password_blank"),
        ("Ada.Lovelace.1815", "password_is_username"),
        ("password1234", "password_too_common"),
        ("1qaz2wsx3edc4rfv", "password_too_common"),
        ("JustinBieber", "password_too_common"),
    ],
)
def test_weak_passwords_are_refused_unseen(policy: PasswordPolicy, password: str, kind: str) -> None:
    with pytest.raises(ChatError) as caught:
        policy.check(password, "ada.lovelace.1815", field="new_password")
    assert caught.value.code is ErrorCode.VALIDATION_ERROR
    (error,) = caught.value.errors
    assert (error["loc"], error["type"]) == (["body", "new_password"], kind)
    assert not password or password not in str(caught.value.errors)
