"""Members, roles and bans (protocol 1: the rows of `members` and `bans`, "Roles")."""

from __future__ import annotations

from tests.search.model.rooms import Access
from tests.search.model.state import RANKS, Ban, Json, Place, Refused, RoleName, Room, State, User
from tests.search.model.streams import Streams


class Members:
    """What users do to each other's place in rooms."""

    def __init__(self, state: State, streams: Streams) -> None:
        """Work on this state."""
        self._state = state
        self._streams = streams

    def put(self, actor: User, room: Room, user: User, role: RoleName | None) -> Json:
        """Join, add somebody, or change a role."""
        access = Access(room, actor)
        place = room.places.get(user)
        if user is not actor:
            access.moderator()
        if place is None:
            self._may_add(access, user, role)
            event = self._streams.write(room, "member.joined", actor, user=user, role=role or "member")
            place = room.places[user] = Place(role or "member", event.seq)
            room.departed.discard(user)
            self._streams.open_room(room, user)
        elif role is not None and role != place.role:
            steps_down = user is actor and RANKS[role] < RANKS[place.role]
            if (access.role != "owner" and not steps_down) or (room.is_default and role == "owner"):
                raise Refused("forbidden")
            self._keep_an_owner(room, user)
            place.role = role
            self._streams.write(room, "member.role_changed", actor, user=user, role=role)
        return {"user": user.ref, "role": place.role, "joined_at": place.joined_at}

    def _may_add(self, access: Access, user: User, role: RoleName | None) -> None:
        room = access.room
        if user.is_deleted:
            raise Refused("not_found")
        refusals = []
        if user in room.bans:
            refusals.append("banned")
        is_high = role not in {None, "member"}
        if is_high and (access.role != "owner" or (room.is_default and role == "owner")):
            refusals.append("forbidden")
        if user is not access.user and room.is_public and user in room.departed:
            refusals.append("forbidden")
        if not refusals and len(self._state.rooms_of(user)) >= self._state.rooms_max:
            refusals.append("too_many_rooms")
        if refusals:
            raise Refused(*refusals)

    def remove(self, actor: User, room: Room, user: User) -> None:
        """Leave, or take somebody out."""
        access = Access(room, actor)
        leaves = user is actor
        if not leaves:
            access.moderator()
        place = room.places.get(user)
        if place is None:
            raise Refused("not_found")
        if room.is_default and leaves:
            raise Refused("forbidden")
        if not leaves:
            self._is_above(access, place)
        self._keep_an_owner(room, user)
        self._streams.write(room, "member.left" if leaves else "member.removed", actor, user=user)
        del room.places[user]
        if leaves and room.is_public:
            room.departed.add(user)

    def page(self, actor: User, room: Room) -> list[Json]:
        """All members, in the order of their accounts."""
        Access(room, actor).member()
        ours = [user for user in self._state.users if user in room.places]
        shown = [
            {"user": user.ref, "role": room.places[user].role, "joined_at": room.places[user].joined_at}
            for user in ours
        ]
        return [*room.old_members, *shown]

    def ban(self, actor: User, room: Room, user: User, reason: str) -> None:
        """Take somebody out and keep them out."""
        access = Access(room, actor).moderator()
        if user is actor:
            raise Refused("forbidden")
        if user.is_deleted:
            raise Refused("not_found")
        if user in room.bans:
            return
        place = room.places.get(user)
        if place is not None:
            self._is_above(access, place)
            self._keep_an_owner(room, user)
        self._streams.write(room, "member.banned", actor, user=user)
        room.places.pop(user, None)
        room.bans[user] = Ban(reason, actor)

    def unban(self, actor: User, room: Room, user: User) -> None:
        """Let somebody join again."""
        Access(room, actor).moderator()
        if room.bans.pop(user, None) is not None:
            self._streams.write(room, "member.unbanned", actor, user=user)

    def bans(self, actor: User, room: Room) -> list[Json]:
        """All bans, in the order of the accounts."""
        Access(room, actor).moderator()
        ours = [
            {"user": user.ref, "reason": ban.reason, "actor": ban.actor.ref, "created_at": ban.created_at}
            for user in self._state.users
            for ban in [room.bans.get(user)]
            if ban is not None
        ]
        return [*room.old_bans, *ours]

    def _is_above(self, access: Access, place: Place) -> None:
        assert access.role is not None
        if access.role != "owner" and RANKS[access.role] <= RANKS[place.role]:
            raise Refused("forbidden")

    def _keep_an_owner(self, room: Room, user: User) -> None:
        if room.owners() == [user]:
            raise Refused("last_owner")
