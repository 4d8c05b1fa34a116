"""What people do with accounts and sessions."""

from __future__ import annotations

from hypothesis import strategies as st

from api.services.administration import Administration
from tests.search.fresh import SECRET, Fresh
from tests.search.model.state import Json, RefreshToken, Session, User
from tests.search.moves import PICK, YES, Moves, move
from tests.support.people import fresh_password, fresh_username

USERS_MAX = 4


class PeopleMoves(Moves):
    """Sign up, log in and out, refresh, revoke, suspend, go."""

    def newcomer(self) -> Session:
        """Sign somebody up and log them in."""
        world, name, password = self.world, fresh_username(), fresh_password()
        world.server.keep_secret(password)
        user = world.people.sign_up(name, password)
        response = world.request(None, "POST", "/v1/auth/signup", json={"username": name, "password": password})
        assert response.status_code == 201, response.text
        assert user.id.agrees(response.json()["id"])
        session = self.log_in_as(user, password)
        assert session is not None
        return session

    def log_in_as(self, user: User, password: str) -> Session | None:
        """Log in, and learn which session that is."""
        world = self.world
        opened: list[Session] = []

        def expect() -> Json:
            opened.append(world.people.log_in(user, password))
            return _pair(opened[0], opened[0].refresh_tokens[0])

        form = {"username": str(user.username).upper() if not user.is_deleted else "-", "password": password}
        pair = world.rest(None, "POST", "/v1/auth/login", expect, data=form)
        if pair is None:
            return None
        world.server.keep_secret(pair["access_token"], pair["refresh_token"])
        listed = world.request(opened[0], "GET", "/v1/auth/sessions").json()["items"]
        (current,) = [one["id"] for one in listed if one["current"]]
        assert opened[0].id.agrees(current)
        return opened[0]

    @move(is_taken=YES, pick=PICK)
    def sign_up(self, *, is_taken: bool, pick: int) -> None:
        """Make an account, or try to have the name of another."""
        if not is_taken:
            self.newcomer()
            return
        name = str(self.user(pick).username) if not self.user(pick).is_deleted else "deleted-0123abcd"
        name = name.swapcase()
        response = self.world.request(None, "POST", "/v1/auth/signup", json={"username": name, "password": "x" * 20})
        assert (response.status_code, response.json()["code"]) == (409, "username_taken")

    @move(pick=PICK, is_right=YES)
    def log_in(self, *, pick: int, is_right: bool) -> None:
        """Log in once more."""
        user = self.user(pick)
        self.log_in_as(user, user.password if is_right else user.password.swapcase())

    @move(weight=2, pick=PICK, which=st.lists(st.sampled_from([0, 0, 0, 1, 2, 3]), min_size=1, max_size=4))
    def refresh(self, *, pick: int, which: list[int]) -> None:
        """Refresh some times: with the newest token (0), or one as many before it."""
        session = self.actor(pick)
        for back in which:
            self._refresh(session, session.refresh_tokens[-1 - min(back, len(session.refresh_tokens) - 1)])

    def _refresh(self, session: Session, spent: RefreshToken) -> None:
        world = self.world

        def expect() -> Json:
            made = world.people.refresh(session, spent)
            session.access_token = Fresh(SECRET)
            return _pair(session, made)

        pair = world.rest(None, "POST", "/v1/auth/refresh", expect, json={"refresh_token": spent.text.value})
        if pair is not None:
            world.server.keep_secret(pair["access_token"], pair["refresh_token"])

    @move(pick=PICK)
    def log_out(self, *, pick: int) -> None:
        """End a session."""
        session = self.actor(pick)
        self.world.rest(session, "POST", "/v1/auth/logout", lambda: self.world.people.end(session), status=204)

    @move(pick=PICK, other=PICK)
    def revoke(self, *, pick: int, other: int) -> None:
        """End a session by its id: an own one, or another's."""
        session = self.actor(pick)
        ended = self.world.state.sessions[other % len(self.world.state.sessions)]
        self.world.rest(
            session,
            "DELETE",
            f"/v1/auth/sessions/{ended.id.value}",
            lambda: self.world.people.revoke(session.user, ended),
            status=204,
        )

    @move(pick=PICK)
    def list_sessions(self, *, pick: int) -> None:
        """Look who is logged in as oneself."""
        session = self.actor(pick)
        if not session.is_usable:
            return
        found = self.world.request(session, "GET", "/v1/auth/sessions").json()["items"]
        live = {one.id.value: one is session for one in self.world.people.sessions(session.user)}
        assert {one["id"]: one["current"] for one in found} == live

    @move(pick=PICK, is_right=YES)
    def change_password(self, *, pick: int, is_right: bool) -> None:
        """Choose another password."""
        session, new = self.actor(pick), fresh_password()
        current = session.user.password if is_right else session.user.password + "x"
        self.world.server.keep_secret(new)
        self.world.rest(
            session,
            "POST",
            "/v1/auth/password",
            lambda: self.world.people.change_password(session, current, new),
            status=204,
            json={"current_password": current, "new_password": new},
        )

    @move(pick=PICK, name=st.sampled_from(["Ada", " Äda L. ", "\u202fÅ"]))
    def rename(self, *, pick: int, name: str) -> None:
        """Show oneself under another name."""
        session = self.actor(pick)
        self.world.rest(
            session,
            "PATCH",
            "/v1/users/me",
            lambda: self.world.people.rename(session.user, name.strip()),
            json={"display_name": name},
        )

    @move(pick=PICK, whom=PICK)
    def look(self, *, pick: int, whom: int) -> None:
        """Read users."""
        session, user = self.actor(pick), self.user(whom)
        world = self.world
        world.rest(session, "GET", "/v1/users/me", session.user.shown)
        world.rest(session, "GET", f"/v1/users/{user.id.value}", user.shown)
        name = user.username.value if isinstance(user.username, Fresh) else user.username.upper()
        world.rest(session, "GET", f"/v1/users?username={name}", lambda: {"items": world.people.find(name)})

    @move(pick=PICK, is_right=YES, is_sure=st.integers(0, 2))
    def delete_account(self, *, pick: int, is_right: bool, is_sure: int) -> None:
        """Go for good; not too often, as somebody has to be left."""
        session = self.actor(pick)
        password = session.user.password if is_right and is_sure == 0 else "not the password"
        self.world.rest(
            session,
            "DELETE",
            "/v1/users/me",
            lambda: self.world.people.delete(session.user, password),
            status=204,
            json={"password": password},
        )

    @move(pick=PICK, is_about_role=YES)
    def administer(self, *, pick: int, is_about_role: bool) -> None:
        """Suspend, and be refused, or let in again, promote or demote, on the command line."""
        user, world = self.user(pick), self.world
        if user.is_deleted or world.state.changes_left == 0:
            return
        world.state.changes_left -= 1
        if is_about_role:
            user.is_admin = not user.is_admin
            self.ground.administer(user, Administration.promote if user.is_admin else Administration.demote)
        elif user.is_suspended:
            user.is_suspended = False
            self.ground.administer(user, Administration.unsuspend)
        else:
            self.ground.administer(user, Administration.suspend)
            world.people.suspend(user)
            world.check_closed()
            self.log_in_as(user, user.password)


def _pair(session: Session, token: RefreshToken) -> Json:
    return {
        "access_token": session.access_token,
        "token_type": "bearer",
        "expires_in": 900,
        "refresh_token": token.text,
        "refresh_expires_in": 2_592_000,
    }
