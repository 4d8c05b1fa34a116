"""Who is asking: tokens and the sessions behind them, remembered for seconds and forgotten at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from api.domain.errors import ChatError, ErrorCode
from api.domain.models import UserRole
from api.security.tokens import AccessTokens
from api.services.authentication import CACHE_SECONDS
from api.store.snapshot import Snapshot
from tests.support.accounts import REFRESH_SECONDS, SECRET, House


async def refusal(house: House, token: str | None) -> ErrorCode:
    with pytest.raises(ChatError) as caught:
        await house.authenticator.authenticate(token)
    return caught.value.code


def count_reads(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the reads from here on, in a list of one number."""
    reads, real = [0], house.store.read

    async def read(query: Callable[[Snapshot], Any]) -> Any:  # noqa: ANN401
        reads[0] += 1
        return await real(query)

    monkeypatch.setattr(house.store, "read", read)
    return reads


async def test_no_token_is_missing(house: House) -> None:
    assert await refusal(house, None) is ErrorCode.MISSING_TOKEN


@pytest.mark.parametrize("token", ["", "x", "x.y.z"])
async def test_a_bad_token_is_invalid(house: House, token: str) -> None:
    assert await refusal(house, token) is ErrorCode.INVALID_TOKEN


async def test_a_token_expires(house: House) -> None:
    principal, pair = await house.enter("ada")
    house.clock.now_ms = principal.expires_at_ms
    assert await refusal(house, pair.access_token) is ErrorCode.TOKEN_EXPIRED


async def test_a_token_of_a_session_that_never_was_is_of_a_revoked_one(house: House) -> None:
    ada = await house.sign_up("ada")
    token, _ = house.tokens.issue(ada.id, ada.id)
    assert await refusal(house, token) is ErrorCode.SESSION_REVOKED


async def test_a_token_for_another_user_than_its_sessions_is_invalid(house: House) -> None:
    principal, _ = await house.enter("ada")
    eve = await house.sign_up("eve")
    token, _ = house.tokens.issue(eve.id, principal.session_id)
    assert await refusal(house, token) is ErrorCode.INVALID_TOKEN


async def test_a_session_that_has_expired_is_over_whatever_its_token_says(house: House) -> None:
    principal, _ = await house.enter("ada")
    house.clock.advance(REFRESH_SECONDS)
    lasting = AccessTokens([SECRET], life_seconds=900, clock_ms=house.clock)
    token, _ = lasting.issue(principal.user.id, principal.session_id)
    assert await refusal(house, token) is ErrorCode.SESSION_REVOKED


async def test_a_suspended_user_is_told_so(house: House) -> None:
    _, pair = await house.enter("ada")
    await house.administration.suspend("ada")
    house.authenticator.invalidate_all()
    assert await refusal(house, pair.access_token) is ErrorCode.ACCOUNT_SUSPENDED


@pytest.mark.parametrize("why", [ErrorCode.TOKEN_EXPIRED, ErrorCode.SESSION_REVOKED, ErrorCode.ACCOUNT_SUSPENDED])
async def test_a_refusal_says_whose_token_it_was(house: House, why: ErrorCode) -> None:
    principal, pair = await house.enter("ada")
    match why:
        case ErrorCode.TOKEN_EXPIRED:
            house.clock.now_ms = principal.expires_at_ms
        case ErrorCode.SESSION_REVOKED:
            await house.sessions.log_out(principal)
        case _:
            await house.administration.suspend("ada")
            house.authenticator.invalidate_all()
    with pytest.raises(ChatError) as caught:
        await house.authenticator.authenticate(pair.access_token)
    assert (caught.value.code, caught.value.user_id) == (why, principal.user.id)


@pytest.mark.parametrize("token", [None, "x.y.z"])
async def test_of_what_is_no_token_nobody_knows_whose_it_is(house: House, token: str | None) -> None:
    with pytest.raises(ChatError) as caught:
        await house.authenticator.authenticate(token)
    assert caught.value.user_id is None


