"""What an operator does to users."""

from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from api.domain.errors import ChatError, ErrorCode
from api.domain.models import User, UserRole, UserStatus
from tests.support.accounts import PASSWORD, House

OTHER_PASSWORD = "another horse battery"


async def code_of(awaitable: Awaitable[object]) -> ErrorCode:
    with pytest.raises(ChatError) as caught:
        await awaitable
    return caught.value.code


async def test_a_made_account_logs_in_and_is_in_general(house: House) -> None:
    ada = await house.administration.create("ada", PASSWORD)
    await house.log_in("ada")
    assert len(await house.store.read(lambda rows: rows.rooms.joined(ada.id))) == 1
    assert await code_of(house.administration.create("ADA", PASSWORD)) is ErrorCode.USERNAME_TAKEN
    assert await code_of(house.administration.create("bob", "short")) is ErrorCode.VALIDATION_ERROR


async def test_a_suspension_is_lifted_and_nothing_is_lost(house: House) -> None:
    principal, _ = await house.enter("ada")
    for _ in range(2):
        await house.administration.suspend("ADA")
    assert await house.status(principal.user) is UserStatus.SUSPENDED
    assert len(await house.store.read(lambda rows: rows.rooms.joined(principal.user.id))) == 1
    for _ in range(2):
        await house.administration.unsuspend("ada")
    assert (await house.authenticator.recheck([principal.session_id]))[principal.session_id] == principal.user


async def test_an_admin_is_made_and_unmade(house: House) -> None:
    ada = await house.sign_up("ada")
    assert (await house.administration.promote("ada")).role is UserRole.ADMIN
    assert (await house.users.get(ada.id)).is_admin
    assert (await house.administration.demote("ada")).role is UserRole.USER
    assert not (await house.users.get(ada.id)).is_admin


async def test_another_password_ends_all_sessions(house: House) -> None:
    principal, _ = await house.enter("ada")
    await house.administration.reset_password("ada", OTHER_PASSWORD)
    rechecked = await house.authenticator.recheck([principal.session_id])
    assert rechecked == {principal.session_id: ErrorCode.SESSION_REVOKED}
    assert await code_of(house.log_in("ada")) is ErrorCode.INVALID_CREDENTIALS
    await house.log_in("ada", OTHER_PASSWORD)
    assert await code_of(house.administration.reset_password("ada", "short")) is ErrorCode.VALIDATION_ERROR


async def test_who_is_not_there_is_not_found(house: House) -> None:
    administration = house.administration
    actions: list[Callable[[str], Awaitable[User]]] = [
        administration.suspend,
        administration.unsuspend,
        administration.promote,
        administration.demote,
        lambda name: administration.reset_password(name, PASSWORD),
    ]
    for act in actions:
        assert await code_of(act("nobody")) is ErrorCode.NOT_FOUND


async def test_everything_is_logged(house: House) -> None:
    with capture_logs() as lines:
        ada = await house.administration.create("ada", PASSWORD)
        await house.administration.suspend("ada")
        await house.administration.unsuspend("ada")
        await house.administration.promote("ada")
        await house.administration.demote("ada")
        await house.administration.reset_password("ada", OTHER_PASSWORD)
    assert [line["event"] for line in lines] == [
        "user.created",
        "user.suspended",
        "user.unsuspended",
        "user.promoted",
        "user.demoted",
        "user.password_reset",
    ]
    assert {(line["user_id"], line["username"]) for line in lines} == {(ada.id, "ada")}
    assert PASSWORD not in str(lines)
    assert OTHER_PASSWORD not in str(lines)
