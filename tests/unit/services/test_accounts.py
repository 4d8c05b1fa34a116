"""Signing up, logging in, changing the password, going away."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from api.domain.errors import ChatError, ErrorCode
from api.domain.events import EventType
from api.domain.models import Role, RoomInfo, UserStatus, Visibility
from api.protocol.problems import CloseCode
from api.services.authentication import Principal
from api.store.snapshot import Unit
from tests.support.accounts import ADDRESS, PASSWORD, ROOM_ID, House, open_house
from tests.support.hashes import CountedHashes

OTHER_PASSWORD = "another horse battery"


async def code_of(awaitable: object) -> ErrorCode:
    return (await error_of(awaitable)).code


async def error_of(awaitable: object) -> ChatError:
    with pytest.raises(ChatError) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value


class TestSignUp:
    async def test_a_new_user_is_in_general_and_has_read_all_of_it(self, house: House) -> None:
        await house.store.write(lambda unit: unit.append(ROOM_ID, EventType.ROOM_CREATED, None))
        ada = await house.sign_up("ada")
        (room,) = await house.store.read(lambda rows: rows.rooms.joined(ada.id))
        assert room.id == ROOM_ID
        assert room.member_count == 1
        assert room.last_seq == 1, "no event"
        assert room.me is not None
        assert (room.me.role, room.me.read_seq) == (Role.MEMBER, 1)

    async def test_the_username_is_shown_where_no_other_name_is_given(self, house: House) -> None:
        ada = await house.sign_up("Ada")
        bob = await house.accounts.sign_up("bob", PASSWORD, "Bob the 2nd", address=ADDRESS)
        assert (ada.display_name, bob.display_name) == ("Ada", "Bob the 2nd")

    async def test_a_taken_name_costs_no_hash(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        await house.sign_up("Ada")
        counted = CountedHashes()
        counted.install(monkeypatch)
        assert await code_of(house.sign_up("aDA")) is ErrorCode.USERNAME_TAKEN
        assert counted == []

    @pytest.mark.parametrize("name", ["deleted-0123abcd", "Deleted-0123ABCD"])
    async def test_nobody_can_be_called_like_a_deleted_user(self, house: House, name: str) -> None:
        assert await code_of(house.sign_up(name)) is ErrorCode.USERNAME_TAKEN

    @pytest.mark.parametrize("password", ["too short", "password1234", "Ada.Lovelace.1815"])
    async def test_a_weak_password_is_refused(self, house: House, password: str) -> None:
        assert await code_of(house.sign_up("ada.lovelace.1815", password)) is ErrorCode.VALIDATION_ERROR

    async def test_a_closed_house_takes_nobody(self, tmp_path: Path) -> None:
        async with open_house(tmp_path, is_signup_open=False) as house:
            assert await code_of(house.sign_up("ada")) is ErrorCode.FORBIDDEN
            assert (await house.administration.create("ada", PASSWORD)).username == "ada"

    async def test_one_address_makes_so_many_accounts_and_no_more(self, tmp_path: Path) -> None:
        async with open_house(tmp_path, signup_rule="2/hour") as house:
            await house.sign_up("ada")
            assert await code_of(house.sign_up("ada")) is ErrorCode.USERNAME_TAKEN
            error = await error_of(house.sign_up("eve"))
            assert error.code is ErrorCode.RATE_LIMITED
            assert error.headers is not None
            assert error.headers["X-RateLimit-Limit"] == "2"
            assert await house.users.find_by_username("eve") is None
            await house.accounts.sign_up("eve", PASSWORD, None, address="192.0.2.2")

    async def test_it_is_logged_without_the_password(self, house: House) -> None:
        with capture_logs() as lines:
            ada = await house.sign_up("ada")
        (line,) = [line for line in lines if line["event"] == "auth.signed_up"]
        assert (line["user_id"], line["username"], line["client"]) == (ada.id, "ada", ADDRESS)
        assert PASSWORD not in str(lines)


class TestLogIn:
    async def test_a_login_opens_a_session_whose_token_says_who_it_is(self, house: House) -> None:
        ada = await house.sign_up("ada")
        pair = await house.log_in("  ADA ")
        principal = await house.authenticator.authenticate(pair.access_token)
        assert principal.user == ada
        assert (pair.expires_in, pair.refresh_expires_in) == (900, 2_592_000)
        (session,) = await house.sessions.of_user(principal)
        assert (session.id, session.user_agent) == (principal.session_id, "test/1")

    async def test_tokens_are_not_shown(self, house: House) -> None:
        await house.sign_up("ada")
        pair = await house.log_in("ada")
        assert pair.access_token not in repr(pair)
        assert pair.refresh_token not in repr(pair)

    @pytest.mark.parametrize("name", ["eve", "", "x", "a b", "\x00", "\ud83e", "x" * 5000, "deleted-0123abcd"])
    async def test_an_unknown_user_and_a_wrong_password_get_one_answer(self, house: House, name: str) -> None:
        await house.sign_up("ada")
        wrong = await error_of(house.log_in("ada", OTHER_PASSWORD))
        unknown = await error_of(house.log_in(name))
        assert (wrong.code, wrong.detail, wrong.status) == (unknown.code, unknown.detail, unknown.status)
        assert (wrong.code, wrong.status) == (ErrorCode.INVALID_CREDENTIALS, None)

    async def test_every_failed_login_costs_exactly_one_hash_of_the_same_work(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that the time of an answer does not tell who is a user; the clock itself is no thing for a test."""
        for name in ("ada", "sue", "del"):
            await house.sign_up(name)
        await house.administration.suspend("sue")
        principal = await house.authenticator.authenticate((await house.log_in("del")).access_token)
        await house.accounts.delete(principal, PASSWORD, address=ADDRESS)
        counted = CountedHashes()
        counted.install(monkeypatch)
        for name in ("ada", "nobody", "sue", "del", "no name at all!", "", "x" * 5000, "\ud83e"):
            counted.clear()
            await error_of(house.log_in(name, OTHER_PASSWORD))
            assert counted == ["verify m=64,t=2,p=1"], name

    async def test_a_blocked_guess_costs_no_hash_the_right_one_neither(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await house.sign_up("ada")
        for _ in range(10):
            await error_of(house.log_in("ada", OTHER_PASSWORD))
        counted = CountedHashes()
        counted.install(monkeypatch)
        for password in (OTHER_PASSWORD, PASSWORD):
            assert await code_of(house.log_in("ada", password)) is ErrorCode.RATE_LIMITED
        assert counted == []

    async def test_only_the_right_password_learns_of_a_suspension(self, house: House) -> None:
        await house.sign_up("ada")
        await house.administration.suspend("ada")
        assert await code_of(house.log_in("ada", OTHER_PASSWORD)) is ErrorCode.INVALID_CREDENTIALS
        assert await code_of(house.log_in("ada")) is ErrorCode.ACCOUNT_SUSPENDED
        await house.administration.unsuspend("ada")
        await house.log_in("ada")

    async def test_a_password_changed_meanwhile_opens_nothing(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The password is verified before the transaction, and another request may be committed between."""
        await house.sign_up("ada")
        real = house.store.write

        async def write(job: object) -> object:
            monkeypatch.setattr(house.store, "write", real)
            await house.administration.reset_password("ada", OTHER_PASSWORD)
            return await real(job)  # type: ignore[arg-type]

        monkeypatch.setattr(house.store, "write", write)
        assert await code_of(house.log_in("ada")) is ErrorCode.INVALID_CREDENTIALS

    async def test_an_old_hash_is_replaced(self, house: House) -> None:
        ada = await house.sign_up("ada")
        weaker = "$argon2id$v=19$m=1024,t=1,p=1$SAkBwFgrhRDi/B9jbE2J8Q$wqUitv2jh0K9QMR5fcFCQl5BqAVchkNXKkekSeiFAuY"
        await house.store.write(lambda unit: unit.users.set_password_hash(ada.id, weaker))
        await house.log_in("ada")
        stored = await house.store.read(lambda rows: rows.users.password_hash(ada.id))
        assert stored is not None
        assert "m=1024,t=1" not in stored
        await house.log_in("ada")

    async def test_logins_and_failures_are_logged_without_secrets(self, house: House) -> None:
        await house.sign_up("ada")
        with capture_logs() as lines:
            pair = await house.log_in("ada")
            await error_of(house.log_in("ada", OTHER_PASSWORD))
            await error_of(house.log_in("eve"))
            await error_of(house.log_in("my secret, typed into the wrong field"))
        events = [(line["event"], line.get("username"), line.get("reason")) for line in lines]
        assert events == [
            ("auth.logged_in", "ada", None),
            ("auth.login_failed", "ada", "wrong_password"),
            ("auth.login_failed", "eve", "unknown_user"),
            ("auth.login_failed", None, "unknown_user"),
        ]
        for secret in (PASSWORD, OTHER_PASSWORD, pair.access_token, pair.refresh_token, "my secret"):
            assert secret not in str(lines)


class TestFailedLogins:
    async def fail(self, house: House, times: int, name: str = "ada", address: str = ADDRESS) -> None:
        for _ in range(times):
            assert await code_of(house.log_in(name, OTHER_PASSWORD, address=address)) is ErrorCode.INVALID_CREDENTIALS

    async def test_after_ten_wrong_ones_the_right_one_waits_too(self, house: House) -> None:
        await house.sign_up("ada")
        await self.fail(house, 10)
        wrong = await error_of(house.log_in("ada", OTHER_PASSWORD))
        right = await error_of(house.log_in("Ada"))
        assert wrong.code is right.code is ErrorCode.RATE_LIMITED
        assert (wrong.detail, wrong.status) == (right.detail, right.status)
        assert right.retry_after_ms is not None
        assert 890_000 < right.retry_after_ms <= 900_000

    async def test_an_unknown_account_is_blocked_like_a_known_one(self, house: House) -> None:
        await self.fail(house, 10, "eve")
        assert await code_of(house.log_in("eve")) is ErrorCode.RATE_LIMITED

    async def test_nobody_is_locked_out_by_a_stranger(self, house: House) -> None:
        await house.sign_up("ada")
        await self.fail(house, 10)
        await house.log_in("ada", address="192.0.2.99")

    async def test_the_right_password_clears_the_count(self, house: House) -> None:
        await house.sign_up("ada")
        await self.fail(house, 9)
        await house.log_in("ada")
        await self.fail(house, 9)
        await house.log_in("ada")

    async def test_one_address_cannot_try_one_password_on_everybody(self, house: House) -> None:
        await house.sign_up("ada")
        for number in range(100):
            await self.fail(house, 1, f"user{number}")
        assert await code_of(house.log_in("ada")) is ErrorCode.RATE_LIMITED
        await house.log_in("ada", address="192.0.2.99")

    async def test_proving_the_password_is_counted_as_well(self, house: House) -> None:
        principal, _ = await house.enter("ada")
        for _ in range(10):
            attempt = house.accounts.change_password(principal, OTHER_PASSWORD, "a new horse battery", address=ADDRESS)
            assert await code_of(attempt) is ErrorCode.INVALID_CREDENTIALS
        right = house.accounts.change_password(principal, PASSWORD, "a new horse battery", address=ADDRESS)
        assert await code_of(right) is ErrorCode.RATE_LIMITED
        assert await code_of(house.accounts.delete(principal, PASSWORD, address=ADDRESS)) is ErrorCode.RATE_LIMITED


class TestChangePassword:
    async def test_the_new_one_holds_and_every_other_session_ends(self, house: House) -> None:
        principal, _ = await house.enter("ada")
        other = await house.authenticator.authenticate((await house.log_in("ada")).access_token)
        await house.accounts.change_password(principal, PASSWORD, OTHER_PASSWORD, address=ADDRESS)
        assert [session.id for session in await house.sessions.of_user(principal)] == [principal.session_id]
        assert house.live.closed_sessions == [(other.session_id, CloseCode.SESSION_REVOKED)]
        assert await code_of(house.log_in("ada")) is ErrorCode.INVALID_CREDENTIALS
        await house.log_in("ada", OTHER_PASSWORD)

    async def test_the_wrong_one_changes_nothing(self, house: House) -> None:
        principal, _ = await house.enter("ada")
        attempt = house.accounts.change_password(principal, OTHER_PASSWORD, "a new horse battery", address=ADDRESS)
        error = await error_of(attempt)
        assert (error.code, error.status) == (ErrorCode.INVALID_CREDENTIALS, 403)
        await house.log_in("ada")

    @pytest.mark.parametrize("password", ["short", "password1234"])
    async def test_a_weak_new_one_is_refused_by_its_field(self, house: House, password: str) -> None:
        principal, _ = await house.enter("ada")
        error = await error_of(house.accounts.change_password(principal, PASSWORD, password, address=ADDRESS))
        assert error.errors[0]["loc"] == ["body", "new_password"]


class TestDelete:
    async def rooms(self, house: House, principal: Principal) -> str:
        room = RoomInfo("01980000-0000-7000-8000-0000000000aa", "tea", "", Visibility.PRIVATE)

        def job(unit: Unit) -> None:
            unit.rooms.insert(room, epoch="e1", now_ms=unit.now_ms)
            unit.members.add(room.id, principal.user.id, Role.OWNER, read_seq=0, now_ms=unit.now_ms)
            unit.append(room.id, EventType.ROOM_CREATED, principal.user.ref, room=room)

        await house.store.write(job)
        return room.id

    async def test_sessions_end_rooms_are_left_and_the_name_is_gone(self, house: House) -> None:
        principal, pair = await house.enter("ada")
        bob = await house.sign_up("bob")
        room_id = await self.rooms(house, principal)
        await house.store.write(
            lambda unit: unit.members.add(room_id, bob.id, Role.OWNER, read_seq=0, now_ms=unit.now_ms)
        )
        await house.accounts.delete(principal, PASSWORD, address=ADDRESS)

        assert house.live.closed_sessions == [(principal.session_id, CloseCode.SESSION_REVOKED)]
        assert house.live.closed_users == [(principal.user.id, CloseCode.SESSION_REVOKED)]
        assert await code_of(house.authenticator.authenticate(pair.access_token)) is ErrorCode.SESSION_REVOKED
        assert await code_of(house.sessions.refresh(pair.refresh_token, address=ADDRESS)) is ErrorCode.INVALID_TOKEN
        assert await code_of(house.log_in("ada")) is ErrorCode.INVALID_CREDENTIALS
        assert await code_of(house.sign_up("ADA")) is ErrorCode.USERNAME_TAKEN
        assert await house.users.find_by_username("ada") is None
        left = await house.users.get(principal.user.id)
        assert left.username == left.display_name == f"deleted-{principal.user.id[-8:]}"
        assert await house.store.read(lambda rows: rows.rooms.joined(principal.user.id)) == []
        for found, last_seq in ((ROOM_ID, 0), (room_id, 2)):
            room = await house.store.read(lambda rows, found=found: rows.rooms.find(found, bob.id))  # type: ignore[misc]
            assert room is not None
            assert (room.last_seq, room.member_count) == (last_seq, 1)

    async def test_the_last_owner_of_a_room_stays(self, house: House) -> None:
        principal, pair = await house.enter("ada")
        await self.rooms(house, principal)
        assert await code_of(house.accounts.delete(principal, PASSWORD, address=ADDRESS)) is ErrorCode.LAST_OWNER
        assert (await house.authenticator.authenticate(pair.access_token)).user.username == "ada"
        assert house.live.closed_users == []

    async def test_the_last_owner_of_a_deleted_room_may_go(self, house: House) -> None:
        principal, _ = await house.enter("ada")
        room_id = await self.rooms(house, principal)

        def job(unit: Unit) -> None:
            unit.members.remove_all(room_id)
            unit.rooms.mark_deleted(room_id, unit.now_ms)

        await house.store.write(job)
        await house.accounts.delete(principal, PASSWORD, address=ADDRESS)

    async def test_the_wrong_password_deletes_nobody(self, house: House) -> None:
        principal, _ = await house.enter("ada")
        error = await error_of(house.accounts.delete(principal, OTHER_PASSWORD, address=ADDRESS))
        assert (error.code, error.status) == (ErrorCode.INVALID_CREDENTIALS, 403)
        assert await house.status(principal.user) is UserStatus.ACTIVE
