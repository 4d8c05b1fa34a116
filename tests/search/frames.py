"""Frames for the fuzz: made from the commands' own schemas, valid or with one fault, and noise.

A new command is covered by itself: its fields come from its JSON schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from api.ws.commands import COMMANDS
from tests.search.noise import noise, unlike
from tests.support.server import CANARY

Json = dict[str, Any]

INVALID: Final = frozenset({"invalid_frame", "unknown_type", "validation_error"})
SCHEMAS: Final[dict[str, Json]] = {
    schema["properties"]["type"]["const"]: schema for schema in (command.model_json_schema() for command in COMMANDS)
}
FRAME_BYTES: Final = 64 * 1024
_LETTERS: Final = "abcXYZ019 -_.,äß漢🙂\u0301\u200d"
_ODD_TEXTS: Final = (" ", "a b", "\u00e9", "a\x00b", "\x1b[2J", "\x7f", "\x85x", "\u202edlrow", "\u2066x")
_KEY_LETTERS: Final = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class Frame:
    """One message to the server; `codes` are what it may be refused with, None: anything that a command may."""

    data: str | bytes
    codes: frozenset[str] | None


@dataclass
class Places:
    """What there is to name: rooms and messages that exist, tokens that were good."""

    rooms: list[str]
    epoch: str
    messages: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)


class FrameMaker:
    """Makes frames, the same ones for the same dice."""

    def __init__(self, dice: Random, places: Places) -> None:
        """Roll these dice."""
        self._dice = dice
        self._places = places
        self._ids: set[str] = set()
        self._faults: list[Callable[[Json, Json], frozenset[str] | None]] = [
            self._missing,
            self._unknown_field,
            self._wrong_type,
            self._out_of_range,
        ]

    def frame(self) -> Frame:
        """Make one frame of any kind."""
        kind = self._dice.random()
        if kind < 0.3:
            return Frame(self._write(self.command()), None)
        return self.invalid()

    def invalid(self) -> Frame:
        """Make one frame that is no command, and is not too large for the wire."""
        while True:
            made = self.faulty() if self._dice.random() < 0.6 else self.noisy()
            if len(made.data if isinstance(made.data, bytes) else made.data.encode()) <= FRAME_BYTES:
                return made

    def noisy(self) -> Frame:
        """Make one that has nothing to do with a command, or is a part of one."""
        return Frame(noise(self._dice, self._write(self.command())), INVALID)

    def faulty(self) -> Frame:
        """Make a valid command, and break one thing in it."""
        command = self.command()
        schema = SCHEMAS[command["type"]]
        if self._dice.random() < 0.1:
            name = self._dice.choice(sorted(command))
            again = json.dumps({name: command[name]})
            return Frame(f"{again[:-1]}, {self._write(command)[1:]}", frozenset({"validation_error"}))
        while True:
            codes = self._dice.choice(self._faults)(command, schema)
            if codes is not None:
                return Frame(self._write(command), codes)

    def command(self) -> Json:
        """Make a valid command; whether it can be carried out is another question."""
        schema = SCHEMAS[self._dice.choice(sorted(SCHEMAS))]
        required = set(schema["required"])
        return {
            name: self._value(name, rule)
            for name, rule in schema["properties"].items()
            if name in required or self._dice.random() < 0.5
        }

    # --- fields

    def _value(self, name: str, rule: Json) -> object:
        dice, places = self._dice, self._places
        if "const" in rule:
            return rule["const"]
        if name == "id":
            return self._new_id(rule)
        if "anyOf" in rule:
            return self._value(name, dice.choice(rule["anyOf"]))
        match rule["type"]:
            case "null":
                return None
            case "boolean":
                return dice.random() < 0.5
            case "integer":
                low, high = rule["minimum"], rule["maximum"]
                return dice.choice([low, high, *(min(high, low + dice.randrange(50)) for _ in range(6))])
            case _:
                known = {"room_id": places.rooms, "message_id": places.messages, "access_token": places.tokens}
                if known.get(name) and dice.random() < 0.8:
                    found = dice.choice(known[name])
                    return found.upper() if rule.get("format") == "uuid" and dice.random() < 0.1 else found
                return places.epoch if name == "epoch" and dice.random() < 0.8 else self._text(rule)

    def _new_id(self, rule: Json) -> str:
        text = self._text(rule)
        while text in self._ids:
            text = f"{self._dice.getrandbits(64):x}"
        self._ids.add(text)
        return text

    def _text(self, rule: Json) -> str:
        dice = self._dice
        if rule.get("format") == "uuid":
            number = f"{dice.getrandbits(128):032x}"
            return "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
        low, high = rule.get("minLength", 0), rule.get("maxLength", 2000)
        size = dice.choice([low, high, *(min(high, low + dice.randrange(40)) for _ in range(6))])
        text = "".join(dice.choices(_LETTERS, k=size))
        text = f"{CANARY}{text}"[:size] if dice.random() < 0.5 else text
        # Blanks at the ends are trimmed, and do not count.
        text = f"x{text[1:-1]}x" if size > 1 else "x" * size
        if not re.search(rule.get("pattern", ""), text):
            text = "".join(dice.choices(_KEY_LETTERS, k=size))
            assert re.search(rule["pattern"], text), f"no text of this fuzz fits {rule}"
        return text

    # --- faults: each breaks one thing and tells the codes that are due; None: there is nothing to break

    def _missing(self, command: Json, schema: Json) -> frozenset[str] | None:
        del command[self._dice.choice(schema["required"])]
        return frozenset({"validation_error"})

    def _unknown_field(self, command: Json, schema: Json) -> frozenset[str] | None:
        names = ["x", "Type", "ID", "", "__proto__", "role", "seq ", "\x00", "x" * 300, "author_id", "\u202e"]
        for _ in range(self._dice.choice([1, 1, 1, 3, 30, 100])):
            name = self._dice.choice(names) + self._dice.choice(["", str(self._dice.random())])
            if name not in schema["properties"]:
                command[name] = unlike(self._dice, set())
        return frozenset({"validation_error"}) if command.keys() - schema["properties"].keys() else None

    def _wrong_type(self, command: Json, schema: Json) -> frozenset[str] | None:
        name = self._dice.choice(sorted(command))
        rule = schema["properties"][name]
        command[name] = unlike(self._dice, {one.get("type", "string") for one in rule.get("anyOf", [rule])})
        return frozenset({"validation_error"})

    def _out_of_range(self, command: Json, schema: Json) -> frozenset[str] | None:
        dice = self._dice
        name = dice.choice(sorted(command))
        rule = schema["properties"][name]
        rule = rule["anyOf"][0] if "anyOf" in rule else rule
        if name == "type":
            command[name] = dice.choice(["", "x", "PING", "ping ", "message.created", "ack", "\x00", "x" * 9_000])
            return frozenset({"unknown_type"})
        bad: list[object] = []
        if rule["type"] == "integer":
            bad += [rule["minimum"] - 1, rule["maximum"] + 1, -(2**63) - 1, 2**64, 10**400, 0.5, 1e300]
        elif rule["type"] == "string":
            bad += [""] if rule.get("minLength") else []
            bad += ["x" * (rule["maxLength"] + 1), "x" * 30_000] if "maxLength" in rule else []
            bad += ["not-a-uuid", "0" * 32, "{%s}" % ("0" * 36)] if rule.get("format") == "uuid" else []
            bad += [text for text in _ODD_TEXTS if not re.search(rule.get("pattern", ""), text)]
            bad += ["\ud800", "x\udfffx"]
        if not bad:
            return None
        command[name] = dice.choice(bad)
        return frozenset({"validation_error"})

    def _write(self, command: Json) -> str:
        names = list(command)
        self._dice.shuffle(names)
        shuffled = {name: command[name] for name in names}
        blanks = self._dice.choice([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])
        has_surrogate = "\\ud" in json.dumps(shuffled)
        is_ascii = has_surrogate or self._dice.random() < 0.5
        return json.dumps(shuffled, ensure_ascii=is_ascii, separators=blanks)


def id_of(data: str | bytes) -> str | None:
    """Give the id that an answer has to echo: the frame's, if it has a valid one."""
    if isinstance(data, bytes):
        return None

    def refuse(_constant: str) -> None:
        raise ValueError

    def once(pairs: list[tuple[str, object]]) -> Json:
        # A frame with two ids has none that an answer could echo.
        is_twice = sum(name == "id" for name, _ in pairs) > 1
        return {name: value for name, value in pairs if not is_twice or name != "id"}

    try:
        frame = json.loads(data, parse_constant=refuse, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    found = frame.get("id") if isinstance(frame, dict) else None
    if not isinstance(found, str) or not 1 <= len(found) <= 64:
        return None
    return None if any("\ud800" <= character <= "\udfff" for character in found) else found
