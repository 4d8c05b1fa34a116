"""Sessions: refreshed with tokens that are used once, listed, ended."""

import asyncio

import pytest
from structlog.testing import capture_logs

from api.domain.errors import ChatError, ErrorCode
from api.domain.models import User
from api.protocol.problems import CloseCode
from api.services.sessions import TokenPair
from tests.support.accounts import ADDRESS, PASSWORD, REFRESH_SECONDS, House


async def refresh(house: House, token: str) -> TokenPair:
    return await house.sessions.refresh(token, address=ADDRESS)


async def refusal(house: House, token: str) -> ErrorCode:
    with pytest.raises(ChatError) as caught:
        await refresh(house, token)
    assert not token or token not in caught.value.detail
    return caught.value.code


async def is_alive(house: House, pair: TokenPair) -> bool:
    """Ask what is remembered of the session, then the store: the two must agree."""
    session_id = house.tokens.decode(pair.access_token).session_id
    try:
        await house.authenticator.authenticate(pair.access_token)
    except ChatError as error:
        refused: ErrorCode | None = error.code
    else:
        refused = None
    found = (await house.authenticator.recheck([session_id]))[session_id]
    assert refused is (None if isinstance(found, User) else found)
    return refused is None


async def test_a_refresh_gives_new_tokens_of_the_same_session(house: House) -> None:
    principal, pair = await house.enter("ada")
    house.clock.advance(60)
    fresh = await refresh(house, pair.refresh_token)
    assert fresh.refresh_token != pair.refresh_token
    again = await house.authenticator.authenticate(fresh.access_token)
    assert again.session_id == principal.session_id
    assert again.expires_at_ms == principal.expires_at_ms + 60_000
    (session,) = await house.sessions.of_user(principal)
    assert session.last_used_at_ms == house.clock.now_ms
    assert session.expires_at_ms == house.clock.now_ms + REFRESH_SECONDS * 1000


async def test_a_chain_of_refreshes_goes_on_and_on(house: House) -> None:
    _, pair = await house.enter("ada")
    for _ in range(10):
        house.clock.advance(REFRESH_SECONDS - 1)
        pair = await refresh(house, pair.refresh_token)
    assert await is_alive(house, pair)


async def test_a_lost_answer_is_no_theft(house: House) -> None:
    _, pair = await house.enter("ada")
    lost = await refresh(house, pair.refresh_token)
    lost_too = await refresh(house, pair.refresh_token)
    fresh = await refresh(house, pair.refresh_token)
    assert len({lost.refresh_token, lost_too.refresh_token, fresh.refresh_token}) == 3
    assert await is_alive(house, await refresh(house, fresh.refresh_token))


async def test_a_spent_token_whose_successor_was_used_ends_the_session(house: House) -> None:
    principal, pair = await house.enter("ada")
    other = await house.log_in("ada")
    second = await refresh(house, pair.refresh_token)
    third = await refresh(house, second.refresh_token)
    with capture_logs() as lines:
        assert await refusal(house, pair.refresh_token) is ErrorCode.REFRESH_TOKEN_REUSED
    assert [(line["event"], line["session_id"]) for line in lines] == [("auth.refresh_reused", principal.session_id)]
    assert house.live.closed_sessions == [(principal.session_id, CloseCode.SESSION_REVOKED)]
    for token in (pair, second, third):
        assert await refusal(house, token.refresh_token) is ErrorCode.INVALID_TOKEN
        assert not await is_alive(house, token)
    assert await is_alive(house, other), "the user's other sessions stay"


async def test_a_void_token_ends_the_session(house: House) -> None:
    _, pair = await house.enter("ada")
    void = await refresh(house, pair.refresh_token)
    fresh = await refresh(house, pair.refresh_token)
    assert await refusal(house, void.refresh_token) is ErrorCode.REFRESH_TOKEN_REUSED
    assert await refusal(house, fresh.refresh_token) is ErrorCode.INVALID_TOKEN
    assert not await is_alive(house, fresh)


@pytest.mark.parametrize("uses_it", [True, False], ids=["goes on", "waits"])
@pytest.mark.parametrize("first", ["thief", "victim"])
async def test_when_two_have_one_token_both_are_out_whoever_comes_first(
    house: House, first: str, *, uses_it: bool
) -> None:
    """The server cannot tell them apart, so it makes no difference here either; whoever is left has to log in."""
    second = {"thief": "victim", "victim": "thief"}[first]
    _, stolen = await house.enter("ada")
    held = {first: await refresh(house, stolen.refresh_token)}
    if uses_it:
        held[first] = await refresh(house, held[first].refresh_token)
        assert await refusal(house, stolen.refresh_token) is ErrorCode.REFRESH_TOKEN_REUSED
    else:
        held[second] = await refresh(house, stolen.refresh_token)
        assert await refusal(house, held[first].refresh_token) is ErrorCode.REFRESH_TOKEN_REUSED
    for pair in held.values():
        assert await refusal(house, pair.refresh_token) is ErrorCode.INVALID_TOKEN
        assert not await is_alive(house, pair)


