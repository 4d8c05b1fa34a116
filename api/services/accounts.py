"""Accounts: signing up, logging in, changing the password, and going away for good."""

from collections.abc import Sequence

import uuid_utils

from api import log_events
from api.broadcast.stats import LoginFailure, NodeStats
from api.domain.errors import ChatError, ErrorCode, forbidden
from api.domain.events import EventType
from api.domain.models import Role, User, UserRole, UserStatus
from api.domain.text import is_reserved_username, name_key
from api.protocol.problems import CloseCode
from api.rate_limiter import RateLimiter, Rule, address_key, rate_limited
from api.security.passwords import PasswordPolicy, Passwords
from api.services.authentication import Authenticator, Principal
from api.services.failed_logins import FailedLogins
from api.services.live import LiveSessions
from api.services.sessions import Issued, Sessions, TokenPair
from api.services.users import username_or_none
from api.store.base import Store
from api.store.snapshot import Snapshot, Unit

_FORBIDDEN = 403  # `invalid_credentials` is 401 at log-in only: whoever is logged in has a good token


class Accounts:
    """What people do with their own accounts.

    Args:
        store: holds them.
        passwords: hashes and verifies.
        policy: says which passwords may be chosen.
        sessions: opens one for each login.
        authenticator: is told what to forget.
        live: closes the sockets of what has ended.
        limiter: counts sign-ups.
        signup_rule: sign-ups of one address.
        failed_logins: counts wrong passwords.
        is_signup_open: whether people may make accounts by themselves.
        stats: counts what comes of it all.
    """

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        policy: PasswordPolicy,
        sessions: Sessions,
        authenticator: Authenticator,
        live: LiveSessions,
        limiter: RateLimiter,
        signup_rule: Rule,
        failed_logins: FailedLogins,
        is_signup_open: bool,
        stats: NodeStats,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._policy = policy
        self._sessions = sessions
        self._authenticator = authenticator
        self._live = live
        self._limiter = limiter
        self._signup_rule = signup_rule
        self._failed_logins = failed_logins
        self._is_signup_open = is_signup_open
        self._stats = stats

    async def sign_up(self, username: str, password: str, display_name: str | None, *, address: str) -> User:
        """Make an account, which is in the default room from the start.

        Args:
            username: as `clean_username` returns it.
            password: as `check_password` lets it pass.
            display_name: as `clean_display_name` returns it; None: the username.
            address: of the client.

        Raises:
            ChatError: `forbidden`, `rate_limited`, `validation_error`, `username_taken`, `unavailable`.
        """
        if not self._is_signup_open:
            raise forbidden("Sign-up is closed on this server.")
        wait_ms = await self._limiter.hit(self._signup_rule, "signup", address_key(address))
        if wait_ms:
            self._stats.limits_exceeded["signup"] += 1
            log_events.RATE_LIMIT_EXCEEDED.emit(limit="signup", client=address)
            raise rate_limited(self._signup_rule, wait_ms)
        self._policy.check(password, username, field="password")
        await self._store.read(lambda rows: refuse_taken(rows, username))
        password_hash = await self._passwords.hash(password)
        user = await self._store.write(lambda unit: enrol(unit, username, display_name, password_hash))
        self._stats.signups += 1
        log_events.AUTH_SIGNED_UP.emit(user_id=user.id, username=user.username, client=address)
        return user

    async def log_in(self, username: str, password: str, *, address: str, user_agent: str) -> TokenPair:
        """Open a session.

        An unknown user and a wrong password get the same answer after the same work.

        Raises:
            ChatError: `rate_limited`, `invalid_credentials`, `account_suspended` (to the right password only),
                `unavailable`.
        """
        name = username_or_none(username)
        async with self._failed_logins.attempt(name_key(name or ""), address):
            account = None
            if name is not None:
                account = await self._store.read(lambda rows: rows.users.account_by_username(name))
            verdict = await self._passwords.verify(password, account.password_hash if account else None)
            if account is None or not verdict.is_right:
                self._login_failed("unknown_user" if account is None else "wrong_password", name, address)
                raise _wrong_credentials()

        user_id, verified_hash = account.user.id, account.password_hash

        def job(unit: Unit) -> Issued:
            _still_holds(unit, user_id, verified_hash, status=None)
            if verdict.upgraded_hash is not None:
                unit.users.set_password_hash(user_id, verdict.upgraded_hash)
            return self._sessions.open(unit, user_id, user_agent)

        try:
            issued = await self._store.write(job)
        except ChatError as error:
            if error.code is ErrorCode.ACCOUNT_SUSPENDED:
                self._login_failed("suspended", name, address)
            raise
        self._stats.logins += 1
        log_events.AUTH_LOGGED_IN.emit(
            user_id=user_id,
            username=account.user.username,
            session_id=issued.session_id,
            client=address,
            user_agent=user_agent,
        )
        return self._sessions.pair(issued)

    async def change_password(
        self, principal: Principal, current_password: str, new_password: str, *, address: str
    ) -> None:
        """Replace the password, and end every session but this one.

        Raises:
            ChatError: `rate_limited`, `validation_error`, `invalid_credentials` (403), `unavailable`.
        """
        self._policy.check(new_password, principal.user.username, field="new_password")
        verified_hash = await self._prove(principal, current_password, address)
        password_hash = await self._passwords.hash(new_password)

        def job(unit: Unit) -> list[str]:
            _still_holds(unit, principal.user.id, verified_hash, status=_FORBIDDEN)
            unit.users.set_password_hash(principal.user.id, password_hash)
            return unit.sessions.revoke_all(principal.user.id, unit.now_ms, keep=principal.session_id)

        revoked = await self._store.write(job)
        log_events.AUTH_PASSWORD_CHANGED.emit(user_id=principal.user.id, revoked=len(revoked))
        self._end(revoked)

    async def delete(self, principal: Principal, password: str, *, address: str) -> None:
        """Delete the account: sessions end, rooms are left, messages stay, nobody gets the username again.

        Raises:
            ChatError: `rate_limited`, `invalid_credentials` (403), `last_owner` of some room, `unavailable`.
        """
        verified_hash = await self._prove(principal, password, address)
        user_id = principal.user.id

        def job(unit: Unit) -> list[str]:
            _still_holds(unit, user_id, verified_hash, status=_FORBIDDEN)
            _leave_all_rooms(unit, user_id)
            return unit.sessions.revoke_all(user_id, unit.now_ms)

        revoked = await self._store.write(job)
        log_events.USER_DELETED.emit(user_id=user_id)
        self._end(revoked)
        self._live.close_user(user_id, CloseCode.SESSION_REVOKED)

    async def _prove(self, principal: Principal, password: str, address: str) -> str | None:
        async with self._failed_logins.attempt(name_key(principal.user.username), address):
            stored = await self._store.read(lambda rows: rows.users.password_hash(principal.user.id))
            verdict = await self._passwords.verify(password, stored)
            if not verdict.is_right:
                self._login_failed("wrong_password", principal.user.username, address)
                raise _wrong_credentials(_FORBIDDEN)
        return stored

    def _login_failed(self, reason: LoginFailure, username: str | None, address: str) -> None:
        self._stats.logins_failed[reason] += 1
        log_events.AUTH_LOGIN_FAILED.emit(username=username, client=address, reason=reason)

    def _end(self, session_ids: Sequence[str]) -> None:
        self._authenticator.invalidate_session(*session_ids)
        self._live.close_sessions(session_ids, CloseCode.SESSION_REVOKED)


