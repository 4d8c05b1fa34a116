"""`/metrics` of a real server: what was done is what is counted."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakePerson, MakeRoom, MakeServer
from tests.support.people import Person, fresh_password, fresh_username, http_client, login, signup
from tests.support.raw import exchange, handshake, upgrade_request
from tests.support.scraping import Scrape, check_conventions
from tests.support.server import CANARY, ServerProcess
from tests.support.sockets import Socket

LIMITS = {
    "RATE_LIMITS_ENABLED": "true",
    "RATE_LIMIT_SIGNUP": "2/hour",
    "RATE_LIMIT_LOGIN": "2/hour",
    "RATE_LIMIT_REST": "50/hour",  # of `commands` too
    "RATE_LIMIT_HANDSHAKE": "7/hour",
    "RATE_LIMIT_MESSAGES": "3/hour",
    "RATE_LIMIT_HISTORY": "1/hour",
}


async def scrape(server: ServerProcess) -> Scrape:
    async with http_client(server) as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    return Scrape(answer.text)


@pytest.fixture
def limited(make_server: MakeServer) -> ServerProcess:
    return make_server(**LIMITS)


@pytest.mark.wire("GET /metrics")
async def test_a_scrape_keeps_to_the_conventions_and_leaves_no_line(server: ServerProcess) -> None:
    check_conventions(await scrape(server))
    assert not server.find_logs("http.request", path="/metrics")


class Talk:
    """What two people did on one server, and how they were answered."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.refused: Counter[tuple[str, str]] = Counter()

    async def accounts(self, ada: Person) -> None:
        """Be refused whatever an account can be refused."""
        async with http_client(self.server) as http:
            answers = [
                await signup(http, fresh_username(), fresh_password()),  # the third of this address
                *[await login(http, ada.username, fresh_password()) for _ in range(3)],
                await login(http, fresh_username(), fresh_password()),
                await http.get("/v1/users/me"),
                *[await http.get(f"/nothing/{number}") for number in range(3)],
                await http.request("PROPFIND", "/v1/rooms"),
            ]
        answers.append(await exchange(self.server, b"no HTTP\r\n\r\n"))
        codes = [answer.json()["code"] if answer.content.startswith(b"{") else "bad_request" for answer in answers]
        self.refused.update(("rest", code) for code in codes)

    async def knock(self, ada: Person) -> None:
        """Be refused what a handshake can be refused: five, one too many, and three that do not count as a knock."""
        answers = [
            await handshake(self.server),
            await handshake(self.server, token=CANARY),
            await handshake(self.server, target=f"/v1/ws?ticket={CANARY}"),
            await handshake(self.server, ("Sec-WebSocket-Protocol", "other"), token=ada.access_token),
            await handshake(self.server, token=ada.access_token + "x"),
            await handshake(self.server, token=ada.access_token),
            await handshake(self.server, ("Origin", "https://evil.example"), token=ada.access_token),
            await handshake(self.server, target=f"/{CANARY}"),
            await exchange(self.server, upgrade_request(self.server, headers=[("Content-Length", "5")]) + b"hello"),
        ]
        self.refused.update(("handshake", answer.json()["code"]) for answer in answers)

    async def write(self, socket: Socket, room_id: str) -> None:
        """Send what is allowed and more."""
        fields = {"room_id": room_id, "body": CANARY}
        for key in ("k1", "k2", "k2"):
            await socket.ok("message.send", idempotency_key=key, **fields)
        await self._refuse(await socket.post("message.send", **fields), socket)
        await socket.ok("history.get", room_id=room_id, after_seq=0)
        await self._refuse(await socket.post("history.get", room_id=room_id, after_seq=0), socket)
        await self._refuse(await socket.post("dance"), socket)
        await socket.send_raw("no JSON")
        await self._refuse(None, socket)
        for _ in range(50):
            answer = await socket.answer(await socket.post("ping"))
            if answer["type"] == "error":
                self.refused["socket", answer["code"]] += 1

    async def _refuse(self, command_id: str | None, socket: Socket) -> None:
        answer = await socket.answer(command_id)
        assert answer["type"] == "error"
        self.refused["socket", answer["code"]] += 1


