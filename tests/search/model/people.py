"""Accounts and sessions (protocol 1: the rows of `auth` and `users`, "Tokens")."""

from __future__ import annotations

from tests.search.model.state import Json, Place, RefreshToken, Refused, Session, State, User
from tests.search.model.streams import Streams


class People:
    """Who there is, and who is logged in."""

    def __init__(self, state: State, streams: Streams) -> None:
        """Work on this state."""
        self._state = state
        self._streams = streams

    def authenticate(self, session: Session) -> User:
        """Say whose access token it is."""
        if session.is_revoked:
            raise Refused("session_revoked")
        if session.user.is_suspended:
            raise Refused("account_suspended")
        return session.user

    def sign_up(self, username: str, password: str) -> User:
        """Make an account; it is in the default room from the start, at its end, without an event."""
        if username.casefold() in self._state.taken_names:
            raise Refused("username_taken")
        user = User(self._state.fresh_id(), username, username, password)
        self._state.users.append(user)
        self._state.taken_names.add(username.casefold())
        for room in self._state.rooms:
            if room.is_default:
                room.places[user] = Place("member", room.last_seq)
        return user

    def log_in(self, user: User, password: str) -> Session:
        """Open a session."""
        if user.is_deleted or user.password != password:
            raise Refused("invalid_credentials")
        if user.is_suspended:
            raise Refused("account_suspended")
        session = Session(user, self._state.fresh_id(), [RefreshToken()])
        self._state.sessions.append(session)
        return session

    def refresh(self, session: Session, spent: RefreshToken) -> RefreshToken:
        """Exchange a refresh token; what nobody honest sends ends the session."""
        if session.is_revoked:
            raise Refused("invalid_token")
        unused = spent.successor if spent.successor is not None and spent.successor.state == "live" else None
        if spent.state == "void" or (spent.state == "spent" and unused is None):
            self.end(session)
            raise Refused("refresh_token_reused")
        if session.user.is_suspended:
            raise Refused("account_suspended")
        if unused is not None:
            unused.state = "void"
        spent.state = "spent"
        spent.successor = RefreshToken()
        session.refresh_tokens.append(spent.successor)
        return spent.successor

    def sessions(self, user: User) -> list[Session]:
        """The live sessions of a user."""
        return self._state.sessions_of(user)

    def end(self, session: Session) -> None:
        """Revoke a session; its sockets close."""
        session.is_revoked = True
        self._streams.close(session, 4500, "session_revoked")

    def revoke(self, user: User, session: Session) -> None:
        """End one of the own sessions."""
        if session.user is not user or session.is_revoked:
            raise Refused("not_found")
        self.end(session)

    def change_password(self, session: Session, current: str, new: str) -> None:
        """Replace the password; every other session ends."""
        self._prove(session.user, current)
        session.user.password = new
        for other in self._state.sessions_of(session.user):
            if other is not session:
                self.end(other)

    def rename(self, user: User, display_name: str) -> Json:
        """Show oneself under another name from now on."""
        user.display_name = display_name
        return user.shown()

    def delete(self, user: User, password: str) -> None:
        """Go for good: rooms are left, sessions end, messages stay."""
        self._prove(user, password)
        rooms = self._state.rooms_of(user)
        if any(room.owners() == [user] for room in rooms):
            raise Refused("last_owner")
        user.vanish()
        for room in rooms:
            if not room.is_default:
                self._streams.write(room, "member.left", user, user=user)
            del room.places[user]
        for session in self._state.sessions_of(user):
            self.end(session)

    def find(self, username: str) -> list[Json]:
        """Find by the whole name, in any case."""
        wanted = username.casefold()
        living = [user for user in self._state.users if isinstance(user.username, str)]
        return [user.shown() for user in living if str(user.username).casefold() == wanted]

    def suspend(self, user: User) -> None:
        """Lock a user out (command line): sessions stay, sockets close."""
        user.is_suspended = True
        self._streams.close_user(user, 4502, "account_suspended")

    def _prove(self, user: User, password: str) -> None:
        if user.password != password:
            raise Refused("invalid_credentials")
