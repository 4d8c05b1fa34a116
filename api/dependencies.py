"""What routes ask for: the resources of this app, and who is asking."""

from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from api import log_events
from api.domain.errors import ChatError
from api.middleware.context import bind_user, shown_path
from api.middleware.rate_limit import http_limits_of
from api.resources import Resources
from api.services.authentication import Principal

# Declares how to log in, for Swagger's Authorize button; it only reads the header. A missing header, another scheme
# and an empty token all come out as no token: there is none to judge.
BEARER = OAuth2PasswordBearer(
    tokenUrl="/v1/auth/login",
    scheme_name="access_token",
    description="`Authorization: Bearer <access_token>`, as `POST /v1/auth/login` gives it.",
    auto_error=False,
)


def resources_of(connection: HTTPConnection) -> Resources:
    """Return what the lifespan has opened, for requests and sockets alike."""
    return cast(Resources, connection.state.resources)


AppResources = Annotated[Resources, Depends(resources_of)]


def client_address(connection: HTTPConnection) -> str:
    """Return the client's address, as the server has resolved it (behind trusted proxies)."""
    return connection.client.host if connection.client else ""


ClientAddress = Annotated[str, Depends(client_address)]


async def current_principal(
    request: Request, resources: AppResources, token: Annotated[str | None, Depends(BEARER)]
) -> Principal:
    """Authenticate a REST request; from here on its log lines and its limits are the user's.

    Raises:
        ChatError: `missing_token`, `invalid_token`, `token_expired`, `session_revoked`, `account_suspended`.
    """
    try:
        principal = await resources.authenticator.authenticate(token or None)
    except ChatError as error:
        if error.user_id is not None:
            bind_user(error.user_id)
        log_events.AUTH_REFUSED.emit(
            code=error.code.value, client=client_address(request), path=shown_path(request.scope)
        )
        # Who has no good token has no budget of his own, and is stopped before the decorator counts.
        http_limits_of(request).count_refused(request)
        raise
    request.state.user_id = principal.user.id
    bind_user(principal.user.id)
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