def refuse_taken(rows: Snapshot, username: str) -> None:
    """Refuse a username that is somebody's, was somebody's, or looks like a deleted user's.

    Raises:
        ChatError: `username_taken`.
    """
    if is_reserved_username(username) or rows.users.is_taken(username):
        raise ChatError(ErrorCode.USERNAME_TAKEN, "This username is taken.")


def enrol(unit: Unit, username: str, display_name: str | None, password_hash: str) -> User:
    """Add a user within a transaction, as a member of the default room from the start of what he has not read.

    Raises:
        ChatError: `username_taken`.
    """
    refuse_taken(unit, username)
    user = User(str(uuid_utils.uuid7()), username, display_name or username, UserRole.USER, unit.now_ms)
    unit.users.insert(user, password_hash)
    room_id = unit.rooms.default_room_id()
    if room_id is not None:
        last_seq, _ = unit.rooms.head(room_id)
        unit.members.add(room_id, user.id, Role.MEMBER, read_seq=last_seq, now_ms=unit.now_ms)
    return user


def _leave_all_rooms(unit: Unit, user_id: str) -> None:
    places = unit.members.places_of(user_id)
    if any(place.role is Role.OWNER and place.owner_count == 1 for place in places):
        raise ChatError(
            ErrorCode.LAST_OWNER, "You are the last owner of a room; make somebody else its owner, or delete it."
        )
    # First the name: what the rooms are told of the leaving shows it already.
    ref = unit.users.mark_deleted(user_id)
    for place in places:
        unit.members.remove(place.room_id, user_id)
        if not place.is_default:
            unit.append(place.room_id, EventType.MEMBER_LEFT, ref, user=ref)


def _still_holds(unit: Unit, user_id: str, verified_hash: str | None, *, status: int | None) -> None:
    """Check again, in the transaction, what was verified before it: the password may have been changed meanwhile."""
    account = unit.users.account(user_id)
    if account is None or account.status is UserStatus.DELETED or account.password_hash != verified_hash:
        raise _wrong_credentials(status)
    if account.status is UserStatus.SUSPENDED:
        raise ChatError(ErrorCode.ACCOUNT_SUSPENDED, "This account is suspended.")


def _wrong_credentials(status: int | None = None) -> ChatError:
    return ChatError(ErrorCode.INVALID_CREDENTIALS, "The username or the password is wrong.", status=status)
