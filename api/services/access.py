"""Who may do what in a room. Every rule is asked inside the transaction that acts on it."""

from dataclasses import dataclass

from api.domain.errors import ChatError, ErrorCode, forbidden, not_found
from api.domain.models import Role, Room, User, Visibility
from api.store.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Standing:
    """What a user may do in a room: his role, an owner's for an admin in a public room, None for a non-member."""

    room: Room
    role: Role | None

    @property
    def is_owner(self) -> bool:
        """Tell whether all of the room is his to decide."""
        return self.role is Role.OWNER

    def outranks(self, role: Role) -> bool:
        """Tell whether he may remove, ban or re-role somebody of this role; owners may do so to owners."""
        return self.role is not None and (self.is_owner or self.role.rank > role.rank)


def standing(rows: Snapshot, room_id: str, user: User, *, with_unread: bool = False) -> Standing:
    """Find a room and what the user may do in it; with what he has not read where the room is to be shown.

    Raises:
        ChatError: `not_found`, also for a private room that he is no member of, banned or not.
    """
    room = rows.rooms.find(room_id, user.id, with_unread=with_unread)
    if room is None:
        raise not_found("room")
    is_public = room.visibility is Visibility.PUBLIC
    if room.me is None and not is_public:
        raise not_found("room")
    if is_public and user.is_admin:
        return Standing(room, Role.OWNER)
    return Standing(room, None if room.me is None else room.me.role)


def member(rows: Snapshot, room_id: str, user: User) -> Standing:
    """Find a room that the user may read and write in.

    Raises:
        ChatError: `not_found`; of a public room `banned` or `forbidden`.
    """
    found = standing(rows, room_id, user)
    if found.role is None:
        raise _outsider(rows, room_id, user)
    return found


def moderator(rows: Snapshot, room_id: str, user: User) -> Standing:
    """Find a room that the user is moderator or owner of.

    Raises:
        ChatError: as `member`; `forbidden` for a plain member.
    """
    found = member(rows, room_id, user)
    if found.role is Role.MEMBER:
        raise forbidden("Only an owner or a moderator may do this.")
    return found


def owner(rows: Snapshot, room_id: str, user: User) -> Standing:
    """Find a room that the user owns.

    Raises:
        ChatError: as `member`; `forbidden` for a moderator or plain member.
    """
    found = member(rows, room_id, user)
    if not found.is_owner:
        raise forbidden("Only an owner may do this.")
    return found


def _outsider(rows: Snapshot, room_id: str, user: User) -> ChatError:
    if rows.members.is_banned(room_id, user.id):
        return ChatError(ErrorCode.BANNED, "You are banned from this room.")
    return forbidden("You are not a member of this room.")
