"""A server, a connection that delays, and a copy: the world in which a room's log has to hold."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from chat_client.models import Cursor
from chat_client.room_log import HistoryRequest, LogPage, RoomLog, Step


@dataclass
class Server:
    """What the contract promises, as simply as it can be said."""

    epochs: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def epoch(self) -> str:
        return f"e{self.epochs}"

    def commit(self) -> int:
        self.log.append(f"{self.epoch}:{len(self.log) + 1}")
        return len(self.log)

    def restore(self, length: int) -> None:
        """Go back to a backup, as `chat restore` does: what was committed since is gone, the epoch is another one."""
        self.epochs += 1
        self.log = [f"{self.epoch}:{seq}" for seq in range(1, length + 1)]

    def history(self, request: HistoryRequest, size: int) -> LogPage[str] | None:
        """Answer a request; None stands for `resync_required`."""
        if request.epoch is not None and (request.epoch != self.epoch or request.after_seq > len(self.log)):
            return None
        first = request.after_seq + 1
        seqs = range(first, min(len(self.log), request.after_seq + min(size, request.limit)) + 1)
        return LogPage([(seq, self.log[seq - 1]) for seq in seqs], len(self.log), self.epoch)


class World:
    """A server, a connection that delays, and the copy of an application."""

    def __init__(self, *, committed: int, backlog: int | None, held: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.server = Server()
        self.copy: list[str] = []
        self.log: RoomLog[str] = RoomLog(backlog=backlog, held_limit=held, page_limit=5)
        self.on_the_way: list[int] = []  # live events of this connection
        self.is_deaf = False
        self.asked: list[HistoryRequest] = []
        self.pages: list[tuple[HistoryRequest, LogPage[str] | None]] = []
        for _ in range(committed):
            self.server.commit()
        self.connect(committed)

    def connect(self, cursor: int) -> None:
        self.is_deaf = False
        self.asked.clear()
        self.pages.clear()
        self.on_the_way = list(range(cursor + 1, len(self.server.log) + 1))
        self.take(self.log.announced(Cursor(self.server.epoch, cursor)))

    def take(self, step: Step[str]) -> None:
        if step.reset:
            self.copy.clear()
        self.copy += step.items
        cursor = self.log.cursor
        if cursor is None:
            assert self.copy == []
        elif self.copy:
            first = cursor.seq - len(self.copy) + 1
            assert self.copy == [f"{cursor.epoch}:{seq}" for seq in range(first, cursor.seq + 1)]

    # --- what may happen; an action that is not possible at the moment does nothing ---

    def commit(self) -> None:
        seq = self.server.commit()
        if not self.is_deaf:
            self.on_the_way.append(seq)

    def live(self) -> None:
        if self.on_the_way:
            seq = self.on_the_way.pop(0)
            self.take(self.log.live(seq, self.server.log[seq - 1]))

    def live_twice(self) -> None:
        if self.on_the_way:
            seq = self.on_the_way[0]
            self.take(self.log.live(seq, self.server.log[seq - 1]))

    def live_to_a_reader_that_is_behind(self) -> None:
        if self.on_the_way:
            self.log.exists(self.on_the_way.pop(0))

    def hole(self) -> None:
        """Lose a live event that others follow: the server promises that it does not happen, and it must heal."""
        if len(self.on_the_way) > 1:
            self.on_the_way.pop(0)

    def ask(self) -> None:
        request = self.log.wanted()
        if request is not None and len(self.asked) < 2:
            self.asked.append(request)

    def answer(self) -> None:
        """The server reads its log at this moment; the page arrives later."""
        if self.asked:
            request = self.asked.pop(self.random.randrange(len(self.asked)))
            self.pages.append((request, self.server.history(request, self.random.randint(1, 5))))

    def page(self) -> None:
        if self.pages:
            request, page = self.pages.pop(self.random.randrange(len(self.pages)))
            self.take(self.log.resync(request) if page is None else self.log.page(request, page))

    def reconnect(self) -> None:
        """To a node that may not have seen yet what another one has shown."""
        self.connect(max(0, len(self.server.log) - self.random.randint(0, 3)))

    def restore(self) -> None:
        self.server.restore(max(0, len(self.server.log) - self.random.randint(0, 5)))
        for _ in range(self.random.randint(0, 8)):
            self.server.commit()
        self.connect(len(self.server.log))

    def restore_unannounced(self) -> None:
        """No welcome tells of it; the connection brings nothing any more, and the next question finds out."""
        self.server.restore(max(0, len(self.server.log) - self.random.randint(0, 5)))
        self.on_the_way.clear()
        self.is_deaf = True

    def settle(self) -> None:
        """Let everything arrive, and answer every question."""
        if self.is_deaf:
            self.reconnect()
        while self.on_the_way:
            self.live()
        while self.asked or self.pages:
            self.answer()
            self.page()
        for _ in range(100):
            if self.log.wanted() is None:
                break
            self.ask()
            self.answer()
            self.page()