async def test_what_was_done_is_what_is_counted(
    limited: ServerProcess, person: MakePerson, make_room: MakeRoom
) -> None:
    talk, before = Talk(limited), await scrape(limited)
    ada, bob = await person(server=limited), await person(server=limited)
    room = await make_room(ada, bob)
    lost, sent_away = await ada.connect(), await bob.connect()
    await talk.accounts(ada)
    await talk.write(lost, room["id"])
    await talk.knock(ada)
    during = await scrape(limited)
    await lost.cut()
    done(await bob.http.post("/v1/auth/logout"), status=204)
    assert await sent_away.closed() == (4500, "session_revoked")
    for socket in (lost, sent_away):
        await limited.wait_for_log("ws.disconnected", connection_id=socket.welcome["connection_id"])
    after = await scrape(limited)

    assert (during["chat_connections"], during["chat_users_online"], during["chat_rooms_followed"]) == (2, 2, 2)
    assert during["chat_connections_max"] == 10_000
    assert (after["chat_connections"], after["chat_users_online"]) == (0, 0)
    assert after.since(before, "chat_connections_opened_total") == {(): 2}
    assert after.since(before, "chat_connections_closed_total") == {("1006", "nobody"): 1, ("4500", "server"): 1}

    assert after.since(before, "chat_messages_total") == {(): 2}
    assert after.since(before, "chat_delivery_duration_seconds_count") == {(): 2}
    assert after.since(before, "chat_deliveries_total") == {(): 4}
    assert 0 < after["chat_delivery_duration_seconds_sum"] < 10
    commits = after["chat_commit_duration_seconds_count"] - before["chat_commit_duration_seconds_count"]
    writes = after["chat_writes_committed_total"] - before["chat_writes_committed_total"]
    assert 8 <= commits <= writes  # two accounts, two logins, a room, a member, two messages; some may share a commit

    assert after.since(before, "chat_refusals_total") == {(code, door): n for (door, code), n in talk.refused.items()}
    assert talk.refused["socket", "rate_limited"] > 2
    assert after.since(before, "chat_rate_limits_exceeded_total") == {
        ("signup",): 1,
        ("login",): 1,
        ("messages",): 1,
        ("history",): 1,
        ("handshake",): 1,
        ("commands",): talk.refused["socket", "rate_limited"] - 2,
    }
    assert after.since(before, "chat_signups_total") == {(): 2}
    assert after.since(before, "chat_logins_total") == {(): 2}
    assert after.since(before, "chat_logins_failed_total") == {("wrong_password",): 2, ("unknown_user",): 1}

    requests = after.since(before, "chat_http_requests_total")
    assert requests["POST", "/v1/auth/signup", "2xx"] == 2
    assert requests["POST", "/v1/auth/signup", "4xx"] == 1
    assert requests["POST", "/v1/auth/login", "4xx"] == 4
    assert requests["PUT", "/v1/rooms/{room_id}/members/{user_id}", "2xx"] == 1
    assert requests["GET", "/v1/users/me", "4xx"] == 1
    assert requests["other", "other", "4xx"] == 4
    assert sum(count for (_, _, status), count in requests.items() if status in {"3xx", "5xx"}) == 0
    timed = after.since(before, "chat_http_request_duration_seconds_count")
    assert timed["GET", "/metrics"] == requests["GET", "/metrics", "2xx"] == 2
    assert after["chat_password_hashes_running"] == after["chat_password_hashes_refused_total"] == 0
    assert after["chat_event_loop_lag_seconds_count"] > before["chat_event_loop_lag_seconds_count"]

    assert limited.terminate() == 0
    (*_, stats) = limited.find_logs("node.stats")
    refused = sum(count for (door, _), count in talk.refused.items() if door == "handshake")
    assert (stats["messages"], stats["deliveries"], stats["refused"]) == (2, 4, refused)
    assert len(limited.find_logs("ws.refused")) == refused
