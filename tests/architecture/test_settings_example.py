""".env.example is the list of all settings, with their defaults and what they are for."""

import textwrap

from config.settings import Settings
from tests.architecture.tree import REPOSITORY

EXAMPLE = (REPOSITORY / ".env.example").read_text(encoding="utf-8")


def shown(default: object) -> str:
    match default:
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
        case ():
            return ""
        case _:
            return str(default)


def test_every_setting_is_there_with_its_default_and_description() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description is not None
        comment = textwrap.wrap(
            field.description, 116, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
        )
        assert "\n".join(["", *comment, f"{Settings.variable(name)}={shown(field.default)}\n"]) in EXAMPLE, name


def test_nothing_else_is_there_and_the_order_is_the_same() -> None:
    named = [line.partition("=")[0] for line in EXAMPLE.splitlines() if line and not line.startswith("#")]
    assert named == [Settings.variable(name) for name in Settings.model_fields]


def test_the_example_itself_can_be_used() -> None:
    assert Settings.load(REPOSITORY / ".env.example") == Settings.load(None)
