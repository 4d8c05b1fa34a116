"""One request over HTTP: the decoded answer, or one of our errors."""

from collections.abc import Mapping
from typing import Any

import httpx2

from chat_client.errors import BadAnswerError, ChatApiError, Json, ServerUnreachableError

# Longer than any answer that is still worth having: a login waits for its turn at hashing.
TIMEOUT_S = 30.0
USER_AGENT = "chat-client/0.1"


class Http:
    """Requests to one server.

    Args:
        server: Its address, e.g. `https://chat.example.org`; a path is kept as a prefix.
        client: An `httpx2.AsyncClient` to use, which stays the caller's; by default one of its own.
    """

    def __init__(self, server: str, *, client: httpx2.AsyncClient | None = None) -> None:
        url = httpx2.URL(server)
        if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
            raise ValueError(f"not the address of a server: {server}")
        self.server = str(url).rstrip("/")
        self._client = client or httpx2.AsyncClient(timeout=TIMEOUT_S)
        self._is_ours = client is None

    async def aclose(self) -> None:
        """Close the connections, unless the HTTP client is the caller's."""
        if self._is_ours:
            await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str | int | None] | None = None,
        idempotency_key: str | None = None,
    ) -> Json:
        """Send one request and return the JSON object of its answer, `{}` for an answer without content.

        Raises:
            ChatApiError: the server refused.
            ServerUnreachableError: no answer; the request may have taken effect or not.
            BadAnswerError: a success whose body is no JSON object.
        """
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        try:
            response = await self._client.request(
                method,
                self.server + path,
                headers=headers,
                json=None if json is None else dict(json),
                data=None if form is None else dict(form),
                params={name: value for name, value in (query or {}).items() if value is not None} or None,
            )
        except UnicodeEncodeError:
            # A lone surrogate, or a header that is no ASCII. The server would refuse it, could it be sent.
            raise ChatApiError("validation_error", "There is text that cannot be sent.", status=422) from None
        except httpx2.HTTPError as error:
            raise ServerUnreachableError(f"{self.server}: {str(error) or type(error).__name__}") from error
        body = _decoded(response)
        if not response.is_success:
            raise ChatApiError.from_response(response.status_code, response.headers, body)
        if not response.content:
            return {}
        if not isinstance(body, dict):
            raise BadAnswerError(f"{method} {path}: the answer is no JSON object")
        return body


def _decoded(response: httpx2.Response) -> Any:  # noqa: ANN401 - any JSON value
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None
