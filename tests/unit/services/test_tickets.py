"""Tickets: one handshake each."""

import asyncio

import pytest

from api.domain.errors import ChatError, ErrorCode
from tests.support.accounts import House


async def refusal(house: House, ticket: str) -> ErrorCode:
    with pytest.raises(ChatError) as caught:
        await house.tickets.redeem(ticket)
    return caught.value.code


async def test_a_ticket_is_its_session_and_the_expiry_of_the_token_that_asked(house: House) -> None:
    principal, _ = await house.enter("ada")
    house.clock.advance(10)
    ticket = await house.tickets.issue(principal)
    assert await house.tickets.redeem(ticket) == principal


async def test_a_ticket_is_good_once(house: House) -> None:
    principal, _ = await house.enter("ada")
    ticket = await house.tickets.issue(principal)
    outcomes = await asyncio.gather(*(house.tickets.redeem(ticket) for _ in range(10)), return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, BaseException)] == [principal]
    assert await refusal(house, ticket) is ErrorCode.INVALID_TICKET


async def test_a_ticket_ends_in_time(house: House) -> None:
    principal, _ = await house.enter("ada")
    ticket = await house.tickets.issue(principal)
    house.clock.advance(30)
    assert await refusal(house, ticket) is ErrorCode.INVALID_TICKET


@pytest.mark.parametrize("ticket", ["", "x", "a" * 43, "\x00", "\ud83e", "é" * 43, "x" * 5000])
async def test_what_was_never_given_is_invalid(house: House, ticket: str) -> None:
    assert await refusal(house, ticket) is ErrorCode.INVALID_TICKET


async def test_a_ticket_does_not_outlive_the_token_that_asked(house: House) -> None:
    principal, _ = await house.enter("ada")
    house.clock.now_ms = principal.expires_at_ms - 1000
    ticket = await house.tickets.issue(principal)
    house.clock.advance(1)
    assert await refusal(house, ticket) is ErrorCode.TOKEN_EXPIRED


async def test_a_ticket_of_a_session_that_has_ended_is_refused(house: House) -> None:
    principal, _ = await house.enter("ada")
    ticket = await house.tickets.issue(principal)
    await house.sessions.log_out(principal)
    assert await refusal(house, ticket) is ErrorCode.SESSION_REVOKED


async def test_a_ticket_of_a_suspended_user_is_refused(house: House) -> None:
    principal, _ = await house.enter("ada")
    ticket = await house.tickets.issue(principal)
    await house.administration.suspend("ada")
    house.authenticator.invalidate_all()
    assert await refusal(house, ticket) is ErrorCode.ACCOUNT_SUSPENDED
