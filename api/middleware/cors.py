"""CORS: pages of the sites that the operator lists may use the REST API. Sockets check the Origin at the handshake."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.domain.errors import ChatError, ErrorCode
from api.middleware.errors import problem_response


class CorsMiddleware(CORSMiddleware):
    """Starlette's, but a preflight is refused with a problem document like everything else."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Answer the question that a browser asks first."""
        answer = super().preflight_response(request_headers)
        return _RefusedPreflight(answer) if answer.status_code == HTTPStatus.BAD_REQUEST else answer


class _RefusedPreflight(Response):
    """Becomes a problem document once the request is known, whose id goes into it."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.body, answer.status_code)
        self._kept = {
            name: value
            for name, value in answer.headers.items()
            if name == "vary" or name.startswith("access-control-")
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = ChatError(ErrorCode.BAD_REQUEST, f"{bytes(self.body).decode()}.")
        response = problem_response(HTTPConnection(scope), refused)
        response.headers.update(self._kept)
        await response(scope, receive, send)
