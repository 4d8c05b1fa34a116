"""What is asked of the servers. Each workload gives its figures; a lost frame or socket is a failure."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from bench.cpu import memory_bytes
from bench.crowd import AT_ONCE, BODY_BYTES, SETTLE_S, Figures, Meter, Room, Watch, connect_all, pace, per_delivery
from bench.servers import Server
from bench.sockets import Client, Loop, stamped
from bench.town import Seat

Town = Sequence[Sequence[Seat]]
WARM_S: Final = 0.5
STALLED: Final = 50
SMALL_BUFFER_BYTES: Final = 4_096


def fan_out_in_flight(server: Server, town: Town, *, seconds: float, in_flight: int = 8) -> Figures:
    """W1a: one room, one sender, so many messages under way at any time."""
    loop = Loop()
    room = Room.fill(loop, server, town[0])

    def run(until_s: float) -> None:
        while time.monotonic() < until_s:
            while room.sent - room.watch.done < in_flight:
                room.send()
            loop.turn(0.05)

    run(time.monotonic() + WARM_S)
    room.watch.latencies_ms.clear()
    before, meter = room.watch.done, Meter(server)
    run(time.monotonic() + seconds)
    figures = meter.figures(room.watch.done - before, room.watch.latencies_ms)
    room.check()
    loop.close()
    return per_delivery(figures, len(room.clients))


def fan_out_paced(server: Server, town: Town, *, seconds: float, per_second: float, senders: int = 1) -> Figures:
    """W1b, W1c: one room, so many messages a second, however fast they are delivered."""
    loop = Loop()
    room = Room.fill(loop, server, town[0])
    places = [index * len(room.clients) // senders for index in range(senders)]
    total, meter = round(seconds * per_second), Meter(server)
    pace(loop, lambda number: room.send(places[number % senders]), per_second=per_second, total=total)
    loop.run_until(lambda: room.watch.done == total, SETTLE_S, f"{total} messages")
    figures = meter.figures(total, room.watch.latencies_ms)
    room.check(senders)
    loop.close()
    return per_delivery(figures, len(room.clients))


def many_rooms(server: Server, town: Town, *, seconds: float, per_second: float = 0) -> Figures:
    """W2a: in each room one message is under way, sent by its members in turn; W2b: so many a second in all."""
    loop = Loop()
    clients = iter(connect_all(loop, server, [seat for seats in town for seat in seats]))
    rooms = [Room.of(loop, server, seats, [next(clients) for _ in seats]) for seats in town]
    return _keep_going(
        loop,
        server,
        [room.watch for room in rooms],
        [room.clients for room in rooms],
        lambda number: rooms[number].send(rooms[number].sent % len(rooms[number].clients)),
        seconds=seconds,
        in_flight=1,
        per_second=per_second,
    )


def acknowledgements(
    server: Server, town: Town, *, seconds: float, in_flight: int = 16, per_second: float = 0
) -> Figures:
    """W5: one sender a room, alone in it, with so many messages under way; or so many a second in all."""
    loop = Loop()
    seats = [room[0] for room in town]
    clients = connect_all(loop, server, seats)
    return _keep_going(
        loop,
        server,
        [Watch(1) for _ in clients],
        [[client] for client in clients],
        lambda number: clients[number].send(server.peer.message(seats[number], stamped(BODY_BYTES))),
        seconds=seconds,
        in_flight=in_flight,
        per_second=per_second,
    )


def _keep_going(
    loop: Loop,
    server: Server,
    watches: Sequence[Watch],
    readers: Sequence[Sequence[Client]],
    send: Callable[[int], None],
    *,
    seconds: float,
    in_flight: int,
    per_second: float,
) -> Figures:
    """In each room, follow a message that has arrived with another one; or keep a pace in all of them together."""
    total, ends_s = 0, time.monotonic() + seconds

    def go_on(number: int) -> None:
        nonlocal total
        send(number)
        total += 1

    def listener(number: int) -> Callable[[bytes], None]:
        def arrived(payload: bytes) -> None:
            if watches[number].arrived(payload) and not per_second and time.monotonic() < ends_s:
                go_on(number)

        return arrived

    for number, clients in enumerate(readers):
        for client in clients:
            client.on_text = listener(number)
    meter = Meter(server)
    if per_second:
        count = round(seconds * per_second)
        pace(loop, lambda number: go_on(number % len(watches)), per_second=per_second, total=count)
    else:
        for number in range(len(watches)):
            for _ in range(in_flight):
                go_on(number)
    loop.run_until(
        lambda: sum(watch.done for watch in watches) == total and time.monotonic() > ends_s,
        seconds + SETTLE_S,
        "every message",
    )
    figures = meter.figures(total, [value for watch in watches for value in watch.latencies_ms])
    loop.close()
    return figures


def idle(server: Server, town: Town) -> Figures:
    """W3: what a connection that says nothing holds."""
    loop = Loop()
    seats = [seat for room in town for seat in room]
    warm = len(seats) // 10
    connect_all(loop, server, seats[:warm])
    before = memory_bytes(server.pid)
    connect_all(loop, server, seats[warm:])
    held = memory_bytes(server.pid) - before
    loop.close()
    return {"kib_per_connection": held / (len(seats) - warm) / 1024}


def connects(server: Server, town: Town) -> Figures:
    """W4: handshakes, `AT_ONCE` of them under way at any time."""
    loop = Loop()
    seats = [seat for room in town for seat in room]
    connect_all(loop, server, seats[:AT_ONCE])  # the first ones build what all use
    waiting: list[Client] = []
    left = seats[AT_ONCE:]
    count, meter = len(left), Meter(server)
    while left or waiting:
        while left and len(waiting) < AT_ONCE:
            waiting.append(server.connect(left.pop()))
            loop.add(waiting[-1])
        loop.turn(0.05)
        waiting = [client for client in waiting if not client.is_open]
    figures = meter.figures(count, ())
    loop.close()
    return {"connects_per_s": figures["messages_per_s"], "cpu_us_per_connect": figures["cpu_us_per_message"]}


def fan_out_past_stalled(server: Server, town: Town, *, seconds: float, per_second: float) -> Figures:
    """W6: W1b, while `STALLED` more members never read; how long the last of them stayed is theirs to show."""
    loop, ignored = Loop(), Loop()
    stalled = connect_all(ignored, server, town[0][-STALLED:], receive_buffer_bytes=SMALL_BUFFER_BYTES)
    room = Room.fill(loop, server, town[0][:-STALLED])
    before = memory_bytes(server.pid)
    meter = Meter(server)
    total = round(seconds * per_second)
    pace(loop, lambda _number: room.send(), per_second=per_second, total=total)
    loop.run_until(lambda: room.watch.done == total, SETTLE_S, f"{total} messages")
    figures = meter.figures(total, room.watch.latencies_ms)
    room.check()
    grown = memory_bytes(server.pid) - before
    ignored.run_until(lambda: ignored.lost == len(stalled), seconds, "the end of those who never read")
    loop.close()
    ignored.close()
    return per_delivery(figures, len(room.clients)) | {"grown_kib": grown / 1024}
