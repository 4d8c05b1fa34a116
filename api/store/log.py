"""The rows of the rooms' logs: events, and the messages that live in them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from api.domain.events import Event, EventType
from api.domain.models import Message, Role, RoomInfo, UserRef, Visibility
from api.store.tables import events
from api.store.users import UserRows

_MESSAGE_TYPES = {EventType.MESSAGE_CREATED, EventType.MESSAGE_EDITED, EventType.MESSAGE_DELETED}


class LogRows:
    """The events and messages of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._users = UserRows(connection)

    def insert(  # noqa: PLR0917 - the columns of an event
        self,
        room_id: str,
        seq: int,
        event_type: EventType,
        at_ms: int,
        actor: UserRef | None,
        user: UserRef | None,
        payload: dict[str, Any] | None,
    ) -> None:
        """Add an event that is no message."""
        self._connection.execute(
            insert(events).values(
                room_id=room_id,
                seq=seq,
                type=event_type.value,
                at_ms=at_ms,
                actor_id=None if actor is None else actor.id,
                subject_id=None if user is None else user.id,
                payload=payload,
            )
        )

    def insert_change(self, message: Message, event_type: EventType, at_ms: int, actor: UserRef) -> None:
        """Add the event of an edit or a deletion at `message.revision`, and change the message itself."""
        self._connection.execute(
            insert(events).values(
                room_id=message.room_id,
                seq=message.revision,
                type=event_type.value,
                at_ms=at_ms,
                actor_id=actor.id,
                target_seq=message.seq,
            )
        )
        self._connection.execute(
            update(events)
            .where(events.c.room_id == message.room_id, events.c.seq == message.seq)
            .values(
                body=message.body,
                revision=message.revision,
                edited_at_ms=message.edited_at_ms,
                deleted_at_ms=message.deleted_at_ms,
            )
        )

    def message(self, message_id: str) -> Message | None:
        """Find a message, deleted ones included."""
        row = self._connection.execute(select(events).where(events.c.message_id == message_id)).mappings().first()
        return None if row is None else _message(row, self._users.refs([row["actor_id"]]))

    def messages(self, room_id: str, *, before_seq: int | None, after_seq: int | None, limit: int) -> list[Message]:
        """List messages: the nearest above `after_seq` upwards, or the nearest below `before_seq` downwards."""
        statement = select(events).where(events.c.room_id == room_id, events.c.message_id.is_not(None)).limit(limit)
        if after_seq is not None:
            statement = statement.where(events.c.seq > after_seq).order_by(events.c.seq)
        else:
            statement = statement.order_by(events.c.seq.desc())
            if before_seq is not None:
                statement = statement.where(events.c.seq < before_seq)
        rows = self._connection.execute(statement).mappings().all()
        refs = self._users.refs({row["actor_id"] for row in rows})
        return [_message(row, refs) for row in rows]

    def events(self, room_id: str, *, after_seq: int, limit: int) -> list[Event]:
        """List events in order, each with its message as it is now."""
        statement = (
            select(events)
            .where(events.c.room_id == room_id, events.c.seq > after_seq)
            .order_by(events.c.seq)
            .limit(limit)
        )
        rows = self._connection.execute(statement).mappings().all()
        targets = self._targets(room_id, [row["target_seq"] for row in rows if row["target_seq"] is not None])
        people = {row[column] for row in rows for column in ("actor_id", "subject_id")}
        authors = {target["actor_id"] for target in targets.values()}
        refs = self._users.refs((people | authors) - {None})
        return [_event(row, targets.get(row["target_seq"], row), refs) for row in rows]

    def _targets(self, room_id: str, seqs: Sequence[int]) -> dict[int, RowMapping]:
        if not seqs:
            return {}
        statement = select(events).where(events.c.room_id == room_id, events.c.seq.in_(seqs))
        return {row["seq"]: row for row in self._connection.execute(statement).mappings()}


def _message(row: RowMapping, refs: dict[str, UserRef]) -> Message:
    return Message(
        id=row["message_id"],
        room_id=row["room_id"],
        seq=row["seq"],
        revision=row["revision"],
        author=refs[row["actor_id"]],
        body=row["body"],
        idempotency_key=row["idempotency_key"],
        created_at_ms=row["at_ms"],
        edited_at_ms=row["edited_at_ms"],
        deleted_at_ms=row["deleted_at_ms"],
    )


def _event(row: RowMapping, target: RowMapping, refs: dict[str, UserRef]) -> Event:
    event_type = EventType(row["type"])
    payload: dict[str, Any] = row["payload"] or {}
    room = payload.get("room")
    role = payload.get("role")
    return Event(
        type=event_type,
        room_id=row["room_id"],
        seq=row["seq"],
        at_ms=row["at_ms"],
        actor=None if row["actor_id"] is None else refs[row["actor_id"]],
        room=None
        if room is None
        else RoomInfo(row["room_id"], room["name"], room["topic"], Visibility(room["visibility"])),
        user=None if row["subject_id"] is None else refs[row["subject_id"]],
        role=None if role is None else Role(role),
        message=_message(target, refs) if event_type in _MESSAGE_TYPES else None,
    )