async def test_a_session_is_read_once_in_a_while(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, pair = await house.enter("ada")
    house.authenticator.invalidate_all()
    reads = count_reads(house, monkeypatch)
    for _ in range(5):
        await house.authenticator.authenticate(pair.access_token)
    assert reads == [1]
    house.clock.advance(CACHE_SECONDS)
    await house.authenticator.authenticate(pair.access_token)
    assert reads == [2]


async def test_a_change_by_another_process_shows_when_told_or_after_some_seconds(house: House) -> None:
    _, pair = await house.enter("ada")
    await house.administration.suspend("ada")
    await house.authenticator.authenticate(pair.access_token)
    house.clock.advance(CACHE_SECONDS)
    assert await refusal(house, pair.access_token) is ErrorCode.ACCOUNT_SUSPENDED


@pytest.mark.parametrize("how", ["session", "user", "all"])
async def test_what_is_forgotten_is_read_again(house: House, how: str) -> None:
    principal, pair = await house.enter("ada")
    await house.store.write(lambda unit: unit.users.set_display_name(principal.user.id, "Countess"))
    assert (await house.authenticator.authenticate(pair.access_token)).user.display_name == "ada"
    match how:
        case "session":
            house.authenticator.invalidate_session(principal.session_id)
        case "user":
            house.authenticator.invalidate_user(principal.user.id)
        case _:
            house.authenticator.invalidate_all()
    assert (await house.authenticator.authenticate(pair.access_token)).user.display_name == "Countess"


async def test_forgetting_one_leaves_the_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, ada_pair = await house.enter("ada")
    eve, eve_pair = await house.enter("eve")
    reads = count_reads(house, monkeypatch)
    house.authenticator.invalidate_user(eve.user.id)
    await house.authenticator.authenticate(ada_pair.access_token)
    assert reads == [0]
    await house.authenticator.authenticate(eve_pair.access_token)
    assert reads == [1]
    house.authenticator.invalidate_session(ada.session_id)
    await house.authenticator.authenticate(eve_pair.access_token)
    assert reads == [1]


async def test_a_read_that_began_before_a_revocation_is_not_remembered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal, pair = await house.enter("ada")
    house.authenticator.invalidate_all()
    real, began, may_end = house.store.read, asyncio.Event(), asyncio.Event()

    async def slow_read(query: Callable[[Snapshot], Any]) -> Any:  # noqa: ANN401
        found = await real(query)
        began.set()
        await may_end.wait()
        return found

    monkeypatch.setattr(house.store, "read", slow_read)
    asking = asyncio.create_task(house.authenticator.authenticate(pair.access_token))
    await began.wait()
    monkeypatch.setattr(house.store, "read", real)
    await house.sessions.log_out(principal)
    may_end.set()
    await asking  # it was asked before the log-out
    assert await refusal(house, pair.access_token) is ErrorCode.SESSION_REVOKED


async def test_the_recheck_looks_past_what_is_remembered(house: House) -> None:
    ada, _ = await house.enter("ada")
    bob, _ = await house.enter("bob")
    eve, _ = await house.enter("eve")
    await house.administration.suspend("bob")
    await house.store.write(lambda unit: unit.sessions.revoke(eve.session_id, unit.now_ms))
    await house.administration.promote("ada")
    sessions = [ada.session_id, bob.session_id, eve.session_id, ada.user.id]
    found = await house.authenticator.recheck(sessions)
    assert found == {
        ada.session_id: replace(ada.user, role=UserRole.ADMIN),
        bob.session_id: ErrorCode.ACCOUNT_SUSPENDED,
        eve.session_id: ErrorCode.SESSION_REVOKED,
        ada.user.id: ErrorCode.SESSION_REVOKED,
    }


async def test_what_is_remembered_has_a_bound(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.services.authentication._CACHE_MAX", 2)
    pairs = [(await house.enter(name))[1] for name in ("ada", "bob", "eve")]
    house.authenticator.invalidate_all()
    reads = count_reads(house, monkeypatch)
    for pair in (*pairs, *pairs):
        await house.authenticator.authenticate(pair.access_token)
    assert reads == [6], "two of three fit, and the oldest goes first"
    await house.authenticator.authenticate(pairs[2].access_token)
    assert reads == [6]
