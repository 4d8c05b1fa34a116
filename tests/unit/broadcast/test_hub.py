"""Who is connected, by user and by session."""

from __future__ import annotations

from api.broadcast.hub import Hub
from api.domain.models import User, UserRole
from api.protocol.problems import CloseCode
from tests.unit.broadcast.connections import RecordingConnection


def connection(user_id: str, session_id: str) -> RecordingConnection:
    return RecordingConnection("c", User(user_id, user_id, user_id, UserRole.USER, 0), session_id)


def test_connections_are_found_by_user_and_by_session() -> None:
    hub = Hub()
    first, second, other = connection("ada", "s1"), connection("ada", "s2"), connection("bob", "s3")
    for one in (first, second, other):
        hub.register(one)
    assert len(hub) == 3
    assert set(hub.all()) == {first, second, other}
    assert set(hub.of_user("ada")) == {first, second}
    assert set(hub.of_user("nobody")) == set()
    assert set(hub.user_ids()) == {"ada", "bob"}
    assert set(hub.session_ids()) == {"s1", "s2", "s3"}


def test_who_is_gone_leaves_no_trace_and_goes_once() -> None:
    hub = Hub()
    first, second = connection("ada", "s1"), connection("ada", "s1")
    hub.register(first)
    hub.register(second)
    assert hub.unregister(first)
    assert not hub.unregister(first)
    assert set(hub.of_user("ada")) == {second}
    assert hub.unregister(second)
    assert (len(hub), hub.user_ids(), hub.session_ids()) == (0, (), ())


def test_closing_a_session_closes_its_connections_only() -> None:
    hub = Hub()
    first, again, other = connection("ada", "s1"), connection("ada", "s1"), connection("ada", "s2")
    for one in (first, again, other):
        hub.register(one)
    hub.close_sessions(["s1", "unknown"], CloseCode.SESSION_REVOKED)
    assert [one.closed_with for one in (first, again, other)] == [*[CloseCode.SESSION_REVOKED] * 2, None]


class Leaving(RecordingConnection):
    """Is gone as soon as it is closed."""

    hub: Hub

    def close(self, code: CloseCode) -> None:
        super().close(code)
        self.hub.unregister(self)


def test_closing_a_user_closes_all_of_his_connections_though_they_unregister_at_once() -> None:
    hub = Hub()
    his = [Leaving("c", User("ada", "ada", "ada", UserRole.USER, 0), f"s{number}") for number in range(5)]
    other = connection("bob", "s9")
    hub.register(other)
    for one in his:
        one.hub = hub
        hub.register(one)
    hub.close_user("ada", CloseCode.ACCOUNT_SUSPENDED)
    assert {one.closed_with for one in his} == {CloseCode.ACCOUNT_SUSPENDED}
    assert other.closed_with is None
    assert len(hub) == 1
