"""The table of close codes."""

from __future__ import annotations

import pytest

from chat_client.close_codes import AfterClose, after_close


@pytest.mark.parametrize("code", [4000, 4001, 4002, 4003, 4006, 4499])
def test_up_to_4499_a_client_reconnects(code: int) -> None:
    assert after_close(code) is AfterClose.RECONNECT


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1006, 1008, 1011, 1012, 1013, 3000, 3999, 5000])
def test_any_other_code_is_as_4000(code: int) -> None:
    assert after_close(code) is AfterClose.RECONNECT


def test_after_an_expired_token_comes_a_refresh() -> None:
    assert after_close(4005) is AfterClose.REFRESH


def test_after_too_many_refused_commands_comes_a_minute() -> None:
    assert after_close(4004) is AfterClose.WAIT_A_MINUTE


@pytest.mark.parametrize("code", [4500, 4501, 4502, 4750, 4999])
def test_from_4500_a_client_stops(code: int) -> None:
    assert after_close(code) is AfterClose.STOP


@pytest.mark.parametrize("code", [1002, 1007, 1009])
def test_a_broken_client_stops(code: int) -> None:
    assert after_close(code) is AfterClose.STOP
