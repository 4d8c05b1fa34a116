"""What `chat talk` says: events, messages, rooms and errors as lines for a person, harmless whoever wrote them."""

from typing import Final

from api.cli.terminal import plain
from chat_client import (
    ChatApiError,
    ChatClientError,
    CommandTimeoutError,
    ConnectionClosedError,
    Event,
    Message,
    Room,
    RoomLeft,
    ServerUnreachableError,
    SessionEndedError,
    UserRef,
)

_ERRORS: Final = {
    "invalid_credentials": "Wrong username or password.",
    "username_taken": "This username is taken.",
    "account_suspended": "This account is suspended.",
    "session_revoked": "Your session was ended. Start again to log in.",
    "room_name_taken": "There is a public room of this name already.",
    "too_many_rooms": "You are in as many rooms as one can be.",
    "banned": "You are banned from this room.",
    "connection_limit": "There are too many connections.",
    "draining": "The server is about to restart.",
    "unavailable": "The server cannot do that at the moment.",
    "not_found": "There is no such thing, or not for you.",
}
_CLOSINGS: Final = {4500: "session_revoked", 4502: "account_suspended"}

_LEFT: Final = {
    "left": "You have left {room}.",
    "removed": "You were removed from {room}.",
    "banned": "You were banned from {room}.",
    "deleted": "{room} was deleted.",
}


def describe_user(user: UserRef) -> str:
    """Name a user; the username is there whenever the display name could be mistaken for another's."""
    if user.display_name.casefold() == user.username.casefold():
        return plain(user.display_name)
    return plain(f"{user.display_name} (@{user.username})")


def describe_room(room: Room) -> str:
    """Name a room."""
    return plain(room.name)


def describe_message(message: Message) -> str:
    """Write a message as a line, with the local time."""
    at = message.created_at.astimezone().strftime("%H:%M")
    if message.deleted_at is not None:
        return f"[{at}] {describe_user(message.author)} (deleted)"
    edited = " (edited)" if message.edited_at is not None else ""
    return f"[{at}] {describe_user(message.author)}: {plain(message.body)}{edited}"


def describe_event(event: Event) -> str | None:
    """Write an event of a room's log as a line; None for one that a reader need not see."""
    actor = "Someone" if event.actor is None else describe_user(event.actor)
    if event.message is not None:
        return _message_event(event.type, event.message, actor)
    if event.user is not None:
        return _member_event(event, describe_user(event.user), actor)
    if event.room is not None and event.type == "room.updated":
        topic = f" ({plain(event.room.topic)})" if event.room.topic else ""
        return f"* {actor} has changed the room: it is {plain(event.room.name)}{topic} now."
    return None


def describe_leaving(event: RoomLeft, name: str) -> str:
    """Say why a room is gone."""
    return "* " + _LEFT.get(event.reason, "You are no longer in {room}.").format(room=plain(name))


def describe_error(error: ChatClientError, server: str) -> str:
    """Say what went wrong, in a sentence or two."""
    match error:
        case ServerUnreachableError():
            return f"No server answers at {server}."
        case ChatApiError():
            return _refusal(error)
        case ConnectionClosedError():
            told = f"The connection was closed ({error.code}{plain(f' {error.reason}'.rstrip())})."
            return _ERRORS[_CLOSINGS[error.code]] if error.code in _CLOSINGS else told
        case CommandTimeoutError():
            return f"The server did not answer in time: {error}."
        case _:
            return plain(str(error))


def _refusal(error: ChatApiError) -> str:
    if isinstance(error, SessionEndedError):
        return _ERRORS["session_revoked"]
    if error.code == "validation_error" and error.errors:
        return " ".join(_field_error(dict(found)) for found in error.errors)
    if error.code == "rate_limited":
        return f"That was too much at once; try again in {max(1, round(error.retry_after_s))} s."
    return plain(_ERRORS.get(error.code) or error.detail or error.code)


def _message_event(kind: str, message: Message, actor: str) -> str:
    author = describe_user(message.author)
    match kind:
        case "message.edited":
            return f"* {author} has edited a message: {plain(message.body)}"
        case "message.deleted":
            return f"* {actor} has deleted a message of {author}."
        case _:
            return describe_message(message)


def _member_event(event: Event, user: str, actor: str) -> str | None:
    match event.type:
        case "member.joined":
            return f"* {user} has joined." if user == actor else f"* {actor} has added {user}."
        case "member.left":
            return f"* {user} has left."
        case "member.removed":
            return f"* {actor} has removed {user}."
        case "member.banned":
            return f"* {actor} has banned {user}."
        case "member.unbanned":
            return f"* {actor} has lifted the ban of {user}."
        case "member.role_changed":
            return f"* {user} is {plain(event.role or 'member')} now."
        case _:
            return None


def _field_error(found: dict[str, object]) -> str:
    place = found.get("loc")
    names = [str(part) for part in place if part not in {"body", "query"}] if isinstance(place, list) else []
    return plain(f"{' '.join(names)}: {found.get('msg', '')}.".removeprefix(": "))
