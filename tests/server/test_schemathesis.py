"""Thousands of requests made up from `/openapi.json`, good ones and bad ones: every answer is one that it describes.

Every check of schemathesis is on (see schemathesis.toml and schemathesis_checks.py for what its schemas cannot say).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.described import operations
from tests.support.fixtures import MakePerson, MakeServer
from tests.support.processes import REPOSITORY
from tests.support.server import ServerProcess

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")


async def run(server: ServerProcess, person: MakePerson, folder: Path, *args: str) -> dict[str, Any]:
    """Run schemathesis against the server; gives its report, and fails with what it says if it found anything."""
    ada, bob = await person(server=server), await person(server=server)
    report = folder / "report.json"
    tokens = {"SCHEMATHESIS_TOKEN": ada.access_token, "SCHEMATHESIS_OTHER_TOKEN": bob.access_token}
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    options = ["--no-color", "--generation-database=none", "--report=json", f"--report-json-path={report}", *args]
    process = await asyncio.create_subprocess_exec(
        *command,
        f"{server.url}/openapi.json",
        *options,
        cwd=folder,
        env=os.environ | tokens | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")
    found = json.loads(report.read_text())
    assert isinstance(found, dict)
    return found


def check(report: dict[str, Any], cases_min: int) -> None:
    """Assert that nothing was found, and that something was asked: a run that reaches nothing finds nothing."""
    assert report["failures"] == report["errors"] == []
    assert report["operations"]["tested"] == report["operations"]["total"] == len(operations())
    assert report["test_cases"]["generated"] >= cases_min
    # Where the token is refused, nothing behind it is asked.
    refused = set(report["warnings"].get("missing_auth", ()))
    assert refused <= UNREACHED


# Nobody is logged in with made-up passwords and tokens, and who is one's own is in no room by chance.
UNREACHED: Final = frozenset(
    {
        *("POST /v1/auth/login", "POST /v1/auth/refresh", "POST /v1/auth/password", "DELETE /v1/users/me"),
        *("POST /v1/auth/logout", "DELETE /v1/auth/sessions/{session_id}"),
        *("DELETE /v1/rooms/{room_id}/members/{user_id}", "PUT /v1/rooms/{room_id}/members/{user_id}"),
        *("PUT /v1/rooms/{room_id}/bans/{user_id}", "DELETE /v1/rooms/{room_id}/bans/{user_id}"),
    }
)


@pytest.mark.timeout(180)
async def test_no_answer_is_undocumented(make_server: MakeServer, person: MakePerson, tmp_path: Path) -> None:
    """The edges of every schema and a few random requests: so many, however busy the machine is."""
    report = await run(make_server(), person, tmp_path, "--max-examples=2", "--seed=1")
    check(report, cases_min=800)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_no_answer_is_undocumented_however_long_one_asks(
    make_server: MakeServer, person: MakePerson, tmp_path: Path
) -> None:
    """With another seed every time; what it finds is shown with the seed and the request.

    How much is asked in this time is the machine's affair (a busy one: 1,966 requests), but no less than in the
    short run.
    """
    report = await run(make_server(ACCESS_TOKEN_SECONDS="3600"), person, tmp_path, "--max-time=150")
    check(report, cases_min=800)
