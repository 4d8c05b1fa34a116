"""What a load balancer asks: is the process alive, does it want traffic."""

from __future__ import annotations

import pytest

from tests.server.conversation import done
from tests.support.fixtures import MakeServer
from tests.support.people import http_client
from tests.support.problems import REQUEST_ID
from tests.support.server import ServerProcess


@pytest.mark.wire("GET /healthz")
async def test_a_running_process_is_healthy_without_a_token(server: ServerProcess) -> None:
    async with http_client(server) as http:
        response = await http.get("/healthz")
    assert response.status_code == 200
    assert REQUEST_ID.fullmatch(response.headers["X-Request-ID"])


@pytest.mark.wire("GET /readyz")
async def test_a_node_with_its_database_is_ready_and_names_its_checks(server: ServerProcess) -> None:
    async with http_client(server) as http:
        answer = done(await http.get("/readyz"))
    assert answer.keys() == {"status", "checks"}
    assert answer["status"] == "ok"
    assert answer["checks"], "the checks behind the word"


@pytest.mark.wire("GET /readyz")
async def test_a_node_whose_database_is_gone_is_not_ready_and_stays_alive(make_server: MakeServer) -> None:
    server = make_server()
    server.expected_errors |= {"store.unavailable"}
    for path in server.data_dir.glob("chat.db*"):
        path.unlink()
    server.data_dir.rename(server.data_dir.with_name("elsewhere"))
    async with http_client(server) as http:
        response = await http.get("/readyz")
        assert response.status_code == 503
        assert response.json()["status"] == "unavailable"
        assert (await http.get("/healthz")).status_code == 200
    server.data_dir.with_name("elsewhere").rename(server.data_dir)
