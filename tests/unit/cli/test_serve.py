"""What `chat serve` prepares before it hands over to the server."""

import resource

import pytest
from structlog.testing import capture_logs

from api.cli import serve
from api.cli.listener import url_of


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("192.0.2.7", "http://192.0.2.7:8000"),
        (".".join("0000"), "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
        ("fe80::1%eth0", "http://[fe80::1]:8000"),
    ],
)
def test_the_url_in_the_log_can_be_opened(host: str, url: str) -> None:
    assert url_of(host, 8000) == url


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
