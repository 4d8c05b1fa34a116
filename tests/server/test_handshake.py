"""The handshake: three ways in, all checked before the upgrade, refusals as plain HTTP."""

from __future__ import annotations

import re

import pytest

from tests.server.conversation import UUID7
from tests.support.fixtures import MakePerson
from tests.support.problems import REQUEST_ID, check_problem
from tests.support.raw import RawSocket, exchange, handshake, upgrade_request
from tests.support.server import ServerProcess
from tests.support.sockets import open_socket

pytestmark = pytest.mark.wire("GET /v1/ws")


@pytest.mark.wire("welcome")
async def test_a_header_a_subprotocol_and_a_ticket_open_a_socket(person: MakePerson) -> None:
    ada = await person()
    by_header = await ada.connect(by="header")
    assert by_header.subprotocol is None
    by_subprotocol = await ada.connect(by="subprotocol")
    assert by_subprotocol.subprotocol == "chat.v1"
    by_ticket = await ada.connect(by="ticket")
    ids = set()
    for socket in (by_header, by_subprotocol, by_ticket):
        assert socket.welcome["user"] == ada.user
        ids.add(socket.welcome["connection_id"])
        assert await socket.ok("ping")
    assert len(ids) == 3


async def test_an_accepted_handshake_is_a_bare_101(person: MakePerson) -> None:
    ada = await person()
    # An offer of compression, as browsers make it, is left unanswered.
    offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
    response = await handshake(ada.server, offer, ("X-Request-ID", "my-own.id_1"), token=ada.access_token)
    assert response.status_code == 101
    assert response.headers["Upgrade"].lower() == "websocket"
    assert "Sec-WebSocket-Extensions" not in response.headers
    assert "Sec-WebSocket-Protocol" not in response.headers
    assert response.headers["X-Request-ID"] == "my-own.id_1"


@pytest.mark.wire("missing_token")
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Cookie", "access_token=TOKEN; token=TOKEN; Authorization=TOKEN")],
        [("Cookie", "refresh_token=REFRESH; __Host-refresh=REFRESH"), ("Origin", "http://127.0.0.1:PORT")],
        [("X-Access-Token", "TOKEN")],
        [("Sec-WebSocket-Protocol", "chat.v1")],
    ],
    ids=["nothing", "cookie", "cookie of a refresh", "other header", "no bearer"],
)
async def test_without_a_credential_there_is_no_upgrade(person: MakePerson, headers: list[tuple[str, str]]) -> None:
    ada = await person()
    texts = {"TOKEN": ada.access_token, "REFRESH": ada.refresh_token, "PORT": str(ada.server.port)}
    sent = [(name, re.sub("TOKEN|REFRESH|PORT", lambda found: texts[found[0]], value)) for name, value in headers]
    check_problem(await handshake(ada.server, *sent), 401, "missing_token")


@pytest.mark.wire("invalid_token")
@pytest.mark.parametrize(
    "value", ["Bearer x", "Bearer a.b.c", "bearer x y", "Bearer \xff\xfe", "Bearer " + "x" * 7_000]
)
async def test_a_bad_token_is_refused_with_a_real_401(server: ServerProcess, value: str) -> None:
    check_problem(await handshake(server, ("Authorization", value)), 401, "invalid_token")


async def test_the_refusal_is_seen_by_a_websocket_client(server: ServerProcess) -> None:
    with pytest.raises(Exception, match="HTTP 401"):
        await open_socket(server.ws_url, token="x")


async def test_a_refused_client_is_logged_with_the_reason_and_leaves_no_connection(person: MakePerson) -> None:
    ada = await person()
    answer = await handshake(ada.server, ("X-Request-ID", f"probe-{ada.username}"), token="x")
    check_problem(answer, 401, "invalid_token")
    line = await ada.server.wait_for_log("ws.refused", request_id=f"probe-{ada.username}")
    assert (line["code"], line["status"]) == ("invalid_token", 401)


async def test_the_first_credential_that_is_there_decides(person: MakePerson) -> None:
    ada, eve = await person(), await person()
    good = ("Sec-WebSocket-Protocol", f"chat.v1, bearer.{ada.access_token}")
    bad = ("Sec-WebSocket-Protocol", "chat.v1, bearer.x")
    ticket = await ada.ticket()
    # A bad header is not made good by what stands behind it.
    target = f"/v1/ws?ticket={ticket}"
    check_problem(await handshake(ada.server, good, target=target, token="x"), 401, "invalid_token")
    check_problem(await handshake(ada.server, bad, target=target), 401, "invalid_token")

    socket = await RawSocket.open(ada.server, eve.access_token, headers=[good])
    assert (await socket.text("welcome"))["user"] == eve.user, "the header wins over the subprotocol"
    socket.close()
    assert (await handshake(ada.server, target=target)).status_code == 101, "and the ticket is still unused"


