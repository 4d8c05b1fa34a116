"""`/metrics` for Prometheus. Nothing is prepared for it: every number is read when somebody asks."""

from collections.abc import Iterator
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric as AnyFamily
from prometheus_client.registry import Collector

from api.rest.metric_families import METRICS, Node, Reading
from api.rest.problems import FOR_MACHINES, problems

_EXAMPLE: Final = "# HELP chat_connections Open sockets.\n# TYPE chat_connections gauge\nchat_connections 42.0\n"


class NodeCollector(Collector):
    """Reads a node for each scrape."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterator[AnyFamily]:
        """Read every metric, all at the same moment: nothing else runs meanwhile."""
        now = Reading(self._node)
        for metric in METRICS:
            yield metric.family(now)


def build_registry(node: Node) -> CollectorRegistry:
    """Build the registry of one node, with the `process_` metrics of its process."""
    registry = CollectorRegistry()
    registry.register(NodeCollector(node))
    ProcessCollector(registry=registry)
    return registry


def build_router() -> APIRouter:
    """Build the route; like those of health it is not limited."""
    router = APIRouter(tags=["operations"])
    router.get(
        "/metrics",
        operation_id="get_metrics",
        summary="What does the node do",
        response_class=PlainTextResponse,
        response_description="The numbers, in Prometheus' text format 0.0.4.",
        responses={200: {"content": {"text/plain": {"example": _EXAMPLE}}}, **problems(general=FOR_MACHINES)},
    )(get_metrics)
    return router


def _registry_of(request: Request) -> CollectorRegistry:
    return cast(CollectorRegistry, request.state.metrics)


async def get_metrics(registry: Annotated[CollectorRegistry, Depends(_registry_of)]) -> PlainTextResponse:
    """Read all numbers of this node, for Prometheus; they count from the start of the process."""
    return PlainTextResponse(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
