"""One conversation of `chat talk`: what a person sees and says."""

import asyncio
import contextlib
from typing import Final

from api.cli.terminal import Terminal
from api.cli.wording import (
    describe_error,
    describe_event,
    describe_leaving,
    describe_message,
    describe_room,
    describe_user,
)
from chat_client import (
    AnyEvent,
    ChatClient,
    ChatClientError,
    Connected,
    Disconnected,
    Draining,
    Event,
    Room,
    RoomJoined,
    RoomLeft,
    RoomReset,
    SendFailed,
)

_HISTORY: Final = 50
_MOST_PENDING: Final = 100
_FLUSH_S: Final = 60.0

_HELP: Final = """\
/rooms           your rooms, and public ones
/join NAME|ID    talk in another room
/create NAME     make a public room and talk in it
/who             who is in this room
/quit            leave (Ctrl-D too)
//text           send a line that begins with a slash"""


class Conversation:
    """What a person sees and says."""

    def __init__(self, client: ChatClient, terminal: Terminal) -> None:
        self.failure: ChatClientError | None = None
        self._client = client
        self._terminal = terminal
        self._room: Room | None = None
        self._shown: dict[str, int] = {}  # by room: the newest message that was shown as history
        self._known: dict[str, Room] = {}  # rooms that the person has heard of
        self._has_begun = False
        self._is_connected = True
        # Held while a command runs: what arrives meanwhile is shown behind what the command shows.
        self._screen = asyncio.Lock()

    async def begin(self, room: str) -> None:
        """Connect and enter the first room."""
        user = await self._client.connected()
        async with self._screen:
            self._terminal.show(
                f"* Connected to {self._client.session.server} as {user.username}. /help lists commands."
            )
            found = await self._find_room(room)
            if found is None:
                raise ChatClientError(f'There is no room "{room}" that you can see.')
            await self._go_to(found)

    async def read_lines(self) -> None:
        """Do what is typed, until the end of it."""
        async for line in self._terminal.lines():
            command, _, rest = line.strip().partition(" ")
            if command == "/quit":
                return
            try:
                if command.startswith("/") and not command.startswith("//"):
                    async with self._screen:
                        await self._command(command, rest.strip())
                elif line.strip():
                    await self._say(line.removeprefix("/") if command.startswith("//") else line)
            except ChatClientError as error:
                self._terminal.show(f"! {describe_error(error, self._client.session.server)}")

    async def flush(self) -> None:
        """Wait until all that was said is acknowledged, for a minute at most."""
        if self._client.pending and not self._client.is_connected:
            self._terminal.show(f"* Waiting for the server to take {len(self._client.pending)} more.")
        await self._client.flush(timeout_s=_FLUSH_S)

    async def show_events(self) -> None:
        """Show what arrives, until the client is closed.

        Raises:
            ChatClientError: what made the client stop.
        """
        async for event in self._client.events():
            async with self._screen:
                await self._show_event(event)

    # --- what is said ---

    async def _say(self, text: str) -> None:
        if self._room is None:
            self._terminal.show("! You are in no room: /join one.")
            return
        if len(self._client.pending) >= _MOST_PENDING:
            await self._client.flush()
        self._client.post(self._room.id, text)

    async def _command(self, command: str, argument: str) -> None:
        match command, bool(argument):
            case "/help", False:
                self._terminal.show(_HELP)
            case "/rooms", False:
                await self._show_rooms()
            case "/who", False:
                await self._show_members()
            case "/join", True:
                room = await self._find_room(argument)
                if room is None:
                    self._terminal.show("! There is no such room that you can see. /rooms lists them.")
                else:
                    await self._go_to(room)
            case "/create", True:
                await self._go_to(await self._client.rest.create_room(argument))
            case _:
                self._terminal.show("! Not a command like that. /help lists them.")

    async def _find_room(self, text: str) -> Room | None:
        """Find a room by id or name: among the own ones first, then among the public ones."""
        wanted = text.strip().casefold()
        for scope in ("joined", "public"):
            async for room in self._client.rest.all_rooms(scope=scope):
                if wanted in {room.id, room.name.casefold()}:
                    return room
        return None

    async def _go_to(self, room: Room) -> None:
        user = self._client.user
        if room.me is None and user is not None:
            await self._client.rest.put_member(room.id, user.id)
        self._known[room.id] = self._room = room
        self._terminal.prompt(f"{describe_room(room)}> ")
        await self._show_history(room)

    async def _show_history(self, room: Room) -> None:
        page = await self._client.rest.messages(room.id, limit=_HISTORY)
        self._terminal.show(f"--- {describe_room(room)} ---")
        for message in page.items:
            self._terminal.show(describe_message(message))
        if page.items:
            self._shown[room.id] = page.items[-1].seq
            await self._client.rest.mark_read(room.id, page.items[-1].seq)

    async def _show_rooms(self) -> None:
        joined = [room async for room in self._client.rest.all_rooms()]
        public = [room async for room in self._client.rest.all_rooms(scope="public")]
        for room in joined:
            unread = room.me.unread_count if room.me is not None else 0
            here = self._room is not None and room.id == self._room.id
            mark = " (here)" if here else f" ({unread} unread)" if unread else ""
            self._terminal.show(f"* {describe_room(room)}{mark}  {room.id}")
        for room in public:
            if room.id not in {mine.id for mine in joined}:
                self._terminal.show(f"* {describe_room(room)} (not joined)  {room.id}")

    async def _show_members(self) -> None:
        if self._room is None:
            self._terminal.show("! You are in no room: /join one.")
            return
        names = [
            describe_user(member.user) + ("" if member.role == "member" else f" ({member.role})")
            async for member in self._client.rest.all_members(self._room.id)
        ]
        self._terminal.show("* " + ", ".join(names))

    # --- what arrives ---

    async def _show_event(self, event: AnyEvent) -> None:
        match event:
            case Event() if event.seq > self._shown.get(event.room_id, 0):  # else it is in the history on the screen
                self._show_log_event(event)
            case Connected() | Disconnected():
                self._show_connection(event)
            case Draining():
                self._terminal.show("* The server is about to restart.")
            case RoomJoined() if event.room.id not in self._known:
                self._known[event.room.id] = event.room
                self._terminal.show(f"* You are now in {describe_room(event.room)}.")
            case RoomLeft():
                self._leave(event)
            case RoomReset() if self._room is not None and event.room_id == self._room.id:
                self._terminal.show("* The server has gone back to a backup. This is the room now:")
                with contextlib.suppress(ChatClientError):
                    await self._show_history(self._room)
            case SendFailed():
                reason = describe_error(event.error, self._client.session.server)
                self._terminal.show(f"! Not sent: {event.body!r}: {reason}")
            case _:
                pass

    def _show_log_event(self, event: Event) -> None:
        text = describe_event(event)
        if text is None:
            return
        if self._room is None or event.room_id != self._room.id:
            room = self._known.get(event.room_id)
            text = f"({describe_room(room) if room is not None else event.room_id}) {text}"
        self._terminal.show(text)

    def _leave(self, event: RoomLeft) -> None:
        room = self._known.pop(event.room_id, None)
        self._shown.pop(event.room_id, None)
        self._terminal.show(describe_leaving(event, room.name if room is not None else "a room"))
        if self._room is not None and self._room.id == event.room_id:
            self._room = None
            self._terminal.prompt("> ")

    def _show_connection(self, event: Connected | Disconnected) -> None:
        if isinstance(event, Connected):
            if not self._has_begun:  # the rooms one was in already are no news
                self._known |= self._client.rooms
            self._has_begun = True
            if not self._is_connected:
                self._terminal.show("* Connected again.")
        elif self._is_connected:  # the first of many, while the server is away
            reason = describe_error(event.error, self._client.session.server)
            self._terminal.show(f"* Disconnected: {reason} Trying again.")
        self._is_connected = isinstance(event, Connected)