async def test_chat_v1_is_selected_whenever_it_is_offered_and_a_token_is_never_echoed(person: MakePerson) -> None:
    ada = await person()
    bearer = f"bearer.{ada.access_token}"
    for offered in (
        [("Sec-WebSocket-Protocol", f"chat.v1, {bearer}")],
        [("Sec-WebSocket-Protocol", f"{bearer},chat.v1")],
        [("Sec-WebSocket-Protocol", f"other.v9, chat.v1, {bearer}, chat.v2")],
        [("Sec-WebSocket-Protocol", "chat.v1"), ("Sec-WebSocket-Protocol", bearer)],
    ):
        response = await handshake(ada.server, *offered)
        assert response.status_code == 101, (offered, response.text)
        assert response.headers.get_list("Sec-WebSocket-Protocol") == ["chat.v1"]
        assert ada.access_token not in str(response.headers.raw)
    with_header = await handshake(ada.server, ("Sec-WebSocket-Protocol", "chat.v1"), token=ada.access_token)
    assert with_header.headers["Sec-WebSocket-Protocol"] == "chat.v1"


@pytest.mark.wire("bad_request")
@pytest.mark.parametrize("offered", ["chat.v2", "bearer.TOKEN", "graphql-ws, bearer.TOKEN", "CHAT.V1, bearer.TOKEN"])
async def test_other_subprotocols_without_chat_v1_are_a_bad_request(person: MakePerson, offered: str) -> None:
    ada = await person()
    value = ("Sec-WebSocket-Protocol", offered.replace("TOKEN", ada.access_token))
    check_problem(await handshake(ada.server, value), 400, "bad_request")
    check_problem(await handshake(ada.server, value, token=ada.access_token), 400, "bad_request")


@pytest.mark.wire("account_suspended")
async def test_a_suspended_user_is_refused_on_every_way(person: MakePerson) -> None:
    ada = await person()
    ticket, socket = await ada.ticket(), await ada.connect()
    assert ada.server.run_cli("user", "suspend", ada.username).returncode == 0
    await socket.closed()  # so the server knows
    check_problem(await handshake(ada.server, token=ada.access_token), 403, "account_suspended")
    subprotocol = ("Sec-WebSocket-Protocol", f"chat.v1, bearer.{ada.access_token}")
    check_problem(await handshake(ada.server, subprotocol), 403, "account_suspended")
    check_problem(await handshake(ada.server, target=f"/v1/ws?ticket={ticket}"), 403, "account_suspended")


async def test_refusals_carry_a_request_id_the_clients_own_if_it_is_one(server: ServerProcess) -> None:
    own = await handshake(server, ("X-Request-ID", "abc.DEF_1-2"))
    assert check_problem(own, 401, "missing_token")["request_id"] == "abc.DEF_1-2"
    for bad in ("x" * 65, "two words", "<script>", "a;b"):
        answer = await handshake(server, ("X-Request-ID", bad))
        document = check_problem(answer, 401, "missing_token")
        assert document["request_id"] != bad
        assert REQUEST_ID.fullmatch(document["request_id"])


@pytest.mark.wire("not_found")
async def test_an_upgrade_elsewhere_is_not_found(person: MakePerson) -> None:
    ada = await person()
    for target in ("/", "/v1/ws/", "/v1/ws/x", "/v1/rooms", "/v2/ws", "/ws"):
        response = await handshake(ada.server, target=target, token=ada.access_token)
        assert response.status_code != 101
        code = response.json()["code"]
        check_problem(response, response.status_code, code)
        assert code in {"not_found", "bad_request", "method_not_allowed"}


async def test_a_plain_request_to_the_socket_is_refused_as_a_problem(person: MakePerson) -> None:
    ada = await person()
    for method in ("GET", "POST"):
        response = await ada.http.request(method, "/v1/ws")
        assert 400 <= response.status_code < 500
        check_problem(response, response.status_code, response.json()["code"])


@pytest.mark.parametrize(
    ("line", "replacement"),
    [
        (rb"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8"),
        (rb"Sec-WebSocket-Version: 13\r\n", b""),
        (rb"Sec-WebSocket-Key: [^\r]+", b"Sec-WebSocket-Key: short"),
        (rb"Sec-WebSocket-Key: [^\r]+\r\n", b""),
        (rb"^GET ", b"POST "),
        (rb"Connection: Upgrade", b"Connection: close"),
        (rb" HTTP/1\.1", b" HTTP/1.0"),
    ],
    ids=["version 8", "no version", "bad key", "no key", "POST", "no upgrade", "HTTP/1.0"],
)
async def test_a_broken_handshake_is_refused_whatever_token_it_has(
    person: MakePerson, line: bytes, replacement: bytes
) -> None:
    ada = await person()
    request = upgrade_request(ada.server, headers=[("Authorization", f"Bearer {ada.access_token}")])
    broken = re.sub(line, replacement, request, count=1)
    assert broken != request
    response = await exchange(ada.server, broken)
    assert 400 <= response.status_code < 500, response.status_code
    check_problem(response, response.status_code, response.json()["code"])


async def test_frames_sent_before_the_answer_are_served_in_order(person: MakePerson) -> None:
    ada = await person()
    socket = await RawSocket.open(ada.server, ada.access_token, early=[b'{"type":"ping","id":"e1"}'] * 3)
    welcome = await socket.text()
    assert welcome["type"] == "welcome"
    assert UUID7.fullmatch(welcome["connection_id"])
    for _ in range(3):
        assert (await socket.text())["id"] == "e1"
    socket.close()
