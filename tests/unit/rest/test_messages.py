"""Messages, events and read marks over REST through the whole application."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.server.conversation import MESSAGE_FIELDS, NOBODY
from tests.support.inside import Inside, Insider, open_inside
from tests.support.problems import check_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def say(person: Insider, room_id: str, body: str = "hello", key: str | None = None) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = await person.http.post(f"/v1/rooms/{room_id}/messages", json={"body": body}, headers=headers)
    assert answer.status_code == 201, answer.text
    message: dict[str, Any] = answer.json()
    return message


async def test_a_message_is_stored_trimmed_and_answered_as_it_is(inside: Inside) -> None:
    ada = await inside.person()
    room_id = await ada.make_room()
    message = await say(ada, room_id, "  first\r\nsecond\t ")
    assert message.keys() == MESSAGE_FIELDS
    assert (message["seq"], message["revision"], message["body"]) == (2, 2, "first\nsecond")
    assert (message["author"]["id"], message["room_id"]) == (ada.id, room_id)
    assert (message["idempotency_key"], message["edited_at"], message["deleted_at"]) == (None, None, None)
    assert (await ada.http.get(f"/v1/rooms/{room_id}/messages")).json() == {"items": [message], "has_more": False}


@pytest.mark.parametrize(
    "body", [{}, {"body": ""}, {"body": " \n"}, {"body": "a" * 4001}, {"body": "\x00"}, {"text": "a"}]
)
async def test_a_body_that_breaks_a_rule_is_not_stored(inside: Inside, body: dict[str, str]) -> None:
    ada = await inside.person()
    room_id = await ada.make_room()
    check_problem(await ada.http.post(f"/v1/rooms/{room_id}/messages", json=body), 422, "validation_error")
    assert (await ada.http.get(f"/v1/rooms/{room_id}/messages")).json()["items"] == []


async def test_a_key_makes_one_message_however_often_it_is_sent(inside: Inside) -> None:
    ada = await inside.person()
    room_id = await ada.make_room()
    message = await say(ada, room_id, "hello", "key-1")
    assert message["idempotency_key"] == "key-1"
    key = {"Idempotency-Key": "key-1"}
    repeat = await ada.http.post(f"/v1/rooms/{room_id}/messages", json={"body": "hello"}, headers=key)
    assert (repeat.status_code, repeat.json()) == (200, message)
    other = await ada.http.post(f"/v1/rooms/{room_id}/messages", json={"body": "other"}, headers=key)
    check_problem(other, 409, "idempotency_conflict")
    for text in ("", "a" * 65, "a b"):
        refused = await ada.http.post(
            f"/v1/rooms/{room_id}/messages", json={"body": "hello"}, headers={"Idempotency-Key": text}
        )
        check_problem(refused, 422, "validation_error")


async def test_messages_are_read_in_both_directions(inside: Inside) -> None:
    ada = await inside.person()
    room_id = await ada.make_room()
    for number in range(2, 8):
        assert (await say(ada, room_id, f"message {number}"))["seq"] == number

    async def page(**params: int) -> tuple[list[int], bool]:
        answer = await ada.http.get(f"/v1/rooms/{room_id}/messages", params=params)
        assert answer.status_code == 200, answer.text
        return [message["seq"] for message in answer.json()["items"]], answer.json()["has_more"]

    assert await page(limit=2) == ([6, 7], True)
    assert await page(limit=2, before_seq=6) == ([4, 5], True)
    assert await page(limit=2, before_seq=4) == ([2, 3], False)
    assert await page(limit=4, after_seq=2) == ([3, 4, 5, 6], True)
    assert await page(limit=4, after_seq=6) == ([7], False)
    both = await ada.http.get(f"/v1/rooms/{room_id}/messages", params={"before_seq": 5, "after_seq": 2})
    (error,) = check_problem(both, 422, "validation_error")["errors"]
    assert error["loc"] == ["query", "after_seq"]


async def test_the_author_edits_and_deletes_and_the_text_is_gone(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room(bob)
    message = await say(bob, room_id, "as it was")
    path = f"/v1/messages/{message['id']}"
    check_problem(await ada.http.patch(path, json={"body": "not hers"}), 403, "forbidden")
    edited = (await bob.http.patch(path, json={"body": "as it is"})).json()
    assert (edited["seq"], edited["revision"], edited["body"]) == (message["seq"], message["seq"] + 1, "as it is")
    assert edited["edited_at"] is not None
    assert (await bob.http.patch(path, json={"body": "as it is"})).json() == edited

    for _ in range(2):
        assert (await ada.http.delete(path)).status_code == 204, "an owner may, and it may be so already"
    (left,) = (await bob.http.get(f"/v1/rooms/{room_id}/messages")).json()["items"]
    assert (left["body"], left["revision"]) == ("", message["seq"] + 2)
    check_problem(await bob.http.patch(path, json={"body": "again"}), 404, "not_found")
    for method in ("PATCH", "DELETE"):
        check_problem(await bob.http.request(method, f"/v1/messages/{NOBODY}", json={"body": "x"}), 404, "not_found")


async def test_the_log_is_read_from_a_seq_on_and_only_of_its_epoch(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room(bob)
    await say(ada, room_id)
    path = f"/v1/rooms/{room_id}/events"
    whole = (await ada.http.get(path)).json()
    assert [event["type"] for event in whole["items"]] == ["room.created", "member.joined", "message.created"]
    assert (whole["last_seq"], whole["has_more"]) == (3, False)
    part = (await ada.http.get(path, params={"after_seq": 1, "limit": 1, "epoch": whole["epoch"]})).json()
    assert part == whole | {"items": whole["items"][1:2], "has_more": True}
    check_problem(await ada.http.get(path, params={"epoch": "another"}), 409, "resync_required")
    check_problem(await ada.http.get(path, params={"after_seq": 4}), 409, "resync_required")
    check_problem(await ada.http.get(path, params={"after_seq": -1}), 422, "validation_error")


async def test_a_read_mark_goes_forward_to_the_end_at_most(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    room_id = await ada.make_room(bob)
    for _ in range(3):
        await say(ada, room_id)

    async def mark(seq: object) -> tuple[int, int]:
        answer = await bob.http.put(f"/v1/rooms/{room_id}/read", json={"seq": seq})
        assert answer.status_code == 204, answer.text
        me = (await bob.http.get(f"/v1/rooms/{room_id}")).json()["me"]
        return me["read_seq"], me["unread_count"]

    assert await mark(2) == (2, 3)
    assert await mark(4) == (4, 1)
    assert await mark(3) == (4, 1)
    beyond = await bob.http.put(f"/v1/rooms/{room_id}/read", json={"seq": 6})
    (error,) = check_problem(beyond, 422, "validation_error")["errors"]
    assert error["loc"] == ["body", "seq"]
    for seq in ("4", 4.0, True, None, -1):
        check_problem(await bob.http.put(f"/v1/rooms/{room_id}/read", json={"seq": seq}), 422, "validation_error")


async def test_below_a_room_there_is_nothing_for_strangers(inside: Inside) -> None:
    ada, bob = await asyncio.gather(inside.person(), inside.person())
    for visibility, status, code in (("public", 403, "forbidden"), ("private", 404, "not_found")):
        room_id = await ada.make_room(visibility=visibility)
        message = await say(ada, room_id)
        for method, path in (
            ("POST", f"/v1/rooms/{room_id}/messages"),
            ("GET", f"/v1/rooms/{room_id}/messages"),
            ("GET", f"/v1/rooms/{room_id}/events"),
            ("PATCH", f"/v1/messages/{message['id']}"),
            ("DELETE", f"/v1/messages/{message['id']}"),
        ):
            body = {"body": "x"} if method in {"POST", "PATCH"} else None
            check_problem(await bob.http.request(method, path, json=body), status, code)
        check_problem(await bob.http.put(f"/v1/rooms/{room_id}/read", json={"seq": 1}), status, code)


async def test_what_changes_messages_counts_as_the_commands_of_sockets_do(tmp_path: Path) -> None:
    async with open_inside(tmp_path, rate_limits_enabled=True, rate_limit_messages="3/hour") as inside:
        ada, bob = await asyncio.gather(inside.person(), inside.person())
        room_id = await ada.make_room(bob)
        message = await say(ada, room_id)
        assert (await ada.http.patch(f"/v1/messages/{message['id']}", json={"body": "edited"})).status_code == 200
        assert (await ada.http.delete(f"/v1/messages/{message['id']}")).status_code == 204
        refused = check_problem(
            await ada.http.post(f"/v1/rooms/{room_id}/messages", json={"body": "x"}), 429, "rate_limited"
        )
        assert 0 < refused["retry_after_ms"] <= 3_600_000
        check_problem(await ada.http.patch(f"/v1/messages/{message['id']}", json={"body": "x"}), 429, "rate_limited")
        check_problem(await ada.http.delete(f"/v1/messages/{message['id']}"), 429, "rate_limited")
        assert (await say(bob, room_id))["seq"] > 0, "everybody has a budget of his own"
