"""Every REST route counts, under a name of its own."""

import pytest
from fastapi import FastAPI

from api.broadcast.stats import NodeStats
from api.middleware.rate_limit import HandlerT, HttpLimits, MessageLimits
from api.rest import auth, members, messages, rooms, sessions, socket, users


class RecordingLimits(HttpLimits):
    """Remembers which handlers it was given."""

    def __init__(self) -> None:
        super().__init__("1/minute", is_enabled=True, stats=NodeStats())
        self.names: list[str] = []

    def limit(self, handler: HandlerT) -> HandlerT:
        """Remember the handler by the name that slowapi keeps its limits under."""
        self.names.append(f"{handler.__module__}.{handler.__name__}")
        return super().limit(handler)


@pytest.fixture
def limits() -> RecordingLimits:
    return RecordingLimits()


@pytest.fixture
def app(limits: RecordingLimits) -> FastAPI:
    made = FastAPI()
    for router in (
        auth.build_router(limits),
        sessions.build_router(limits),
        socket.build_router(limits, lambda _connection, _principal: None),
        users.build_router(limits),
        rooms.build_router(limits),
        members.build_router(limits),
        messages.build_router(limits, MessageLimits(messages=None, history=None, commands=None, stats=NodeStats())),
    ):
        made.include_router(router)
    return made


def test_every_route_counts(limits: RecordingLimits, app: FastAPI) -> None:
    operations = [operation for methods in app.openapi()["paths"].values() for operation in methods.values()]
    assert len(operations) == len(limits.names) > 25


def test_no_two_handlers_have_one_name(limits: RecordingLimits, app: FastAPI) -> None:
    """Slowapi would add the limits of both to each."""
    assert app is not None
    assert len(set(limits.names)) == len(limits.names)


def test_no_two_routes_have_one_operation_id(app: FastAPI) -> None:
    ids = [operation["operationId"] for methods in app.openapi()["paths"].values() for operation in methods.values()]
    assert len(set(ids)) == len(ids)
