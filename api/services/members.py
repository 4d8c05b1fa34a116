"""Members, roles and bans: who is in a room, and who may not be."""

from dataclasses import replace

from api import log_events
from api.broadcast.manager import BroadcastManager
from api.domain.errors import ChatError, ErrorCode, forbidden, not_found
from api.domain.events import EventType
from api.domain.models import Ban, Member, Role, User, UserRef, UserStatus, Visibility
from api.services import access
from api.services.rooms import too_many_rooms
from api.store.base import Store
from api.store.snapshot import Snapshot, Unit


class Members:
    """What users do to each other's place in rooms; each change is one event of the room's log.

    A request for what is already so succeeds and makes no event.
    """

    def __init__(self, store: Store, manager: BroadcastManager, *, rooms_per_user_max: int) -> None:
        self._store = store
        self._manager = manager
        self._rooms_per_user_max = rooms_per_user_max

    async def page(self, user: User, room_id: str, *, after_id: str | None, limit: int) -> list[Member]:
        """List a room's members in the order of their ids.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`.
        """

        def query(rows: Snapshot) -> list[Member]:
            access.member(rows, room_id, user)
            return rows.members.page(room_id, after_id=after_id, limit=limit)

        return await self._store.read(query)

    async def put(self, actor: User, room_id: str, user_id: str, role: Role | None) -> Member:
        """Join, add somebody, or change a role (None: `member` for a new one, a present one keeps his).

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`, `last_owner`, `too_many_rooms`.
        """

        def job(unit: Unit) -> tuple[Member, EventType | None]:
            found = access.standing(unit, room_id, actor)
            present = unit.members.find(room_id, user_id)
            if present is not None and user_id != actor.id:
                access.member(unit, room_id, actor)
            if present is None:
                self._may_add(unit, found, actor, user_id, role)
                return self._add(unit, room_id, actor, user_id, role or Role.MEMBER), EventType.MEMBER_JOINED
            if role is None or role is present.role:
                if user_id != actor.id:
                    access.moderator(unit, room_id, actor)
                return present, None
            self._may_change_role(unit, found, actor, present, role)
            unit.members.set_role(room_id, user_id, role)
            unit.append(room_id, EventType.MEMBER_ROLE_CHANGED, actor.ref, user=present.user, role=role)
            return replace(present, role=role), EventType.MEMBER_ROLE_CHANGED

        member, change = await self._store.write(job)
        if change is not None:
            logged = log_events.MEMBER_JOINED if change is EventType.MEMBER_JOINED else log_events.MEMBER_ROLE_CHANGED
            logged.emit(room_id=room_id, user_id=user_id, actor_id=actor.id, role=member.role.value)
        if change is EventType.MEMBER_JOINED:
            await self._manager.admitted(user_id, room_id)
        return member

    def _may_add(self, unit: Unit, found: access.Standing, actor: User, user_id: str, role: Role | None) -> None:
        room = found.room
        if user_id == actor.id:
            if unit.members.is_banned(room.id, user_id):
                raise _banned("You are banned from this room.")
            if role not in {None, Role.MEMBER} and not found.is_owner:
                raise forbidden("One joins as a member.")
        else:
            access.moderator(unit, room.id, actor)
            if role not in {None, Role.MEMBER} and not found.is_owner:
                raise forbidden("Only an owner gives roles.")
            _living_user(unit, user_id)
            if unit.members.is_banned(room.id, user_id):
                raise _banned("This user is banned from the room.")
            if room.visibility is Visibility.PUBLIC and unit.members.has_departed(room.id, user_id):
                raise forbidden("This user left the room, and comes back only by himself.")
        _default_room_has_no_owner(found, role)
        if unit.members.room_count(user_id) >= self._rooms_per_user_max:
            raise too_many_rooms()

    def _add(self, unit: Unit, room_id: str, actor: User, user_id: str, role: Role) -> Member:
        user = _living_user(unit, user_id)
        event = unit.append(room_id, EventType.MEMBER_JOINED, actor.ref, user=user, role=role)
        unit.members.add(room_id, user_id, role, read_seq=event.seq, now_ms=unit.now_ms)
        return Member(user, role, unit.now_ms)

    def _may_change_role(self, unit: Unit, found: access.Standing, actor: User, present: Member, role: Role) -> None:
        steps_down = present.user.id == actor.id and role.rank < present.role.rank
        if not found.is_owner and not steps_down:
            raise forbidden("Only an owner gives roles; anyone may take a lower one.")
        _default_room_has_no_owner(found, role)
        _keep_an_owner(unit, found, present)

    async def remove(self, actor: User, room_id: str, user_id: str) -> None:
        """Leave a room, or take somebody out of it.

        Raises:
            ChatError: `not_found` (also: no member), `banned`, `forbidden`, `last_owner`.
        """
        leaves = actor.id == user_id

        def job(unit: Unit) -> None:
            found = access.standing(unit, room_id, actor) if leaves else access.moderator(unit, room_id, actor)
            present = unit.members.find(room_id, user_id)
            if present is None:
                raise not_found("member")
            if leaves and found.room.is_default:
                raise forbidden("This room cannot be left.")
            if not leaves and not found.outranks(present.role):
                raise forbidden("One removes only those of a lower role.")
            _keep_an_owner(unit, found, present)
            event_type = EventType.MEMBER_LEFT if leaves else EventType.MEMBER_REMOVED
            unit.append(room_id, event_type, actor.ref, user=present.user)
            unit.members.remove(room_id, user_id)
            if leaves and found.room.visibility is Visibility.PUBLIC:
                unit.members.mark_departed(room_id, user_id)

        await self._store.write(job)
        if leaves:
            log_events.MEMBER_LEFT.emit(room_id=room_id, user_id=user_id)
        else:
            log_events.MEMBER_REMOVED.emit(room_id=room_id, user_id=user_id, actor_id=actor.id)

    async def bans(self, user: User, room_id: str, *, after_id: str | None, limit: int) -> list[Ban]:
        """List a room's bans in the order of the banned users' ids.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`.
        """

        def query(rows: Snapshot) -> list[Ban]:
            access.moderator(rows, room_id, user)
            return rows.members.bans(room_id, after_id=after_id, limit=limit)

        return await self._store.read(query)

    async def ban(self, actor: User, room_id: str, user_id: str, *, reason: str) -> None:
        """Take somebody out of a room and keep him out; also who is not in it.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden` (also: oneself), `last_owner`.
        """

        def job(unit: Unit) -> bool:
            found = access.moderator(unit, room_id, actor)
            if user_id == actor.id:
                raise forbidden("Nobody bans himself.")
            user = _living_user(unit, user_id)
            if unit.members.is_banned(room_id, user_id):
                return False
            present = unit.members.find(room_id, user_id)
            if present is not None:
                if not found.outranks(present.role):
                    raise forbidden("One bans only those of a lower role.")
                _keep_an_owner(unit, found, present)
                unit.members.remove(room_id, user_id)
            unit.members.ban(room_id, user_id, actor.id, reason=reason, now_ms=unit.now_ms)
            unit.append(room_id, EventType.MEMBER_BANNED, actor.ref, user=user)
            return True

        if await self._store.write(job):
            log_events.MEMBER_BANNED.emit(room_id=room_id, user_id=user_id, actor_id=actor.id)

    async def unban(self, actor: User, room_id: str, user_id: str) -> None:
        """Let somebody join again.

        Raises:
            ChatError: `not_found`, `banned`, `forbidden`.
        """

        def job(unit: Unit) -> bool:
            access.moderator(unit, room_id, actor)
            user = unit.users.refs([user_id]).get(user_id)
            if user is None:
                raise not_found("user")
            if not unit.members.is_banned(room_id, user_id):
                return False
            unit.members.unban(room_id, user_id)
            unit.append(room_id, EventType.MEMBER_UNBANNED, actor.ref, user=user)
            return True

        if await self._store.write(job):
            log_events.MEMBER_UNBANNED.emit(room_id=room_id, user_id=user_id, actor_id=actor.id)


def _living_user(unit: Unit, user_id: str) -> UserRef:
    account = unit.users.account(user_id)
    if account is None or account.status is UserStatus.DELETED:
        raise not_found("user")
    return account.user.ref


def _banned(detail: str) -> ChatError:
    return ChatError(ErrorCode.BANNED, detail)


def _default_room_has_no_owner(found: access.Standing, role: Role | None) -> None:
    if found.room.is_default and role is Role.OWNER:
        raise forbidden("This room has no owner.")


def _keep_an_owner(unit: Unit, found: access.Standing, present: Member) -> None:
    if present.role is Role.OWNER and unit.members.owner_count(found.room.id) == 1:
        raise ChatError(ErrorCode.LAST_OWNER, "The room needs an owner; make somebody else owner first.")
