"""The tables (SQLAlchemy Core). Rows never leave `api.store`; ids are 16 bytes, times milliseconds since the epoch."""

import uuid
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.types import JSON, TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_bytes(value: str) -> bytes:
    """Pack an id (UUID text) into the 16 bytes that are stored."""
    return bytes.fromhex(value.replace("-", ""))


def id_text(value: bytes) -> str:
    """Unpack 16 stored bytes into the id's canonical text."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Id(TypeDecorator[str]):
    """An id: UUID text in the house, 16 bytes on disk (a quarter less to index than 36 characters)."""

    impl = LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - the hook's
        """Pack on the way in."""
        return None if value is None else id_bytes(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002 - the hook's
        """Unpack on the way out."""
        if value is None:
            return None
        return str(value) if isinstance(value, uuid.UUID) else id_text(value)


users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("username", String(32), nullable=False),
    # Stays when the account is deleted: the name is taken for ever.
    Column("username_key", String(32), nullable=False, unique=True),
    Column("display_name", String(64), nullable=False),
    Column("role", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("password_hash", Text, nullable=True),
    # Raised with every change of the user's memberships: how a node learns of a join into a room it does not follow.
    Column("rooms_version", Integer, nullable=False, server_default=text("0")),
    Column("created_at_ms", BigInteger, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, nullable=False, index=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("last_used_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("user_agent", String(256), nullable=False),
    Column("revoked_at_ms", BigInteger, nullable=True),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("session_id", Id, nullable=False, index=True),
    # The token that was spent for this one; its re-use is judged by what became of its successor.
    Column("parent_hash", LargeBinary(32), nullable=True, index=True),
    Column("state", String(8), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("ticket_hash", LargeBinary(32), primary_key=True),
    Column("session_id", Id, nullable=False),
    Column("token_expires_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False, index=True),
)

rooms = Table(
    "rooms",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(64), nullable=False),
    # Set for living public rooms only: their names are unique.
    Column("public_name_key", String(256), nullable=True, unique=True),
    Column("topic", String(256), nullable=False),
    Column("visibility", String(8), nullable=False),
    Column("epoch", String(32), nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("member_count", Integer, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("deleted_at_ms", BigInteger, nullable=True),
)

members = Table(
    "members",
    metadata,
    Column("room_id", Id, nullable=False),
    Column("user_id", Id, nullable=False, index=True),
    Column("role", String(16), nullable=False),
    Column("read_seq", BigInteger, nullable=False),
    Column("joined_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("room_id", "user_id"),
)

# Who left a public room by himself: nobody but himself may add him again.
departures = Table(
    "departures",
    metadata,
    Column("room_id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    PrimaryKeyConstraint("room_id", "user_id"),
)

bans = Table(
    "bans",
    metadata,
    Column("room_id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("actor_id", Id, nullable=False),
    Column("reason", String(256), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("room_id", "user_id"),
)

# A message is its `message.created` row; edits and deletions change that row and add their own, which points at it.
events = Table(
    "events",
    metadata,
    Column("room_id", Id, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("type", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor_id", Id, nullable=True),
    Column("subject_id", Id, nullable=True),
    Column("payload", JSON(none_as_null=True), nullable=True),
    Column("target_seq", BigInteger, nullable=True),
    Column("message_id", Id, nullable=True),
    Column("body", Text, nullable=True),
    Column("revision", BigInteger, nullable=True),
    Column("edited_at_ms", BigInteger, nullable=True),
    Column("deleted_at_ms", BigInteger, nullable=True),
    Column("idempotency_key", String(64), nullable=True),
    Column("body_hash", LargeBinary(16), nullable=True),
    PrimaryKeyConstraint("room_id", "seq"),
    Index("uq_events_message_id", "message_id", unique=True, sqlite_where=text("message_id IS NOT NULL")),
    Index(
        "uq_events_actor_id_idempotency_key",
        "actor_id",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
    ),
    # For the count of what is unread: with the author in it, one's own messages are passed over without their rows.
    Index(
        "ix_events_unread",
        "room_id",
        "seq",
        "actor_id",
        sqlite_where=text("message_id IS NOT NULL AND deleted_at_ms IS NULL"),
    ),
)
