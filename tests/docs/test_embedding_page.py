"""The examples for back-end teams are run as they stand there, one behind the other, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.docs.pages import blocks, page
from tests.support.fixtures import MakeServer

USE: Final = """
import json

account = make_account(17, "Ada")
try:
    make_account(17, "Ada")
except RuntimeError as error:
    again = str(error)
tokens = begin_visit(account)
room = chat.get("/v1/rooms", headers=bearer(tokens)).json()["items"][0]
first = say_once(tokens, room["id"], "order-4711", "Your order is on its way.")
second = say_once(tokens, room["id"], "order-4711", "Your order is on its way.")
events, seq, epoch = read_along(tokens, room["id"], 0, None)
nothing, same_seq, same_epoch = read_along(tokens, room["id"], seq, epoch)
anew, *_ = read_along(tokens, room["id"], 1, "another-epoch")
end_visit(tokens)
refused = chat.get("/v1/users/me", headers=bearer(tokens)).json()["code"]
print(json.dumps({
    "again": again,
    "is_one_message": first == second,
    "types": [event["type"] for event in events],
    "text": events[-1]["message"]["body"],
    "author": events[-1]["message"]["author"]["display_name"],
    "nothing": nothing,
    "is_at_the_end": (seq, epoch) == (same_seq, same_epoch),
    "is_anew": anew == events,
    "refused": refused,
}))
"""


def test_the_examples_for_back_ends_work_as_written(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(RATE_LIMITS_ENABLED="true")
    examples = [block.text for block in blocks(page("docs/embedding.md")) if block.language == "python"]
    (tmp_path / "back_end.py").write_text("\n".join([*examples, USE]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "back_end.py"],
        cwd=tmp_path,
        env=os.environ | {"CHAT_SERVER": server.url},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "again": "user-17 exists",
        "is_one_message": True,
        "types": ["room.created", "message.created"],
        "text": "Your order is on its way.",
        "author": "Ada",
        "nothing": [],
        "is_at_the_end": True,
        "is_anew": True,
        "refused": "session_revoked",
    }
