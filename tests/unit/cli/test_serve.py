"""What `chat serve` prepares before it hands over to the server."""

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from api import app
from api.cli import serve
from api.cli.listener import listen
from api.cli.refusal import Refusal
from config.settings import Settings
from tests.support.server import ServerProcess


def test_a_server_says_where_it_is_and_leaves_with_0(tmp_path: Path) -> None:
    server = ServerProcess.start(tmp_path / "data", ENVIRONMENT="production", SECRET_KEYS="k3y" * 12)
    assert server.terminate() == 0
    server.check_logs()
    (started,) = server.find_logs("node.started")
    assert started["url"] == f"http://127.0.0.1:{started['port']}"
    assert (started["environment"], started["database"]) == ("production", str(tmp_path / "data" / "chat.db"))
    assert server.find_logs("node.stopped")[0]["uptime_seconds"] >= 0
    assert not (tmp_path / "data" / "secret.key").exists(), "the one that is given is used"


def test_a_start_that_fails_where_nobody_foresaw_it_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if app.title:
            raise ZeroDivisionError("the moon is full\nand the tide is high")
        yield

    monkeypatch.setattr(app, "create_app", lambda _settings, **_: FastAPI(lifespan=lifespan))
    settings = Settings.load(None, data_dir=tmp_path)
    with (
        capture_logs() as lines,
        closing(listen("127.0.0.1", 0)) as listener,
        pytest.raises(Refusal, match=r"^the server did not start: the moon is full$"),
    ):
        serve._run(settings, listener, lambda: 0)
    (line,) = [line for line in lines if line["event"] == "node.start_failed"]
    assert isinstance(line["exc_info"], ZeroDivisionError)


def test_a_secret_is_made_where_none_is_given(tmp_path: Path) -> None:
    settings = Settings.load(None, data_dir=tmp_path)
    serve.ensure_secret(settings)
    kept = (tmp_path / "secret.key").read_text()
    serve.ensure_secret(settings)
    assert (tmp_path / "secret.key").read_text() == kept
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"hunter2\n", b"\xff\xfe" * 40])
def test_a_secret_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(Refusal, match=f"^{tmp_path / 'secret.key'} holds no secret of at least 32 bytes; delete it"):
        serve.ensure_secret(Settings.load(None, data_dir=tmp_path))


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(Refusal, match=rf"^{tmp_path / 'secret.key'} cannot be used \(Is a directory\)$"):
        serve.ensure_secret(Settings.load(None, data_dir=tmp_path))


class FakeLimits:
    def __init__(self, soft: int, hard: int) -> None:
        self.now = (soft, hard)

    def get(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.now

    def set(self, which: int, limits: tuple[int, int]) -> None:
        soft, hard = limits
        assert hard == self.now[1], "the hard limit is not ours to change"
        self.now = (soft, hard)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> FakeLimits:
    """Stand in for the process's limits: lowering the real ones would harm the tests behind this one."""
    fake = FakeLimits(1024, 4096)
    monkeypatch.setattr(resource, "getrlimit", fake.get)
    monkeypatch.setattr(resource, "setrlimit", fake.set)
    return fake


def test_the_limit_of_open_files_is_raised_to_what_is_needed(limits: FakeLimits) -> None:
    with capture_logs() as lines:
        serve.allow_open_files(2000)
    assert limits.now == (2000 + serve.OTHER_FILES, 4096)
    assert lines == []


def test_a_limit_that_cannot_be_raised_is_told(limits: FakeLimits) -> None:
    with capture_logs() as lines:
        serve.allow_open_files(10_000)
    assert limits.now == (4096, 4096)
    (line,) = lines
    assert (line["event"], line["limit"], line["needed"]) == ("node.few_files", 4096, 10_000 + serve.OTHER_FILES)


@pytest.mark.parametrize("now", [(resource.RLIM_INFINITY, resource.RLIM_INFINITY), (65_536, 65_536)])
def test_a_limit_that_is_high_enough_is_left_alone(now: tuple[int, int], limits: FakeLimits) -> None:
    limits.now = now
    with capture_logs() as lines:
        serve.allow_open_files(10_000)
    assert (limits.now, lines) == (now, [])


def test_a_soft_limit_below_an_endless_hard_one_is_raised(limits: FakeLimits) -> None:
    limits.now = (1024, resource.RLIM_INFINITY)
    serve.allow_open_files(10_000)
    assert limits.now == (10_000 + serve.OTHER_FILES, resource.RLIM_INFINITY)
