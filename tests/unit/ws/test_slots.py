"""Places for sockets."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from api.domain.errors import ChatError, ErrorCode
from api.ws.slots import ConnectionSlots


def test_a_user_has_so_many_and_gets_them_back() -> None:
    slots = ConnectionSlots(total_max=10, per_user_max=2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(slots.take("ada"))
        with pytest.raises(ChatError) as refused:
            slots.check("ada")
        assert refused.value.code is ErrorCode.CONNECTION_LIMIT
        assert refused.value.retry_after_ms == 5000
        assert (refused.value.headers or {})["X-RateLimit-Limit"] == "2"
        slots.check("bob")
        slots.check(None)
    slots.check("ada")


def test_all_together_have_so_many() -> None:
    slots = ConnectionSlots(total_max=2, per_user_max=2)
    with slots.take("ada"), slots.take("bob"):
        for user_id in (None, "ada", "carol"):
            with pytest.raises(ChatError) as refused:
                slots.check(user_id)
            assert (refused.value.headers or {})["X-RateLimit-Limit"] == "2"
    slots.check("carol")


def test_taking_what_is_not_there_is_refused_and_takes_nothing() -> None:
    slots = ConnectionSlots(total_max=10, per_user_max=1)
    with slots.take("ada"):
        for _ in range(3):
            with pytest.raises(ChatError), slots.take("ada"):
                pytest.fail("there was none")
    with slots.take("ada"):
        pass


def test_a_place_comes_back_whatever_happened_in_it() -> None:
    slots = ConnectionSlots(total_max=1, per_user_max=1)
    for _ in range(3):
        with pytest.raises(LookupError), slots.take("ada"):
            raise LookupError
    slots.check("ada")
    assert slots._total == 0
    assert not slots._taken, "users who are gone are not kept"