async def test_of_refreshes_at_once_with_one_token_one_successor_is_good(house: House) -> None:
    _, pair = await house.enter("ada")
    pairs = await asyncio.gather(*(refresh(house, pair.refresh_token) for _ in range(8)))
    assert len({one.refresh_token for one in pairs}) == 8
    # The jobs ran one after another: each voided the one before.
    good = await refresh(house, pairs[-1].refresh_token)
    assert await is_alive(house, good)
    assert await refusal(house, pairs[0].refresh_token) is ErrorCode.REFRESH_TOKEN_REUSED


@pytest.mark.parametrize("token", ["", "x", "a" * 43, "é" * 43, "\ud83e", "\x00", "x" * 5000])
async def test_what_was_never_given_is_invalid(house: House, token: str) -> None:
    assert await refusal(house, token) is ErrorCode.INVALID_TOKEN


async def test_an_access_token_or_ticket_refreshes_nothing(house: House) -> None:
    principal, pair = await house.enter("ada")
    assert await refusal(house, pair.access_token) is ErrorCode.INVALID_TOKEN
    assert await refusal(house, await house.tickets.issue(principal)) is ErrorCode.INVALID_TOKEN


async def test_a_refresh_token_ends_in_time(house: House) -> None:
    _, pair = await house.enter("ada")
    house.clock.advance(REFRESH_SECONDS)
    assert await refusal(house, pair.refresh_token) is ErrorCode.INVALID_TOKEN


async def test_a_spent_token_ends_in_time_too(house: House) -> None:
    _, pair = await house.enter("ada")
    house.clock.advance(100)
    fresh = await refresh(house, pair.refresh_token)
    house.clock.advance(REFRESH_SECONDS - 100)
    assert await refusal(house, pair.refresh_token) is ErrorCode.INVALID_TOKEN
    assert (await refresh(house, fresh.refresh_token)).refresh_token


async def test_a_suspended_user_refreshes_nothing_and_loses_nothing(house: House) -> None:
    _, pair = await house.enter("ada")
    await house.administration.suspend("ada")
    for _ in range(2):
        assert await refusal(house, pair.refresh_token) is ErrorCode.ACCOUNT_SUSPENDED
    await house.administration.unsuspend("ada")
    house.authenticator.invalidate_all()
    assert await is_alive(house, await refresh(house, pair.refresh_token))


async def test_a_logout_ends_the_session_at_once(house: House) -> None:
    principal, pair = await house.enter("ada")
    other = await house.log_in("ada")
    with capture_logs() as lines:
        await house.sessions.log_out(principal)
    assert [line["event"] for line in lines] == ["auth.logged_out"]
    assert not await is_alive(house, pair)
    assert await refusal(house, pair.refresh_token) is ErrorCode.INVALID_TOKEN
    assert house.live.closed_sessions == [(principal.session_id, CloseCode.SESSION_REVOKED)]
    assert await is_alive(house, other)


async def test_a_user_ends_another_of_his_sessions_once(house: House) -> None:
    principal, _ = await house.enter("ada")
    other_pair = await house.log_in("ada")
    other = await house.authenticator.authenticate(other_pair.access_token)
    await house.sessions.revoke(principal, other.session_id)
    assert not await is_alive(house, other_pair)
    assert house.live.closed_sessions == [(other.session_id, CloseCode.SESSION_REVOKED)]
    with pytest.raises(ChatError, match="not_found"):
        await house.sessions.revoke(principal, other.session_id)


async def test_sessions_of_others_are_not_there(house: House) -> None:
    ada, ada_pair = await house.enter("ada")
    eve, _ = await house.enter("eve")
    for session_id in (ada.session_id, ada.user.id):
        with pytest.raises(ChatError, match="not_found"):
            await house.sessions.revoke(eve, session_id)
    assert await is_alive(house, ada_pair)
    assert ada.session_id not in {session.id for session in await house.sessions.of_user(eve)}


async def test_use_is_written_down_now_and_then(house: House) -> None:
    principal, pair = await house.enter("ada")
    house.clock.advance(30)
    await house.authenticator.authenticate(pair.access_token)
    await house.sessions.note_use()
    await house.sessions.note_use()
    (session,) = await house.sessions.of_user(principal)
    assert session.last_used_at_ms == house.clock.now_ms


async def test_a_purged_session_answers_like_a_revoked_one(house: House) -> None:
    principal, pair = await house.enter("ada")
    _, living = await house.enter("bob")
    await house.sessions.log_out(principal)
    await house.sessions.purge()
    assert await house.store.read(lambda rows: rows.sessions.find(principal.session_id)) is None
    assert not await is_alive(house, pair)
    assert await refusal(house, pair.refresh_token) is ErrorCode.INVALID_TOKEN
    assert await is_alive(house, await refresh(house, living.refresh_token))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("curl/8.1", "curl/8.1"), ("x" * 2000, "x" * 256), ("a\tb\x1b[31m", "a b [31m"), ("\x80\xff", "ÿ"), ("", "")],
)
async def test_a_user_agent_is_kept_short_and_plain(house: House, sent: str, kept: str) -> None:
    await house.sign_up("ada")
    pair = await house.accounts.log_in("ada", PASSWORD, address=ADDRESS, user_agent=sent)
    principal = await house.authenticator.authenticate(pair.access_token)
    (session,) = await house.sessions.of_user(principal)
    assert session.user_agent == kept
