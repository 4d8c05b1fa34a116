"""What people do to each other's place in a room, and what it left behind."""

from __future__ import annotations

from api.domain.models import Role
from tests.unit.services.town import Town


async def put(town: Town, actor: str, name: str, role: Role | None = None, *, room: str = "public") -> str:
    """Join, add or re-role."""
    return await town.outcome(town.members.put(town[actor], town.room(room), town[name].id, role))


async def remove(town: Town, actor: str, name: str, *, room: str = "public") -> str:
    """Leave or remove."""
    return await town.outcome(town.members.remove(town[actor], town.room(room), town[name].id))


async def ban(town: Town, actor: str, name: str, *, room: str = "public") -> str:
    """Ban."""
    return await town.outcome(town.members.ban(town[actor], town.room(room), town[name].id, reason="noise"))


async def role(town: Town, name: str, *, room: str = "public") -> str:
    """Give somebody's role, `-` for none."""
    found = await town.scene.store.read(lambda rows: rows.members.find(town.room(room), town[name].id))
    return "-" if found is None else found.role.value


async def made(town: Town, seq: int, *, room: str = "public") -> list[tuple[str, str | None, str | None]]:
    """List the events above a place: type, actor, whom it concerns."""
    events = await town.scene.log(town.room(room), after_seq=seq)
    return [
        (event.type.value, event.actor.username if event.actor else None, event.user.username if event.user else None)
        for event in events
    ]
