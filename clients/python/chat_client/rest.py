"""The REST routes as methods.

Nothing is tried again by itself (but a request whose access token had run out); `ChatApiError.retryable` and
`retry_after_s` say what may be. A room is named by its id throughout.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from chat_client.errors import Json
from chat_client.events import HistoryPage
from chat_client.models import Ban, Member, Message, MessagePage, Page, Room, SessionInfo, User, parsed
from chat_client.session import Session

T = TypeVar("T")


class Rest:
    """Requests in the name of the user of `session`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # --- the user and other users ---

    async def me(self) -> User:
        return parsed(User.parse, await self._request("GET", "/v1/users/me"))

    async def update_me(self, *, display_name: str) -> User:
        return parsed(User.parse, await self._request("PATCH", "/v1/users/me", json={"display_name": display_name}))

    async def delete_me(self, *, password: str) -> None:
        """Delete the account for good: rooms are left, messages stay, under no name."""
        await self._request("DELETE", "/v1/users/me", json={"password": password})

    async def change_password(self, *, current_password: str, new_password: str) -> None:
        """Change the password; every other session of the user ends."""
        body = {"current_password": current_password, "new_password": new_password}
        await self._request("POST", "/v1/auth/password", json=body)

    async def user(self, user_id: str) -> User:
        return parsed(User.parse, await self._request("GET", f"/v1/users/{_segment(user_id)}"))

    async def find_user(self, username: str) -> User | None:
        """Find a user by the exact name, in any case of letters."""
        items = (await self._page("/v1/users", User.parse, query={"username": username})).items
        return items[0] if items else None

    async def sessions(self) -> tuple[SessionInfo, ...]:
        return (await self._page("/v1/auth/sessions", SessionInfo.parse)).items

    async def revoke_session(self, session_id: str) -> None:
        await self._request("DELETE", f"/v1/auth/sessions/{_segment(session_id)}")

    async def ws_ticket(self) -> str:
        """Return a ticket for one handshake within the next 30 s."""
        return parsed(lambda data: str(data["ticket"]), await self._request("POST", "/v1/auth/ws-ticket"))

    # --- rooms ---

    async def rooms(self, *, scope: str = "joined", cursor: str | None = None, limit: int | None = None) -> Page[Room]:
        """Return a page of the user's rooms (`joined`) or of all public ones (`public`)."""
        return await self._page("/v1/rooms", Room.parse, query={"scope": scope, "cursor": cursor, "limit": limit})

    async def all_rooms(self, *, scope: str = "joined") -> AsyncIterator[Room]:
        """Yield the rooms of all pages."""
        cursor: str | None = None
        while True:
            page = await self.rooms(scope=scope, cursor=cursor, limit=200)
            for room in page.items:
                yield room
            cursor = page.next_cursor
            if cursor is None:
                return

    async def create_room(self, name: str, *, topic: str | None = None, visibility: str = "public") -> Room:
        """Create a room, `public` or `private`, owned by the user."""
        body = {"name": name, "visibility": visibility}
        if topic is not None:
            body["topic"] = topic
        return parsed(Room.parse, await self._request("POST", "/v1/rooms", json=body))

    async def room(self, room_id: str) -> Room:
        return parsed(Room.parse, await self._request("GET", _room(room_id)))

    async def update_room(self, room_id: str, *, name: str | None = None, topic: str | None = None) -> Room:
        body = {field: value for field, value in (("name", name), ("topic", topic)) if value is not None}
        return parsed(Room.parse, await self._request("PATCH", _room(room_id), json=body))

    async def delete_room(self, room_id: str) -> None:
        await self._request("DELETE", _room(room_id))

    async def members(self, room_id: str, *, cursor: str | None = None, limit: int | None = None) -> Page[Member]:
        return await self._page(f"{_room(room_id)}/members", Member.parse, query={"cursor": cursor, "limit": limit})

    async def all_members(self, room_id: str) -> AsyncIterator[Member]:
        """Yield the members of all pages."""
        cursor: str | None = None
        while True:
            page = await self.members(room_id, cursor=cursor, limit=200)
            for member in page.items:
                yield member
            cursor = page.next_cursor
            if cursor is None:
                return

    async def put_member(self, room_id: str, user_id: str, *, role: str | None = None) -> Member:
        """Add a user, or oneself into a public room, or give a member another role."""
        body = {} if role is None else {"role": role}
        path = f"{_room(room_id)}/members/{_segment(user_id)}"
        return parsed(Member.parse, await self._request("PUT", path, json=body))

    async def remove_member(self, room_id: str, user_id: str) -> None:
        """Remove a member; oneself: leave."""
        await self._request("DELETE", f"{_room(room_id)}/members/{_segment(user_id)}")

    async def bans(self, room_id: str, *, cursor: str | None = None, limit: int | None = None) -> Page[Ban]:
        return await self._page(f"{_room(room_id)}/bans", Ban.parse, query={"cursor": cursor, "limit": limit})

    async def ban(self, room_id: str, user_id: str, *, reason: str | None = None) -> None:
        body = {} if reason is None else {"reason": reason}
        await self._request("PUT", f"{_room(room_id)}/bans/{_segment(user_id)}", json=body)

    async def unban(self, room_id: str, user_id: str) -> None:
        await self._request("DELETE", f"{_room(room_id)}/bans/{_segment(user_id)}")

    # --- messages ---

    async def send_message(self, room_id: str, body: str, *, idempotency_key: str | None = None) -> Message:
        """Send a message without a connection. With a key it may be repeated until it succeeds."""
        path = f"{_room(room_id)}/messages"
        answer = await self._request("POST", path, json={"body": body}, idempotency_key=idempotency_key)
        return parsed(Message.parse, answer)

    async def messages(
        self, room_id: str, *, before_seq: int | None = None, after_seq: int | None = None, limit: int | None = None
    ) -> MessagePage:
        """Return messages, oldest first: the newest ones, or the nearest below or above a `seq`."""
        query = {"before_seq": before_seq, "after_seq": after_seq, "limit": limit}
        answer = await self._request("GET", f"{_room(room_id)}/messages", query=query)
        return parsed(lambda data: MessagePage(tuple(map(Message.parse, data["items"])), data["has_more"]), answer)

    async def events(
        self, room_id: str, *, after_seq: int = 0, epoch: str | None = None, limit: int | None = None
    ) -> HistoryPage:
        """Return events of the log; `resync_required` if `after_seq` is of another log."""
        query = {"after_seq": after_seq, "epoch": epoch, "limit": limit}
        answer = await self._request("GET", f"{_room(room_id)}/events", query=query)
        return parsed(lambda data: HistoryPage.parse(data, room_id=room_id), answer)

    async def edit_message(self, message_id: str, body: str) -> Message:
        answer = await self._request("PATCH", f"/v1/messages/{_segment(message_id)}", json={"body": body})
        return parsed(Message.parse, answer)

    async def delete_message(self, message_id: str) -> None:
        await self._request("DELETE", f"/v1/messages/{_segment(message_id)}")

    async def mark_read(self, room_id: str, seq: int) -> None:
        await self._request("PUT", f"{_room(room_id)}/read", json={"seq": seq})

    # --- inside ---

    async def _request(self, method: str, path: str, **options: Any) -> Json:  # noqa: ANN401 - those of Http.request
        return await self._session.request(method, path, **options)

    async def _page(
        self,
        path: str,
        parse: Callable[[Mapping[str, Any]], T],
        *,
        query: Mapping[str, str | int | None] | None = None,
    ) -> Page[T]:
        answer = await self._request("GET", path, query=query)
        return parsed(lambda data: Page(tuple(map(parse, data["items"])), data.get("next_cursor")), answer)


def _segment(text: str) -> str:
    # An id may be something a person typed: it must stay one segment of the path.
    return quote(text, safe="") or "-"


def _room(room_id: str) -> str:
    return f"/v1/rooms/{_segment(room_id)}"
