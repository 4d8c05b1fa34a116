"""Operations: is the process alive, and can it serve."""

import asyncio
from typing import Any, Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.dependencies import AppResources
from api.domain.errors import ChatError
from api.protocol.examples import example
from api.resources import Resources
from api.rest.problems import FOR_MACHINES, problems

DATABASE_TIMEOUT_S: Final = 2.0

_NOT_READY: Final = {"status": "unavailable", "checks": {"database": "failed", "node": "ok"}}

CheckState = Literal["ok", "failed", "draining"]


class Health(BaseModel):
    """The process runs."""

    model_config = example({"status": "ok"})

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether the node can serve, and what of it can not."""

    model_config = example({"status": "ok", "checks": {"database": "ok", "node": "ok"}})

    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, CheckState] = Field(description="What was looked at.")


def build_router() -> APIRouter:
    """Build the routes that load balancers ask; they are not limited."""
    router = APIRouter(tags=["operations"])
    router.get(
        "/healthz",
        operation_id="get_health",
        summary="Is the process alive",
        response_model=Health,
        response_description="It is.",
        responses=problems(general=FOR_MACHINES),
    )(get_health)
    refusals = problems(general=FOR_MACHINES)
    not_ready = {
        "model": Readiness,
        "description": "It cannot: the database is gone, or the node is going down.",
        "content": {"application/json": {"example": _NOT_READY}, **refusals[503]["content"]},
    }
    router.get(
        "/readyz",
        operation_id="get_readiness",
        summary="Can the node serve",
        response_model=Readiness,
        response_description="It can.",
        responses=refusals | {503: not_ready},
    )(get_readiness)
    return router


async def get_health() -> dict[str, Any]:
    """Answer while the process runs, whatever else is wrong: restart it if this does not."""
    return {"status": "ok"}


async def get_readiness(response: Response, resources: AppResources) -> dict[str, Any]:
    """Look at the database, and whether the node is going down: send it no traffic while this is 503."""
    checks: dict[str, CheckState] = {
        "database": await _check_database(resources),
        "node": "draining" if resources.is_draining else "ok",
    }
    is_ready = all(state == "ok" for state in checks.values())
    response.status_code = 200 if is_ready else 503
    return {"status": "ok" if is_ready else "unavailable", "checks": checks}


async def _check_database(resources: Resources) -> CheckState:
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await resources.store.read(lambda rows: rows.rooms.default_room_id())
            await resources.store.write(lambda unit: unit.rooms.default_room_id())
    except (ChatError, TimeoutError):
        return "failed"
    return "ok"
