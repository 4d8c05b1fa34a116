"""`chat config`: the settings as the server would have them, and where each comes from."""

import json
import re
from typing import Annotated, Final

import typer
from pydantic import SecretStr

from api.cli.listener import resolve, url_of
from api.cli.refusal import Refusal
from api.cli.terminal import plain
from config.settings import Settings, load_settings
from config.sources import variables

HIDDEN: Final = "(hidden)"
DEFAULT: Final = "default"
# What a URL can hold of a password: `user:password@`, and a parameter that says what it is.
_USER_INFO: Final = re.compile(r"(?<=://)([^/@\s:]*):\S*(?=@)")  # to the last @: a careless password may hold one
_PARAMETER: Final = re.compile(r"(?i)([?&;](?:password|passwd|pass|pwd|secret|token|key)=)[^&;\s]*")


def config(as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False) -> None:
    """Print every setting with its value and where it comes from; secrets and passwords are hidden."""
    settings = load_settings()
    values = effective(settings)
    places = {name.upper(): place for name, place in variables().items()}
    if as_json:
        report = {
            "settings": {name: {"value": value, "source": places.get(name, DEFAULT)} for name, value in values.items()},
            "derived": derived(settings),
        }
        typer.echo(json.dumps(report, indent=2))
        return
    rows = [(name, _written(value), places.get(name, DEFAULT)) for name, value in values.items()]
    rows += [(name, value, "derived") for name, value in derived(settings).items()]
    name_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, place in rows:
        typer.echo(f"{name:<{name_width}}  {plain(value):<{value_width}}  {place}".rstrip())


def effective(settings: Settings) -> dict[str, object]:
    """Give each variable its value in the types of JSON, without anything secret."""
    return {Settings.variable(field): _shown(getattr(settings, field)) for field in type(settings).model_fields}


def derived(settings: Settings) -> dict[str, str]:
    """Give what follows from the settings, written out."""
    from api.security.tokens import SECRET_FILE

    return {
        "data folder": str(settings.data_dir.absolute()),
        "database": str(settings.sqlite_path.absolute()),
        "secret": "CHAT_SECRET_KEYS" if settings.secret_keys else str((settings.data_dir / SECRET_FILE).absolute()),
        "address": _address(settings),
    }


def _address(settings: Settings) -> str:
    if settings.port == 0:
        return "a free port, told by node.started"
    try:
        _, address = resolve(settings.host, settings.port)
    except Refusal as refusal:
        return str(refusal)
    return url_of(address[0], settings.port)


def without_passwords(text: str) -> str:
    """Hide the passwords inside an URL."""
    return _PARAMETER.sub(rf"\1{HIDDEN}", _USER_INFO.sub(rf"\1:{HIDDEN}", text))


def _shown(value: object) -> object:
    match value:
        case SecretStr():
            return HIDDEN
        case bool() | int() | float():
            return value
        case tuple():
            return [_shown(item) for item in value]
        case _:
            return without_passwords(str(value))


def _written(value: object) -> str:
    """Write a value as it would stand in the environment."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case list():
            return ",".join(str(item) for item in value)
        case _:
            return str(value)
