"""Noise: what is no command at all, and values of any type."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Final

_TEXTS: Final = (
    *("", " ", "{", "}", "[]", "null", "true", "7", '"ping"', "NaN", "-Infinity", "{}", "{]", "\x00", "\ufeff{}"),
    *(
        '{"type":"ping","id":"a"}{}',
        '{"type":"ping","id":"a",}',
        "{'type':'ping','id':'a'}",
        '{"type":"ping" "id":"a"}',
    ),
    *('{"type":"ping","id":"a","x":NaN}', '{"type":"ping","id":"a","x":1e999}', '{"type":"ping","id":01}'),
    *('{"type":"ping","id":"\\ud800"}', '{"type":"ping","id":"a","\\udfff":1}', '{"id":"a"}', '{"type":"ping"}'),
    *('["ping","a"]', '{"type":["ping"],"id":"a"}', '{"type":{"ping":1},"id":"a"}', "/*x*/{}", "undefined"),
    *("[" * 20_000, '{"a":' * 10_000, '{"type":"ping","id":"a","x":' + "[" * 20_000 + "]" * 20_000 + "}"),
    *('{"type":"ping","id":"a","x":' + "[" * 250 + "]" * 250 + "}", '{"type":"ping","id":"a","x":' + "9" * 5_000 + "}"),
)
_LETTERS: Final = '{}[]",:\\ \n\t0123456789.eE+-truefalsnulidypg\x00\x7f\x85\u2028\u202e\uffff\U0010ffff'


def noise(dice: Random, command: str) -> str | bytes:
    """Make something that is no command; `command` is a valid one, to be cut, doubled or sent as bytes."""
    kind = dice.randrange(8)
    if kind == 0:
        return dice.randbytes(dice.choice([0, 1, 10, 1000]))
    if kind == 1:
        return command.encode()
    if kind == 2:
        return command[: dice.randrange(len(command))]
    if kind == 3:
        return command + dice.choice([",", command, "]", "x", "\x00"])
    if kind == 4:
        return "".join(dice.choices(_LETTERS, k=dice.choice([1, 5, 50, 500])))
    if kind == 5:
        return json.dumps(unlike(dice, {"object"}))
    if kind == 6:
        # Of a type that no command has.
        return json.dumps({"id": unlike(dice, set()), "type": f"x{dice.random()}", "y": unlike(dice, set())})
    return dice.choice(_TEXTS)


def unlike(dice: Random, types: set[str]) -> object:
    """Make a JSON value of none of these types (in the words of JSON schema)."""
    makers: dict[str, Callable[[], object]] = {
        "null": lambda: None,
        "boolean": lambda: dice.random() < 0.5,
        "integer": lambda: dice.choice([0, -1, 1, 2**53, 2**70, 10**40]),
        "number": lambda: dice.choice([0.5, -1.5, 1e300, 5e-324]),
        "string": lambda: dice.choice(["", "x", "1", "true", "x" * 5_000, "\x00", "\u202e"]),
        "array": lambda: [unlike(dice, {"array", "object"}) for _ in range(dice.choice([0, 1, 3, 100]))],
        "object": lambda: {str(number): unlike(dice, {"array", "object"}) for number in range(dice.choice([0, 1, 3]))},
    }
    return makers[dice.choice(sorted(makers.keys() - types))]()
