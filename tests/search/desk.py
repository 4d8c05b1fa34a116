"""The model and the server's REST side by side: what is asked of one is asked of the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx2

from tests.search.checks import check_refused
from tests.search.fresh import WORD, Fresh, check_same
from tests.search.model.members import Members
from tests.search.model.messages import Messages
from tests.search.model.people import People
from tests.search.model.rooms import Rooms
from tests.search.model.state import Json, Refused, Session, State
from tests.search.model.streams import Streams
from tests.support.people import http_client
from tests.support.server import ServerProcess

T = TypeVar("T")

SOCKETS_MAX: Final = 3
ROOMS_MAX: Final = 5
SETTINGS: Final[Mapping[str, str]] = {
    "MAX_CONNECTIONS_PER_USER": str(SOCKETS_MAX),
    "MAX_ROOMS_PER_USER": str(ROOMS_MAX),
}
"""What a server needs so that examples reach its limits."""


@dataclass(frozen=True)
class Answer:
    """What REST must say, where the status depends on what happens."""

    status: int
    body: object


class Desk:
    """The model, and requests that are held against it."""

    def __init__(self, server: ServerProcess, runner: asyncio.Runner, answers: Counter[str]) -> None:
        """Begin with an empty model; `answers` counts the refusals."""
        self.server = server
        self.state = State(rooms_max=ROOMS_MAX, sockets_max=SOCKETS_MAX)
        self.streams = Streams(self.state)
        self.people = People(self.state, self.streams)
        self.rooms = Rooms(self.state, self.streams)
        self.members = Members(self.state, self.streams)
        self.messages = Messages(self.state, self.streams)
        self.answers = answers
        self._runner = runner
        self._http = http_client(server)

    def run(self, work: Awaitable[T]) -> T:
        """Wait for something."""

        async def wait() -> T:
            return await work

        return self._runner.run(wait())

    def close(self) -> None:
        """Hang up."""
        self.run(self._http.aclose())

    def rest(
        self,
        session: Session | None,
        method: str,
        path: str,
        expect: Callable[[], object],
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **sent: object,
    ) -> Any:  # noqa: ANN401 - JSON is any
        """Do something in the model and over REST; gives the answer's body, None where it was refused or is empty.

        `expect` does it in the model and gives the body (None: none), or an `Answer`, or raises `Refused`.
        """
        answer: Answer | None = None
        codes: tuple[str, ...] = ()
        try:
            if session is not None:
                self.people.authenticate(session)
            expected = expect()
            answer = expected if isinstance(expected, Answer) else Answer(status, expected)
        except Refused as refused:
            codes = refused.codes
        response = self.request(session, method, path, headers=headers, **sent)
        what = f"{method} {path} {sent}: {response.status_code} {response.text[:3000]}"
        if answer is None:
            self.answers[check_refused(response, codes, what)] += 1
        else:
            assert response.status_code == answer.status, what
            if answer.status == httpx2.codes.NO_CONTENT:
                assert response.content == b"", what
            else:
                check_same(answer.body, response.json(), what)
        return response.json() if answer is not None and response.content else None

    def request(
        self,
        session: Session | None,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **sent: object,
    ) -> httpx2.Response:
        """Send a request that the model knows nothing of."""
        given = dict(headers or {})
        if session is not None:
            given["Authorization"] = f"Bearer {session.access_token.value}"
        return self.run(self._http.request(method, path, headers=given, **sent))  # type: ignore[arg-type]

    def listing(self, session: Session, path: str, expect: Callable[[], list[Json]], limit: int) -> None:
        """Read a listing to its end, page after page of this size, each as the model says."""
        every: list[Json] = []

        def page(start: int) -> Json:
            end = start + limit
            return {"items": every[start:end], "next_cursor": Fresh(WORD) if len(every) > end else None}

        def first() -> Json:
            every.extend(expect())
            return page(0)

        start, query = 0, f"{path}?limit={limit}"
        answer = self.rest(session, "GET", query, first)
        while answer is not None and answer["next_cursor"] is not None:
            start += limit
            # Called at once, while `start` is what it is.
            answer = self.rest(session, "GET", f"{query}&cursor={answer['next_cursor']}", lambda: page(start))  # noqa: B023

    def pages(self, session: Session, path: str, limit: int, **query: str) -> list[Json]:
        """Read a listing to its end, page after page of this size."""
        items: list[Json] = []
        cursor = None
        while True:
            params = {**query, "limit": str(limit)} | ({"cursor": cursor} if cursor is not None else {})
            response = self.request(session, "GET", path, params=params)
            assert response.status_code == httpx2.codes.OK, response.text
            page = response.json()
            items += page["items"]
            cursor = page["next_cursor"]
            assert len(page["items"]) == limit or cursor is None, "a page before the last one is full"
            if cursor is None:
                return items
