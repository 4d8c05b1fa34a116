"""The client package against real server processes: killed, drained, restarted, with short tokens and small limits."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
import pytest_asyncio

from chat_client import (
    AnyEvent,
    Backoff,
    ChatApiError,
    ChatClient,
    ChatClientError,
    ClientClosedError,
    Connected,
    ConnectionClosedError,
    Disconnected,
    Draining,
    Event,
    HandshakeRefusedError,
    MemoryOutboxStore,
    MemoryTokenStore,
    ReadMoved,
    Room,
    RoomJoined,
    RoomLeft,
    RoomReset,
    SendFailed,
    SendTimeoutError,
    Session,
    SessionEndedError,
    Tokens,
    Typing,
    open_client,
)
from chat_client.handshake import Way
from tests.support.fixtures import MakeServer
from tests.support.people import fresh_password, fresh_username
from tests.support.server import CANARY, ServerProcess

T = TypeVar("T", bound=AnyEvent)

# The rules of waiting have their own tests; here the waits only have to be short.
quick_backoff = partial(Backoff, shortest_s=0.02, longest_s=0.2, jitter=random.Random(5).uniform)


@dataclass
class Someone:
    """A user with a client, whose events are read from the first on."""

    client: ChatClient
    session: Session
    username: str
    password: str
    seen: list[AnyEvent] = field(default_factory=list)
    error: ChatClientError | None = None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def id(self) -> str:
        assert self.client.user is not None
        return self.client.user.id

    async def read(self) -> None:
        try:
            async for event in self.client.events():
                async with self._changed:
                    self.seen.append(event)
                    self._changed.notify_all()
        except ChatClientError as error:
            self.error = error
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], object], what: str = "", *, timeout_s: float = 15) -> None:
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"not within {timeout_s} s: {what}; seen: {self.seen[-5:]}, {self.error}") from None

    async def sees(self, kind: type[T], *, timeout_s: float = 15, **fields: object) -> T:
        """Wait for an event of this kind with these attributes."""

        def found() -> list[T]:
            return [e for e in self.seen if isinstance(e, kind) and all(getattr(e, k) == v for k, v in fields.items())]

        await self.until(found, f"{kind.__name__} {fields}", timeout_s=timeout_s)
        return found()[0]

    async def connections(self, count: int) -> None:
        """Wait until so many connections were had."""
        await self.until(lambda: len(self.of(Connected)) >= count, f"{count} connections", timeout_s=30)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.seen if isinstance(event, kind)]

    def log(self, room_id: str) -> list[tuple[int, str]]:
        return [(event.seq, event.type) for event in self.of(Event) if event.room_id == room_id]

    def bodies(self, room_id: str) -> list[str]:
        events = [event for event in self.of(Event) if event.room_id == room_id and event.type == "message.created"]
        return [event.message.body for event in events if event.message is not None]

    async def has_caught_up(self, room_id: str, *, timeout_s: float = 15) -> None:
        """Wait until the newest event of the room is seen."""
        last_seq = (await self.client.rest.room(room_id)).last_seq
        await self.until(
            lambda: any(event.room_id == room_id and event.seq == last_seq for event in self.of(Event)),
            f"event {last_seq}",
            timeout_s=timeout_s,
        )


class Join:
    """Makes users with clients, which are closed at the end of the test."""

    def __init__(self, server_with: MakeServer, stack: AsyncExitStack) -> None:
        self._server_with = server_with
        self._stack = stack

    async def __call__(self, server: ServerProcess | None = None, **options: Any) -> Someone:  # noqa: ANN401
        server = server if server is not None else self._server_with()
        username, password = fresh_username(), fresh_password()
        server.keep_secret(password)
        session = await self._stack.enter_async_context(Session(server.url))
        await session.sign_up(username, password)
        await session.log_in(username, password)
        return await self.again(session, username, password, **options)

    async def again(self, session: Session, username: str, password: str, **options: Any) -> Someone:  # noqa: ANN401
        client = ChatClient(session, **({"backoff": quick_backoff} | options))
        someone = Someone(client, session, username, password)
        reading = asyncio.create_task(someone.read())
        self._stack.push_async_callback(self._finish, client, reading)
        await self._stack.enter_async_context(client)
        return someone

    async def _finish(self, client: ChatClient, reading: asyncio.Task[None]) -> None:
        await client.aclose()
        await reading


@pytest_asyncio.fixture
async def join(server_with: MakeServer) -> AsyncIterator[Join]:
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        yield Join(server_with, stack)
    left = {task for task in asyncio.all_tasks() - before if task.get_name().startswith("chat_client")}
    assert not left, "closing a client leaves no task behind"


async def meet(owner: Someone, *others: Someone, **fields: str) -> Room:
    """Make a room of these people."""
    await owner.client.connected()
    room = await owner.client.rest.create_room(f"room {random.random()}", **fields)
    for other in others:
        await other.client.connected()
        await owner.client.rest.put_member(room.id, other.id)
    for someone in (owner, *others):
        await someone.until(lambda: room.id in someone.client.rooms, "the room")  # noqa: B023 - used at once
    return room


async def whole_log(someone: Someone, room_id: str) -> list[tuple[int, str]]:
    """Read the log over REST."""
    found: list[tuple[int, str]] = []
    while True:
        page = await someone.client.rest.events(room_id, after_seq=len(found), limit=200)
        found += [(event.seq, event.type) for event in page.items]
        if not page.has_more:
            return found


# --- talking ---


@pytest.mark.parametrize("way", ["header", "subprotocol", "ticket"])
async def test_each_way_of_showing_the_token_connects(join: Join, way: Way) -> None:
    ada = await join(way=way)
    user = await ada.client.connected(timeout_s=10)
    assert user.username == ada.username
    room = await meet(ada)
    message = await ada.client.send(room.id, f"{CANARY} hello")
    assert (message.body, message.author.id, message.seq) == (f"{CANARY} hello", user.id, 2)


async def test_everybody_sees_every_event_once_and_in_order(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    sent = [await someone.client.send(room.id, f"{n} {CANARY}") for n in range(5) for someone in (ada, bob)]
    for someone in (ada, bob):
        await someone.has_caught_up(room.id)
        assert [e.message for e in someone.of(Event) if e.room_id == room.id and e.message is not None] == sent
        assert all(not event.replayed for event in someone.of(Event))


async def test_all_commands(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    message = await ada.client.send(room.id, "helo")
    edited = await ada.client.edit(message.id, "hello")
    assert (edited.body, edited.seq) == ("hello", message.seq)
    assert await bob.client.mark_read(room.id, message.seq) == message.seq
    assert (await ada.sees(ReadMoved)).user.id == bob.id
    await bob.client.set_typing(room.id)
    assert (await ada.sees(Typing)).typing
    deleted = await ada.client.delete(message.id)
    assert deleted.deleted_at is not None
    assert await ada.client.ping() < 5
    page = await bob.client.history(room.id, limit=2)
    assert ([event.type for event in page.items], page.has_more) == (["room.created", "member.joined"], True)
    rest = await bob.client.history(room.id, after_seq=2, epoch=page.epoch)
    assert [event.type for event in rest.items] == ["message.created", "message.edited", "message.deleted"]
    await bob.has_caught_up(room.id)
    assert [kind for _, kind in bob.log(room.id)] == ["message.created", "message.edited", "message.deleted"]


async def test_many_sends_at_once_arrive_in_the_order_they_were_made(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    messages = await asyncio.gather(*(ada.client.send(room.id, str(number)) for number in range(60)))
    assert [message.body for message in messages] == [str(number) for number in range(60)]
    await bob.has_caught_up(room.id)
    assert bob.bodies(room.id) == [str(number) for number in range(60)]


async def test_with_a_pipeline_too(join: Join) -> None:
    ada = await join(pipeline=16)
    room = await meet(ada)
    await asyncio.gather(*(ada.client.send(room.id, str(number)) for number in range(100)))
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == [str(number) for number in range(100)]


async def test_one_key_makes_one_message(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    first = await ada.client.send(room.id, "once", idempotency_key="k1")
    assert await ada.client.send(room.id, "once", idempotency_key="k1") == first
    assert await ada.client.rest.send_message(room.id, "once", idempotency_key="k1") == first
    with pytest.raises(ChatApiError, match="idempotency_conflict"):
        await ada.client.send(room.id, "twice", idempotency_key="k1")
    await ada.client.send(room.id, "the end")
    await bob.has_caught_up(room.id)
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == bob.bodies(room.id) == ["once", "the end"]


async def test_a_definite_refusal_is_raised_and_holds_nobody_up(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada)
    hidden = await meet(bob, visibility="private")
    with pytest.raises(ChatApiError) as caught:
        await ada.client.send(hidden.id, "let me in")
    assert caught.value.code == "not_found"
    with pytest.raises(ChatApiError) as caught:
        await ada.client.send(room.id, "\x00")
    assert caught.value.code == "validation_error"
    with pytest.raises(ChatApiError) as caught:
        await ada.client.send(room.id, "x" * 70_000)
    assert caught.value.code == "too_large"
    ada.client.post(hidden.id, "nobody waits for this")
    assert (await ada.sees(SendFailed)).body == "nobody waits for this"
    assert (await ada.client.send(room.id, "still here")).body == "still here"
    assert len(ada.of(Connected)) == 1


async def test_a_message_beyond_the_rate_is_late_and_in_order(join: Join, server_with: MakeServer) -> None:
    server = server_with(RATE_LIMITS_ENABLED="true", RATE_LIMIT_MESSAGES="3/1 seconds")
    ada = await join(server)
    room = await meet(ada)
    for number in range(9):
        ada.client.post(room.id, str(number))
    await ada.client.flush(timeout_s=20)
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == [str(number) for number in range(9)]
    assert len(ada.of(Connected)) == 1


# --- membership ---


async def test_rooms_come_and_go(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob, visibility="private")
    assert (await bob.sees(RoomJoined, room=bob.client.rooms[room.id])).room.name == room.name
    await ada.client.rest.update_room(room.id, topic="tea")
    await bob.until(lambda: bob.client.rooms[room.id].topic == "tea", "the topic")
    await ada.client.rest.put_member(room.id, bob.id, role="moderator")
    await bob.until(lambda: _role(bob, room.id) == "moderator", "the role")
    await ada.client.rest.remove_member(room.id, bob.id)
    await bob.sees(RoomLeft, room_id=room.id, reason="removed")
    assert room.id not in bob.client.rooms
    with pytest.raises(ChatApiError, match="not_found"):
        await bob.client.send(room.id, "still here?")


async def test_a_ban_ends_the_copy_and_lifting_it_begins_a_new_one(join: Join) -> None:
    ada, bob = await join(), await join(backlog=None)
    room = await meet(ada, bob)
    await ada.client.send(room.id, "before")
    await bob.has_caught_up(room.id)
    await ada.client.rest.ban(room.id, bob.id, reason="no")
    await bob.sees(RoomLeft, room_id=room.id, reason="banned")
    with pytest.raises(ChatApiError, match="banned"):
        await bob.client.send(room.id, "but")
    await ada.client.send(room.id, "meanwhile")
    await ada.client.rest.unban(room.id, bob.id)
    await bob.client.rest.put_member(room.id, bob.id)
    await ada.client.send(room.id, "after")
    left = next(n for n, event in enumerate(bob.seen) if isinstance(event, RoomLeft))
    log = await whole_log(ada, room.id)
    await bob.until(lambda: len([e for e in bob.seen[left:] if isinstance(e, Event)]) >= len(log), "the log anew")
    again = [(e.seq, e.type) for e in bob.seen[left:] if isinstance(e, Event)]
    assert again == log
    assert "meanwhile" not in [e.message.body for e in bob.seen[:left] if isinstance(e, Event) and e.message]


async def test_rooms_joined_and_left_while_away_are_told_of_at_the_return(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada, bob = await join(server), await join(server)
    old = await meet(ada, bob)
    await bob.client.aclose()
    await ada.client.rest.remove_member(old.id, bob.id)
    new = await ada.client.rest.create_room("another one")
    await ada.client.rest.put_member(new.id, bob.id)
    back = await join.again(bob.session, bob.username, bob.password, resume=bob.client.cursors())
    await back.sees(RoomLeft, room_id=old.id, reason="missing")
    await back.until(lambda: new.id in back.client.rooms, "the new room")
    assert new.id in [event.room.id for event in back.of(RoomJoined)]


# --- the connection is lost ---


async def test_killed_in_the_middle_of_traffic_nothing_is_lost_or_doubled(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada, bob, eve = await join(server), await join(server, pipeline=8), await join(server, way="ticket", backlog=None)
    room = await meet(ada, bob, eve)
    acknowledged: dict[str, list[int]] = {"ada": [], "bob": []}

    async def talk(name: str, someone: Someone, count: int) -> None:
        for number in range(count):
            message = await someone.client.send(room.id, f"{name} {number} {CANARY}")
            acknowledged[name].append(message.seq)

    talking = [asyncio.create_task(talk("ada", ada, 80)), asyncio.create_task(talk("bob", bob, 80))]
    for kills in range(1, 4):
        await eve.until(lambda: len(eve.of(Event)) > kills * 35, "some traffic", timeout_s=30)  # noqa: B023
        await asyncio.to_thread(_kill_and_restart, server)
    await asyncio.gather(*talking)

    log = await whole_log(ada, room.id)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    for someone in (ada, bob, eve):
        await someone.has_caught_up(room.id)
        seen = someone.log(room.id)
        assert seen == log[len(log) - len(seen) :]
        assert sorted(someone.bodies(room.id)) == sorted(
            f"{name} {number} {CANARY}" for name in acknowledged for number in range(80)
        )
    assert eve.log(room.id) == log
    for name, seqs in acknowledged.items():
        said = [body for body in eve.bodies(room.id) if body.startswith(name)]
        assert said == [f"{name} {number} {CANARY}" for number in range(80)], "in the order said"
        assert seqs == sorted(seqs)


async def test_a_drain_is_announced_and_survived(join: Join, make_server: MakeServer) -> None:
    server = make_server(DRAIN_SECONDS="1")
    ada, bob = await join(server), await join(server)
    room = await meet(ada, bob)
    await ada.client.send(room.id, "before")
    ended = asyncio.create_task(asyncio.to_thread(server.terminate))
    await ada.sees(Draining)
    lost = await ada.sees(Disconnected)
    assert isinstance(lost.error, ConnectionClosedError)
    assert lost.error.code == 4001
    assert lost.retry_in_s >= ada.of(Draining)[0].reconnect_after_s
    assert await ended == 0
    sending = asyncio.create_task(ada.client.send(room.id, "during"))
    await asyncio.to_thread(server.restart)
    assert (await sending).body == "during"
    await bob.has_caught_up(room.id)
    assert bob.bodies(room.id) == ["before", "during"]


async def test_what_is_said_while_the_server_is_away_is_sent_at_its_return(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada = await join(server)
    room = await meet(ada)
    await asyncio.to_thread(server.kill)
    for number in range(3):
        ada.client.post(room.id, str(number))
    with pytest.raises(SendTimeoutError) as caught:
        await ada.client.send(room.id, "given up", timeout_s=0.2)
    assert not caught.value.may_exist
    waiting = asyncio.create_task(ada.client.send(room.id, "given up too"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    pinging = asyncio.create_task(ada.client.ping(timeout_s=30))
    assert [entry.body for entry in ada.client.pending] == ["0", "1", "2"]
    await asyncio.to_thread(server.restart)
    await ada.client.flush(timeout_s=20)
    await pinging
    await ada.has_caught_up(room.id)
    assert ada.bodies(room.id) == ["0", "1", "2"]


async def test_the_outbox_outlives_the_client(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    store = MemoryOutboxStore()
    ada = await join(server, outbox=store)
    room = await meet(ada)
    await asyncio.to_thread(server.kill)
    ada.client.post(room.id, "kept")
    waiting = asyncio.create_task(ada.client.send(room.id, "kept as well"))
    await asyncio.sleep(0)
    await ada.client.aclose()
    with pytest.raises(ClientClosedError):
        await waiting
    await asyncio.to_thread(server.restart)
    back = await join.again(ada.session, ada.username, ada.password, outbox=store)
    await back.client.flush(timeout_s=20)
    assert [message.body for message in (await back.client.rest.messages(room.id)).items] == ["kept", "kept as well"]
    assert list(store.load()) == []


async def test_another_process_goes_on_where_the_first_one_stopped(join: Join) -> None:
    ada, bob = await join(), await join(backlog=None)
    room = await meet(ada, bob)
    await ada.client.send(room.id, "one")
    await bob.has_caught_up(room.id)
    await bob.client.aclose()
    for body in ("two", "three"):
        await ada.client.send(room.id, body)
    back = await join.again(
        bob.session, bob.username, bob.password, resume={room.id: bob.of(Event)[-1].cursor}, backlog=None
    )
    await back.has_caught_up(room.id)
    assert bob.bodies(room.id) + back.bodies(room.id) == ["one", "two", "three"]
    assert bob.log(room.id) + back.log(room.id) == await whole_log(ada, room.id)


async def test_after_a_restore_the_copy_is_loaded_anew(join: Join, make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    ada = await join(server, backlog=None)
    room = await meet(ada)
    await ada.client.send(room.id, "kept")
    backup = tmp_path / "backup.db"
    assert server.run_cli("backup", str(backup)).returncode == 0
    await ada.client.send(room.id, "gone")
    await ada.has_caught_up(room.id)
    await asyncio.to_thread(server.terminate)
    assert server.run_cli("restore", str(backup)).returncode == 0
    await asyncio.to_thread(server.restart)
    await ada.sees(RoomReset, room_id=room.id)
    await ada.client.send(room.id, "new")
    reset = next(n for n, event in enumerate(ada.seen) if event == RoomReset(room.id))
    log = await whole_log(ada, room.id)

    def anew() -> list[Event]:
        return [e for e in ada.seen[reset:] if isinstance(e, Event) and e.room_id == room.id]

    await ada.until(lambda: len(anew()) >= len(log), "the log anew")
    assert [(e.seq, e.type) for e in anew()] == log
    assert [e.message.body for e in anew() if e.message is not None] == ["kept", "new"]


@pytest.mark.long
async def test_a_silent_server_is_left_for_a_new_connection(join: Join, make_server: MakeServer) -> None:
    """The process stands still, its sockets stay open: after `heartbeat_ms` + 10 s the connection counts as lost."""
    server = make_server(HEARTBEAT_SECONDS="0.5", PONG_SECONDS="30")
    ada = await join(server)
    room = await meet(ada)
    began = asyncio.get_running_loop().time()
    server.signal(signal.SIGSTOP)
    try:
        lost = await ada.sees(Disconnected, timeout_s=20)
    finally:
        server.signal(signal.SIGCONT)
    assert 9 < asyncio.get_running_loop().time() - began < 13
    assert isinstance(lost.error, ConnectionClosedError)
    assert (await ada.client.send(room.id, "again")).body == "again"


async def test_a_reader_that_is_behind_gets_everything_in_the_end(join: Join) -> None:
    """Its buffer of ten events is no bound on what may happen meanwhile."""
    ada = await join()
    client = ChatClient(ada.session, buffer=10, backlog=None)
    room = await meet(ada)
    async with client:
        await client.connected()
        await asyncio.gather(*(ada.client.send(room.id, str(number)) for number in range(300)))
        log = await whole_log(ada, room.id)
        seen: list[tuple[int, str]] = []
        async with asyncio.timeout(20):
            async for event in client.events():
                if isinstance(event, Event) and event.room_id == room.id:
                    seen.append((event.seq, event.type))
                    if len(seen) == len(log):
                        break
    assert seen == log


# --- tokens, sessions, limits ---


async def test_a_connection_outlives_its_access_token(join: Join, server_with: MakeServer) -> None:
    server = server_with(ACCESS_TOKEN_SECONDS="2", TOKEN_WARNING_SECONDS="1")
    ada = await join(server)
    room = await meet(ada)
    ends = asyncio.get_running_loop().time() + 5
    while asyncio.get_running_loop().time() < ends:
        await ada.client.send(room.id, "still here")
        await asyncio.sleep(0.25)
    assert len(ada.of(Connected)) == 1
    assert ada.of(Disconnected) == []


async def test_a_token_that_is_always_about_to_expire_is_not_renewed_in_a_loop(
    join: Join, server_with: MakeServer
) -> None:
    """The server warns longer ahead than the token lives, so at once after each renewal."""
    server = server_with(ACCESS_TOKEN_SECONDS="2", TOKEN_WARNING_SECONDS="60")
    ada = await join(server)
    await ada.client.connected()
    before = len(server.find_logs("auth.token_refreshed", user_id=ada.id))
    await asyncio.sleep(3.5)
    assert len(ada.of(Connected)) == 1
    assert await ada.client.ping() < 5
    assert len(server.find_logs("auth.token_refreshed", user_id=ada.id)) - before < 10


async def test_after_4005_the_token_is_refreshed_first(join: Join, server_with: MakeServer) -> None:
    """The server warns only when it is too late, so the socket closes at the end of the token."""
    server = server_with(ACCESS_TOKEN_SECONDS="2", TOKEN_WARNING_SECONDS="0")
    ada = await join(server)
    room = await meet(ada)
    await ada.connections(3)
    codes = {e.error.code for e in ada.of(Disconnected) if isinstance(e.error, ConnectionClosedError)}
    assert codes <= {4005}
    assert (await ada.client.send(room.id, "still here")).body == "still here"


async def test_an_expired_token_at_the_handshake_is_refreshed(join: Join, server_with: MakeServer) -> None:
    """This machine's clock says that the token is good; the server's says that it is not."""
    server = server_with(ACCESS_TOKEN_SECONDS="2", TOKEN_WARNING_SECONDS="1")
    ada = await join(server)
    await ada.client.connected()
    await ada.client.aclose()
    kept = ada.session._store.load()
    assert kept is not None
    wrong = Tokens(kept.access_token, kept.refresh_token, kept.issued_at, kept.issued_at + 900, 1e12)
    await asyncio.sleep(2.5)
    session = Session(server.url, tokens=MemoryTokenStore(wrong))
    async with session:
        back = await join.again(session, ada.username, ada.password)
        assert (await back.client.connected(timeout_s=10)).username == ada.username
        refused = [e.error for e in back.of(Disconnected)]
        assert [e.code for e in refused if isinstance(e, HandshakeRefusedError)] == ["token_expired"]
        await back.client.aclose()


async def test_a_revoked_session_stops_the_client(join: Join) -> None:
    ada = await join()
    room = await meet(ada)
    current = next(session for session in await ada.client.rest.sessions() if session.current)
    other = await join.again(ada.session, ada.username, ada.password)
    await other.client.connected()
    await ada.client.rest.revoke_session(current.id)
    await ada.until(lambda: ada.error, "the end")
    assert isinstance(ada.error, ConnectionClosedError)
    assert ada.error.code == 4500
    with pytest.raises(ConnectionClosedError):
        await ada.client.send(room.id, "still here?")
    with pytest.raises(ConnectionClosedError):
        await ada.client.connected()
    with pytest.raises(ChatApiError, match="session_revoked"):
        await ada.client.rest.me()
    late = await join.again(ada.session, ada.username, ada.password)
    await late.until(lambda: late.error, "the refused handshake")
    assert isinstance(late.error, HandshakeRefusedError | SessionEndedError)


async def test_a_suspended_user_is_stopped(join: Join, make_server: MakeServer) -> None:
    server = make_server()
    ada = await join(server)
    await ada.client.connected()
    assert server.run_cli("user", "suspend", ada.username).returncode == 0
    await ada.until(lambda: ada.error, "the end")
    assert isinstance(ada.error, ConnectionClosedError)
    assert ada.error.code == 4502


async def test_one_connection_too_many_waits_for_its_turn(join: Join, server_with: MakeServer) -> None:
    server = server_with(MAX_CONNECTIONS_PER_USER="1")
    ada = await join(server)
    await ada.client.connected()
    second = await join.again(ada.session, ada.username, ada.password)
    refused = await second.sees(Disconnected)
    assert isinstance(refused.error, HandshakeRefusedError)
    assert (refused.error.code, refused.error.status) == ("connection_limit", 429)
    assert refused.retry_in_s >= refused.error.retry_after_s
    await ada.client.aclose()
    assert (await second.client.connected(timeout_s=20)).username == ada.username


async def test_a_client_for_a_while(join: Join, server: ServerProcess) -> None:
    ada = await join(server)
    await ada.client.connected()
    async with open_client(server.url, ada.username, ada.password, backlog=None) as client:
        assert (await client.connected()).id == ada.id
        assert len(await ada.client.rest.sessions()) == 2
    assert len(await ada.client.rest.sessions()) == 1


async def test_accounts_and_rooms_over_rest(join: Join) -> None:
    ada, bob = await join(), await join()
    room = await meet(ada, bob)
    rest = ada.client.rest
    assert (await rest.update_me(display_name="Ada L.")).display_name == "Ada L."
    found = await rest.find_user(bob.username.upper())
    assert found is not None
    assert found.id == bob.id
    assert await rest.find_user("nobody-of-that-name") is None
    assert (await rest.user(bob.id)).username == bob.username
    assert {member.user.id async for member in rest.all_members(room.id)} == {ada.id, bob.id}
    assert room.id in [found.id async for found in rest.all_rooms()]
    assert room.id in [found.id async for found in rest.all_rooms(scope="public")]
    message = await rest.send_message(room.id, "hello")
    assert (await rest.edit_message(message.id, "hello!")).body == "hello!"
    assert [m.body for m in (await rest.messages(room.id, before_seq=message.seq + 1, limit=1)).items] == ["hello!"]
    await rest.delete_message(message.id)
    await rest.mark_read(room.id, message.seq)
    await rest.ban(room.id, bob.id, reason="spam")
    assert [(ban.user.id, ban.reason) for ban in (await rest.bans(room.id)).items] == [(bob.id, "spam")]
    await rest.unban(room.id, bob.id)
    await rest.delete_room(room.id)
    with pytest.raises(ChatApiError) as caught:
        await rest.room(room.id)
    assert caught.value.code == "not_found"
    with pytest.raises(ChatApiError) as caught:
        await rest.room("../users/me")
    assert caught.value.status in {404, 422}
    password = fresh_password()
    await rest.change_password(current_password=ada.password, new_password=password)
    assert ada.client.is_connected
    await rest.delete_me(password=password)
    await ada.until(lambda: ada.error, "the end of the account")


def _role(someone: Someone, room_id: str) -> str | None:
    me = someone.client.rooms[room_id].me
    return None if me is None else me.role


def _kill_and_restart(server: ServerProcess) -> None:
    server.kill()
    server.restart()
