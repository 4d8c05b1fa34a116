"""Messages into the log on SQLite: hand-written SQL through the driver, a whole batch at a time.

The caller holds the write transaction (`BEGIN IMMEDIATE`), which on SQLite is the lock of every room. `seq` comes out
of `rooms.last_seq` and goes back there in the same transaction, so a room's log has no gap and a rolled-back batch
leaves none (ADR 2).
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.domain.errors import ChatError, ErrorCode, forbidden, not_found
from api.domain.events import EventType
from api.domain.models import Message, UserRef, Visibility
from api.store.base import Append
from api.store.tables import id_bytes, id_text

_MESSAGE_COLUMNS = (
    "m.message_id, m.room_id, m.seq, m.revision, m.body, m.idempotency_key, m.at_ms, m.edited_at_ms, m.deleted_at_ms,"
    " m.body_hash, u.id, u.username, u.display_name"
)
_INSERT = (
    "INSERT INTO events (type, room_id, seq, at_ms, actor_id, message_id, body, revision, idempotency_key, body_hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(slots=True)
class _RoomState:
    last_seq: int
    is_public: bool


def append_messages(db: sqlite3.Connection, batch: Sequence[Append], now_ms: int) -> None:
    """Append a batch in its order, and fill in `message`, `duplicate` or `error` of each.

    A known idempotency key is looked at before membership: its sender learns what became of the first command.

    Raises:
        sqlite3.Error: nothing of the batch may be kept; the caller rolls back.
    """
    rooms = _rooms(db, {append.room_id for append in batch})
    authors = _authors(db, {(append.room_id, append.author.id) for append in batch})
    rows: list[tuple[str, bytes, int, int, bytes, bytes, str, int, str | None, bytes]] = []
    fresh: dict[tuple[str, str], tuple[Message, bytes]] = {}
    for append in batch:
        author_id, key = append.author.id, append.idempotency_key
        if key is not None:
            first = fresh.get((author_id, key)) or _first(db, author_id, key)
            if first is not None:
                _answer_known(append, *first)
                continue
        room = rooms.get(append.room_id)
        author = authors.get((append.room_id, author_id))
        if author is None and room is not None and room.is_public and append.author.is_admin:
            author = append.author.ref
        if room is None or author is None:
            append.error = _refusal(db, append, room)
            continue
        room.last_seq += 1
        digest = body_hash(append.message_id, append.body)
        append.message = Message(
            append.message_id,
            append.room_id,
            room.last_seq,
            room.last_seq,
            author,
            append.body,
            key,
            now_ms,
            None,
            None,
        )
        if key is not None:
            fresh[author_id, key] = (append.message, digest)
        rows.append(
            (
                EventType.MESSAGE_CREATED.value,
                id_bytes(append.room_id),
                room.last_seq,
                now_ms,
                id_bytes(author_id),
                id_bytes(append.message_id),
                append.body,
                room.last_seq,
                key,
                digest,
            )
        )
    if rows:
        db.executemany(_INSERT, rows)
        heads = {row[1]: row[2] for row in rows}
        db.executemany("UPDATE rooms SET last_seq = ? WHERE id = ?", [(seq, room_id) for room_id, seq in heads.items()])


def body_hash(message_id: str, body: str) -> bytes:
    """Hash a body as first sent, salted by its message: it tells a repeat from a conflict, and no deleted text."""
    return hashlib.blake2b(body.encode(), digest_size=16, key=id_bytes(message_id)).digest()


def _rooms(db: sqlite3.Connection, room_ids: Iterable[str]) -> dict[str, _RoomState]:
    ids = [id_bytes(room_id) for room_id in room_ids]
    marks = ",".join("?" * len(ids))
    query = f"SELECT id, last_seq, visibility FROM rooms WHERE deleted_at_ms IS NULL AND id IN ({marks})"  # noqa: S608
    return {
        id_text(room_id): _RoomState(last_seq, visibility == Visibility.PUBLIC.value)
        for room_id, last_seq, visibility in db.execute(query, ids)
    }


def _authors(db: sqlite3.Connection, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], UserRef]:
    ids = [(id_bytes(room_id), id_bytes(user_id)) for room_id, user_id in places]
    marks = ",".join(["(?,?)"] * len(ids))
    query = (
        "SELECT m.room_id, u.id, u.username, u.display_name FROM members m JOIN users u ON u.id = m.user_id"  # noqa: S608
        f" WHERE (m.room_id, m.user_id) IN (VALUES {marks})"
    )
    flat = [part for pair in ids for part in pair]
    authors: dict[tuple[str, str], UserRef] = {}
    for room_id, user_id, username, display_name in db.execute(query, flat):
        ref = UserRef(id_text(user_id), username, display_name)
        authors[id_text(room_id), ref.id] = ref
    return authors


def _first(db: sqlite3.Connection, author_id: str, key: str) -> tuple[Message, bytes] | None:
    row = db.execute(
        f"SELECT {_MESSAGE_COLUMNS} FROM events m JOIN users u ON u.id = m.actor_id"  # noqa: S608 - own constants
        " WHERE m.actor_id = ? AND m.idempotency_key = ?",
        (id_bytes(author_id), key),
    ).fetchone()
    if row is None:
        return None
    message = Message(
        id=id_text(row[0]),
        room_id=id_text(row[1]),
        seq=row[2],
        revision=row[3],
        author=UserRef(id_text(row[10]), row[11], row[12]),
        body=row[4],
        idempotency_key=row[5],
        created_at_ms=row[6],
        edited_at_ms=row[7],
        deleted_at_ms=row[8],
    )
    return message, row[9]


def _answer_known(append: Append, first: Message, first_hash: bytes) -> None:
    if first.room_id == append.room_id and body_hash(first.id, append.body) == first_hash:
        append.message = first
        append.duplicate = True
    else:
        append.error = ChatError(ErrorCode.IDEMPOTENCY_CONFLICT, "This idempotency key was used for another message.")


def _refusal(db: sqlite3.Connection, append: Append, room: _RoomState | None) -> ChatError:
    if room is None or not room.is_public:
        return not_found("room")
    banned = db.execute(
        "SELECT 1 FROM bans WHERE room_id = ? AND user_id = ?", (id_bytes(append.room_id), id_bytes(append.author.id))
    ).fetchone()
    if banned:
        return ChatError(ErrorCode.BANNED, "You are banned from this room.")
    return forbidden("You are not a member of this room.")
