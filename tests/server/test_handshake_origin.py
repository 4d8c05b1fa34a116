"""Pages of other sites: which of them may open a socket with the visitor's token."""

from __future__ import annotations

import httpx2
import pytest

from tests.support.fixtures import MakePerson, TokenOf
from tests.support.people import http_client
from tests.support.problems import check_problem
from tests.support.raw import handshake
from tests.support.server import ServerProcess

pytestmark = pytest.mark.wire("origin_not_allowed")


class Page:
    """Asks for upgrades from a page, with a good token."""

    def __init__(self, server: ServerProcess, token: str) -> None:
        self.server, self.token = server, token

    async def ask(self, *origins: str, **headers: str) -> httpx2.Response:
        sent = [("Origin", origin) for origin in origins]
        return await handshake(self.server, *sent, *headers.items(), token=self.token)


@pytest.fixture
def page(special: ServerProcess, token_of: TokenOf) -> Page:
    """Give a page in the browser of a user of that server."""
    return Page(special, token_of(special))


async def test_programs_that_are_no_browser_send_no_origin(page: Page) -> None:
    assert (await page.ask()).status_code == 101


@pytest.mark.parametrize("origin", ["https://app.example.com", "http://localhost:5173"])
async def test_a_page_of_the_list_may_come_in(page: Page, origin: str) -> None:
    assert (await page.ask(origin)).status_code == 101


async def test_a_page_of_this_host_may_come_in(person: MakePerson) -> None:
    ada = await person()
    assert (await Page(ada.server, ada.access_token).ask(ada.server.url)).status_code == 101
    socket = await ada.connect(origin=ada.server.url)
    assert await socket.ok("ping")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "",
        "https://app.example.com.evil.example",
        "https://evil.example/app.example.com",
        "https://evilapp.example.com",
        "https://sub.app.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:443@evil.example",
        "http://localhost",
        "http://localhost:51730",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1:PORT",
        "http://127.0.0.1.evil.example:PORT",
        "http://127.0.0.2:PORT",
        "file://",
        "*",
        "https://app.example.com, https://evil.example",
        "https://app.example.com https://evil.example",
    ],
)
async def test_any_other_page_is_kept_out(page: Page, origin: str) -> None:
    check_problem(await page.ask(origin.replace("PORT", str(page.server.port))), 403, "origin_not_allowed")


@pytest.mark.wire("bad_request")
async def test_two_origins_are_one_too_many(page: Page) -> None:
    """The parser of handshakes takes them for none; where they come through, to the tickets, they are not allowed."""
    own = page.server.url
    for origins in (("https://app.example.com", "https://evil.example"), ("https://evil.example", own), (own, own)):
        check_problem(await page.ask(*origins), 400, "bad_request")
        async with http_client(page.server, page.token) as http:
            sent = [("Origin", origin) for origin in origins]
            check_problem(await http.post("/v1/auth/ws-ticket", headers=sent), 403, "origin_not_allowed")


async def test_the_origin_is_looked_at_before_any_credential(special: ServerProcess, person: MakePerson) -> None:
    """A page learns nothing of a token, and uses up no ticket."""
    evil = ("Origin", "https://evil.example")
    check_problem(await handshake(special, evil), 403, "origin_not_allowed")
    check_problem(await handshake(special, evil, token="x"), 403, "origin_not_allowed")
    target = f"/v1/ws?ticket={await (await person(server=special)).ticket()}"
    check_problem(await handshake(special, evil, target=target), 403, "origin_not_allowed")
    assert (await handshake(special, target=target)).status_code == 101


async def test_headers_that_a_page_cannot_be_trusted_with_do_not_change_this_host(page: Page) -> None:
    claimed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "host=evil.example"}
    check_problem(await page.ask("https://evil.example", **claimed), 403, "origin_not_allowed")


@pytest.mark.parametrize("way", ["ticket", "subprotocol"])
async def test_the_origin_counts_on_every_way_in(special: ServerProcess, person: MakePerson, way: str) -> None:
    ada = await person(server=special)
    evil = ("Origin", "https://evil.example")
    if way == "ticket":
        answer = await handshake(special, evil, target=f"/v1/ws?ticket={await ada.ticket()}")
    else:
        answer = await handshake(special, evil, ("Sec-WebSocket-Protocol", f"chat.v1, bearer.{ada.access_token}"))
    check_problem(answer, 403, "origin_not_allowed")


async def test_a_refused_origin_is_logged(page: Page) -> None:
    check_problem(await page.ask("https://log-me.example"), 403, "origin_not_allowed")
    line = await page.server.wait_for_log("ws.refused", code="origin_not_allowed", origin="https://log-me.example")
    assert line["status"] == 403
