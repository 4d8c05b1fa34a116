"""Rooms, and who may do what in them (protocol 1: the rows of `rooms`, "Roles")."""

from __future__ import annotations

from tests.search.model.state import Json, Place, Refused, RoleName, Room, State, User
from tests.search.model.streams import Streams


class Access:
    """What a user may do in a room: an admin is an owner in public ones, member or not."""

    def __init__(self, room: Room, user: User) -> None:
        """Look the user up in the room; what nobody may know of is not there."""
        place = room.places.get(user)
        if room.is_deleted or (place is None and not room.is_public):
            raise Refused("not_found")
        self.room = room
        self.user = user
        self.role: RoleName | None = None if place is None else place.role
        if room.is_public and user.is_admin:
            self.role = "owner"

    def member(self) -> Access:
        """Ask for a member."""
        if self.role is None:
            raise Refused("banned" if self.user in self.room.bans else "forbidden")
        return self

    def moderator(self) -> Access:
        """Ask for a moderator or owner."""
        if self.member().role == "member":
            raise Refused("forbidden")
        return self

    def owner(self) -> Access:
        """Ask for an owner."""
        if self.member().role != "owner":
            raise Refused("forbidden")
        return self


class Rooms:
    """Make, change and delete rooms, and find them."""

    def __init__(self, state: State, streams: Streams) -> None:
        """Work on this state."""
        self._state = state
        self._streams = streams

    def create(self, user: User, name: str, topic: str, *, is_public: bool) -> Json:
        """Make a room and own it."""
        refusals = []
        if is_public and self._is_taken(name, None):
            refusals.append("room_name_taken")
        if len(self._state.rooms_of(user)) >= self._state.rooms_max:
            refusals.append("too_many_rooms")
        if refusals:
            raise Refused(*refusals)
        room = Room(self._state.fresh_id(), name, topic, is_public)
        self._state.rooms.append(room)
        event = self._streams.write(room, "room.created", user, info=room.info, at=room.created_at)
        room.places[user] = Place("owner", event.seq)
        self._streams.open_room(room, user)
        return room.shown(user)

    def change(self, user: User, room: Room, name: str | None, topic: str | None) -> Json:
        """Change the name or the topic; what is so already is no event."""
        Access(room, user).moderator()
        new_name = room.name if name is None else name
        new_topic = room.topic if topic is None else topic
        if (new_name, new_topic) != (room.name, room.topic):
            if room.is_public and self._is_taken(new_name, room):
                raise Refused("room_name_taken")
            room.name, room.topic = new_name, new_topic
            self._streams.write(room, "room.updated", user, info=room.info)
        return room.shown(user)

    def delete(self, user: User, room: Room) -> None:
        """Delete a room for everybody."""
        Access(room, user).owner()
        if room.is_default:
            raise Refused("forbidden")
        self._streams.write(room, "room.deleted", user)
        room.is_deleted = True
        room.places.clear()

    def show(self, user: User, room: Room) -> Json:
        """Read a room."""
        Access(room, user)
        return room.shown(user)

    def joined(self, user: User) -> list[Json]:
        """The user's rooms."""
        return [room.shown(user) for room in self._state.rooms_of(user)]

    def public(self, user: User) -> list[Json]:
        """The public rooms that the model knows of."""
        return [room.shown(user) for room in self._state.rooms if room.is_public and not room.is_deleted]

    def _is_taken(self, name: str, mine: Room | None) -> bool:
        living = [room for room in self._state.rooms if room.is_public and not room.is_deleted and room is not mine]
        return any(room.name.casefold() == name.casefold() for room in living)
