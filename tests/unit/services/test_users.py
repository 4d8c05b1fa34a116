"""Users as others find them."""

import pytest

from api.domain.errors import ChatError
from tests.support.accounts import House

NOBODY = "01980000-0000-7000-8000-000000000000"


async def test_a_display_name_changes_for_everybody_and_on_open_sockets(house: House) -> None:
    principal, pair = await house.enter("ada")
    changed = await house.users.set_display_name(principal, "Countess")
    assert changed.display_name == "Countess"
    assert await house.users.get(principal.user.id) == changed
    assert (await house.authenticator.authenticate(pair.access_token)).user == changed
    assert house.live.refreshed == [changed]


async def test_a_user_who_was_deleted_in_the_meantime_keeps_the_name_of_the_deleted(house: House) -> None:
    principal, _ = await house.enter("ada")
    ref = await house.store.write(lambda unit: unit.users.mark_deleted(principal.user.id))
    with pytest.raises(ChatError, match="session_revoked"):
        await house.users.set_display_name(principal, "Countess")
    assert (await house.users.get(principal.user.id)).display_name == ref.display_name


async def test_a_user_is_found_by_the_whole_name_in_any_case(house: House) -> None:
    ada = await house.sign_up("Ada")
    for name in ("ada", "ADA", "Ada", " ada "):
        assert await house.users.find_by_username(name) == ada
    for name in ("ad", "", "a%", "\x00", "\ud83e", "x" * 5000):
        assert await house.users.find_by_username(name) is None


async def test_nobody_is_not_found(house: House) -> None:
    with pytest.raises(ChatError, match="not_found"):
        await house.users.get(NOBODY)
