"""Who is connected to this node."""

from collections.abc import Collection, Iterable

from api.broadcast.base import Connection
from api.protocol.problems import CloseCode

_NOBODY: frozenset[Connection] = frozenset()


class Hub:
    """The connections of this process by user and by session.

    A connection is registered before its rooms are read, so that no logout, suspension or join can fall between.
    """

    def __init__(self) -> None:
        self._by_user: dict[str, set[Connection]] = {}
        self._by_session: dict[str, set[Connection]] = {}
        self._all: set[Connection] = set()

    def __len__(self) -> int:
        """Count the connections."""
        return len(self._all)

    def register(self, connection: Connection) -> None:
        """Add a connection, live or not yet."""
        self._all.add(connection)
        self._by_user.setdefault(connection.user.id, set()).add(connection)
        self._by_session.setdefault(connection.session_id, set()).add(connection)

    def unregister(self, connection: Connection) -> bool:
        """Take a connection out; False when it was out already."""
        if connection not in self._all:
            return False
        self._all.remove(connection)
        for index, key in ((self._by_user, connection.user.id), (self._by_session, connection.session_id)):
            peers = index.get(key)
            if peers is not None:
                peers.discard(connection)
                if not peers:
                    del index[key]
        return True

    def all(self) -> Collection[Connection]:
        """List every connection."""
        return tuple(self._all)

    def of_user(self, user_id: str) -> Collection[Connection]:
        """List a user's connections."""
        return self._by_user.get(user_id, _NOBODY)

    def user_ids(self) -> Collection[str]:
        """List who is connected."""
        return tuple(self._by_user)

    def session_ids(self) -> Collection[str]:
        """List the sessions that have a connection."""
        return tuple(self._by_session)

    def close_sessions(self, session_ids: Iterable[str], code: CloseCode) -> None:
        """End every connection of these sessions."""
        for session_id in session_ids:
            for connection in tuple(self._by_session.get(session_id, _NOBODY)):
                connection.close(code)

    def close_user(self, user_id: str, code: CloseCode) -> None:
        """End every connection of a user."""
        for connection in tuple(self.of_user(user_id)):
            connection.close(code)
