"""`chat doctor`: look at everything that a server needs, say what is wrong and what to do; nothing is changed."""

import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final

import typer

from api import __version__
from api.cli.checks.finding import Finding, Findings, Level, fault
from api.cli.terminal import plain
from config.logging import configure_logging
from config.settings import Settings, SettingsError, load_settings

BAD_SETTINGS: Final = 2
Check = Callable[[Settings], Findings]

_COLOURS: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.FAULT: "red", Level.SKIPPED: "bright_black"}
_LEVEL_WIDTH: Final = 8
_NARROWEST: Final = 60
_INDENT: Final = "  "


def doctor(
    url: Annotated[
        str | None, typer.Option(help="The public address, such as https://chat.example.com; it is asked as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for machines.")] = False,
) -> None:
    """Look at settings, secrets, data folder, database, clock, limits and address, beside a running server or not.

    Changes nothing. The exit code is 1 if anything is at fault, 2 if the settings cannot be read.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        for line in error.faults:
            sys.stderr.write(f"chat: {line}\n")
        raise typer.Exit(BAD_SETTINGS) from None
    configure_logging("error", "json", stream=sys.stderr)
    findings = examine(settings, checks(url))
    counts = _print_json(findings) if as_json else _print_table(findings)
    raise typer.Exit(1 if counts[Level.FAULT] else 0)


def checks(url: str | None) -> list[tuple[str, Check]]:
    """List the checks by their area, in the order in which they are told."""
    from api.cli.checks.address import check_address
    from api.cli.checks.data_folder import check_data_folder
    from api.cli.checks.database import check_database
    from api.cli.checks.keys import check_keys
    from api.cli.checks.machine import check_machine
    from api.cli.checks.passwords import check_passwords
    from api.cli.checks.port import check_port
    from api.cli.checks.proxy import check_proxy
    from api.cli.checks.settings import check_settings

    found: list[tuple[str, Check]] = [
        ("settings", check_settings),
        ("secrets", check_keys),
        ("passwords", check_passwords),
        ("data_folder", check_data_folder),
        ("database", check_database),
        ("machine", check_machine),
        ("port", check_port),
        ("proxy", check_proxy),
    ]
    if url is not None:
        found.append(("address", lambda _settings: check_address(url)))
    return found


def examine(settings: Settings, checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """Run the checks; one that breaks is a fault by itself, and the others are still run."""
    for area, check in checks:
        try:
            yield from check(settings)
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator came for the other findings too
            first_line = (str(error).splitlines() or [""])[0]
            yield fault(
                f"{area}.check",
                f"could not be looked at ({type(error).__name__}: {first_line})",
                "If this user may read what it names, report it.",
            )


def _print_json(findings: Iterable[Finding]) -> Counter[Level]:
    told = list(findings)
    counts = Counter(finding.level for finding in told)
    report = {
        "version": __version__,
        "counts": {level.value: counts[level] for level in Level},
        "findings": [
            {"check": one.check, "level": one.level.value, "found": one.found, "action": one.action} for one in told
        ],
    }
    typer.echo(json.dumps(report, indent=2))
    return counts


def _print_table(findings: Iterable[Finding]) -> Counter[Level]:
    # A line of a pipe is not wrapped: it is searched, not read.
    width = max(_NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 0
    counts: Counter[Level] = Counter()
    area = ""
    for finding in findings:
        begin, _, name = finding.check.partition(".")
        if begin != area:
            typer.echo(("\n" if area else "") + begin)
            area = begin
        counts[finding.level] += 1
        level = typer.style(f"{finding.level.value:<{_LEVEL_WIDTH}}", fg=_COLOURS[finding.level])
        for number, line in enumerate(_wrapped(f"{name}: {finding.found}", width)):
            typer.echo(f"{_INDENT}{level if not number else ' ' * _LEVEL_WIDTH} {line}")
        for line in _wrapped(f"→ {finding.action}", width) if finding.action else ():
            typer.echo(f"{_INDENT}{' ' * _LEVEL_WIDTH} {line}")
    typer.echo("\n" + ", ".join(f"{counts[level]} {level.value}" for level in Level))
    return counts


def _wrapped(text: str, width: int) -> list[str]:
    text = plain(text)
    room = width - len(_INDENT) - _LEVEL_WIDTH - 1
    if not width:
        return [text]
    return textwrap.wrap(text, room, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
