"""What services tell the open sockets of this node, once a change of sessions or users is committed."""

from collections.abc import Collection
from typing import Protocol

from api.domain.models import User
from api.protocol.problems import CloseCode


class LiveSessions(Protocol):
    """The open sockets, as sessions and users; nothing here waits for a client."""

    def close_sessions(self, session_ids: Collection[str], code: CloseCode) -> None:
        """Close all sockets of these sessions."""
        ...

    def close_user(self, user_id: str, code: CloseCode) -> None:
        """Close all sockets of a user."""
        ...

    def refresh_user(self, user: User) -> None:
        """Show a user as he is from now on."""
        ...
