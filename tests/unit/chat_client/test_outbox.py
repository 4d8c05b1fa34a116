"""The outbox: one key per message, order per room, and what is sent again when."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_client.outbox import Entry, MemoryOutboxStore, Outbox


def entry(key: str, room: str = "r") -> Entry:
    return Entry(key, room, f"body of {key}")


def take(outbox: Outbox, now: float = 0.0) -> str | None:
    found = outbox.next_ready(now)
    if found is None:
        return None
    outbox.sent(found.idempotency_key)
    return found.idempotency_key


def filled(*keys: str, pipeline: int = 1) -> Outbox:
    outbox = Outbox(pipeline=pipeline)
    for key in keys:
        outbox.add(entry(key))
    return outbox


def test_a_room_has_one_message_on_its_way() -> None:
    outbox = filled("a", "b")
    assert take(outbox) == "a"
    assert take(outbox) is None
    outbox.settled("a")
    assert take(outbox) == "b"


def test_rooms_do_not_wait_for_each_other() -> None:
    outbox = filled("a")
    outbox.add(entry("b", "other"))
    assert [take(outbox), take(outbox), take(outbox)] == ["a", "b", None]


def test_a_pipeline_lets_more_out() -> None:
    outbox = filled("a", "b", "c", pipeline=2)
    assert [take(outbox), take(outbox), take(outbox)] == ["a", "b", None]


def test_what_is_unanswered_when_the_connection_is_lost_is_sent_again_in_order() -> None:
    outbox = filled("a", "b", "c", pipeline=3)
    assert [take(outbox), take(outbox), take(outbox)] == ["a", "b", "c"]
    outbox.settled("b")
    outbox.connection_lost()
    assert [take(outbox), take(outbox)] == ["a", "c"]


def test_a_passing_refusal_holds_everything_back_for_a_while_and_keeps_the_order() -> None:
    outbox = filled("a", "b")
    take(outbox)
    assert outbox.refused("a", retry_at=5.0) == 1
    assert outbox.not_before == 5.0
    assert take(outbox, now=4.9) is None
    assert take(outbox, now=5.0) == "a"
    assert outbox.refused("a", retry_at=6.0) == 2


def test_was_sent_tells_whether_a_message_may_exist() -> None:
    outbox = filled("a", "b")
    take(outbox)
    outbox.connection_lost()
    assert outbox.was_sent("a")
    assert not outbox.was_sent("b")
    assert not outbox.was_sent("unknown")


def test_what_is_given_up_is_not_sent() -> None:
    outbox = filled("a", "b", "c")
    take(outbox)
    outbox.settled("b")
    outbox.settled("a")
    outbox.settled("unknown")
    assert take(outbox) == "c"
    assert len(outbox) == 1
    assert "c" in outbox
    assert list(outbox) == [entry("c")]
    assert outbox.get("c") == entry("c")
    assert outbox.get("a") is None


def test_a_late_answer_to_what_was_given_up_means_nothing() -> None:
    outbox = filled("a")
    take(outbox)
    outbox.settled("a")
    assert outbox.refused("a", retry_at=1.0) == 0


@settings(max_examples=200)
@given(
    rooms=st.lists(st.integers(0, 2), min_size=1, max_size=12),
    events=st.lists(st.tuples(st.sampled_from(["send", "ack", "refuse", "lose"]), st.integers(0, 5)), max_size=80),
)
def test_each_room_is_acknowledged_in_the_order_entrusted(rooms: list[int], events: list[tuple[str, int]]) -> None:
    """Whatever is refused and however often the connection is lost; the server acknowledges a key once."""
    outbox = Outbox()
    for number, room in enumerate(rooms):
        outbox.add(entry(str(number), f"r{room}"))
    in_flight: list[str] = []
    committed: list[int] = []
    for kind, choice in [*events, *[("send", 0), ("ack", 0)] * len(rooms) * 2]:
        if kind == "send":
            key = take(outbox, now=1.0)
            if key is not None:
                in_flight.append(key)
        elif kind == "lose":
            outbox.connection_lost()
            in_flight.clear()
        elif in_flight:
            key = in_flight.pop(choice % len(in_flight))
            if kind == "refuse":
                outbox.refused(key, retry_at=0.0)
            else:
                outbox.settled(key)
                committed.append(int(key))
    assert not outbox
    assert len(committed) == len(set(committed)) == len(rooms)
    for room in set(rooms):
        of_room = [number for number in committed if rooms[number] == room]
        assert of_room == sorted(of_room)


def test_the_store_in_memory_keeps_what_is_not_removed() -> None:
    store = MemoryOutboxStore([entry("a")])
    store.add(entry("b"))
    store.remove("a")
    store.remove("unknown")
    assert list(store.load()) == [entry("b")]
