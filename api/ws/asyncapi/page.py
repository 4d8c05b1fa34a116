"""`/docs/ws`: an AsyncAPI document as a page for those who write clients. It has no script, and needs no other site."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.protocol.frames import Json
from api.ws.asyncapi.fields import Schemas
from api.ws.asyncapi.markup import Markup, blocks, inline, join, json_block, tag

_IN_EVERY_FRAME: Final = frozenset({"type"})
_IN_EVERY_COMMAND: Final = frozenset({"type", "id"})
_SECTIONS: Final[Mapping[str, str]] = {
    "commands": "Commands",
    "answers": "Errors",
    "pushes": "Pushes",
    "events": "Events",
}


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    title: str
    content: Markup
    entries: Sequence[str] = ()


def render(document: Json) -> str:
    """Write the page; links in it are relative to `/docs/ws`."""
    return "<!DOCTYPE html>\n" + _Page(document).whole()


class _Page:
    def __init__(self, document: Json) -> None:
        self._document = document
        self._channel: Json = document["channels"]["socket"]
        self._messages: Json = document["components"]["messages"]
        self._operations: Json = document["operations"]
        self._schemas = Schemas(document["components"]["schemas"], self._messages.values())

    def whole(self) -> Markup:
        sections = [
            self._overview(),
            self._handshake(),
            *(self._of_tag(name, title) for name, title in _SECTIONS.items()),
            self._objects(),
            self._close_codes(),
            self._error_codes(),
            self._limits(),
        ]
        title = self._document["info"]["title"]
        return tag(
            "html",
            tag(
                "head",
                tag("meta", charset="utf-8"),
                tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
                tag("meta", name="color-scheme", content="light dark"),
                tag("title", title),
                tag("link", rel="icon", type="image/png", href="swagger/favicon-32x32.png"),
                tag("link", rel="stylesheet", href="ws/page.css"),
            ),
            tag(
                "body",
                tag("a", "Skip to the text", href="#main", class_="skip"),
                self._header(title),
                tag("nav", *(_contents(section) for section in sections), aria_label="Contents"),
                tag("main", *(_shown(section) for section in sections), id="main"),
            ),
            lang="en",
        )

    def _header(self, title: str) -> Markup:
        return tag(
            "header",
            tag("a", title, href="#overview", class_="title"),
            tag("span", f"version {self._document['info']['version']}", class_="version"),
            tag(
                "span",
                tag("a", "REST", href="../docs"),
                tag("a", "asyncapi.json", href="../asyncapi.json"),
                class_="links",
            ),
        )

    # --- sections

    def _overview(self) -> _Section:
        return _Section("overview", "Overview", blocks(self._document["info"]["description"]))

    def _handshake(self) -> _Section:
        ways = [
            tag("div", tag("dt", tag("code", _way(scheme))), tag("dd", blocks(scheme["description"])))
            for scheme in self._document["components"]["securitySchemes"].values()
        ]
        refusals = [
            (str(one["status"]), _code_link(one["code"]), inline(one["meaning"]), _again(is_wise=one["retryable"]))
            for one in self._channel["x-handshake-refusals"]
        ]
        return _Section(
            "handshake",
            "Handshake",
            join(
                [
                    blocks(self._channel["description"]),
                    tag("h3", "Credentials"),
                    tag("dl", *ways, class_="ways"),
                    tag("h3", "Refusals"),
                    _table(("Status", "Code", "Meaning", "Retryable"), refusals),
                ]
            ),
        )

    def _of_tag(self, name: str, title: str) -> _Section:
        operations = {
            key: operation
            for key, operation in self._operations.items()
            if name in {one["name"] for one in operation["tags"]}
        }
        (description,) = [one["description"] for one in self._document["info"]["tags"] if one["name"] == name]
        common = self._common_fields(operations) if name == "events" else _IN_EVERY_FRAME
        entries = [
            self._command(key, operation)
            if operation["action"] == "receive"
            else self._sent(key, operation, without=common)
            for key, operation in operations.items()
        ]
        intro = [blocks(description)]
        if common != _IN_EVERY_FRAME:
            first = self._messages[next(iter(operations))]["payload"]
            intro += [tag("h3", "Fields of every event"), self._schemas.fields(first, only=common - _IN_EVERY_FRAME)]
        return _Section(name, title, join([*intro, *entries]), tuple(operations))

    def _common_fields(self, names: Iterable[str]) -> frozenset[str]:
        payloads = (self._schemas.resolve(self._messages[name]["payload"]) for name in names)
        return frozenset.intersection(*(frozenset(payload["properties"]) for payload in payloads))

    def _command(self, name: str, operation: Json) -> Markup:
        asked, answered = self._messages[name], self._messages[f"{name}.ack"]
        result = self._schemas.resolve(answered["payload"])["properties"]["result"]
        return _entry(
            name,
            operation,
            told=[
                self._schemas.fields(asked["payload"], without=_IN_EVERY_COMMAND),
                tag("h4", "ack.result"),
                self._schemas.fields(result) or tag("p", "Nothing: an empty object.", class_="none"),
                tag("h4", "Errors"),
                _codes(operation["x-errors"]),
            ],
            shown=[
                _example("Client", asked["examples"][0]["payload"]),
                _example("Server", answered["examples"][0]["payload"]),
            ],
        )

    def _sent(self, name: str, operation: Json, *, without: frozenset[str]) -> Markup:
        message = self._messages[name]
        told = [self._schemas.fields(message["payload"], without=without)]
        if "x-errors" in operation:
            told += [tag("h4", "To a frame that is no command"), _codes(operation["x-errors"])]
        shown = [_example("Server", one["payload"]) for one in message["examples"]]
        return _entry(name, operation, told=told, shown=shown)

    def _objects(self) -> _Section:
        entries = []
        for name in self._schemas.shown:
            schema = self._schemas.by_name[name]
            entries.append(
                _entry(
                    name,
                    {"description": schema["description"]},
                    told=[self._schemas.fields(schema)],
                    shown=[_example("Object", one) for one in schema.get("examples", [])],
                )
            )
        return _Section("objects", "Objects", join(entries), tuple(self._schemas.shown))

    def _close_codes(self) -> _Section:
        rows = [
            (
                tag("code", str(one["code"])),
                tag("code", one["reason"]) if one["reason"] else Markup(),
                inline(one["meaning"]),
                inline(one["action"]),
            )
            for one in self._channel["x-close-codes"]
        ]
        return _Section(
            "close-codes",
            "Close codes",
            join([blocks(self._channel["x-close-rule"]), _table(("Code", "Reason", "Meaning", "Then"), rows)]),
        )

    def _error_codes(self) -> _Section:
        rows = [
            (
                tag("code", one["code"], id=f"code-{one['code']}"),
                "socket only" if one["status"] is None else str(one["status"]),
                inline(one["meaning"]),
                _again(is_wise=one["retryable"]),
            )
            for one in self._document["x-error-codes"]
        ]
        rule = "One closed list, the same over REST, which answers with the status, and on the socket."
        return _Section(
            "error-codes",
            "Error codes",
            join([tag("p", rule), _table(("Code", "Status", "Meaning", "Retryable"), rows)]),
        )

    def _limits(self) -> _Section:
        rows = [
            (tag("code", name), "none" if limit["value"] is None else f"{limit['value']:,}", inline(limit["meaning"]))
            for name, limit in self._channel["x-limits"].items()
        ]
        return _Section("limits", "Limits", _table(("Limit", "Here", "Meaning"), rows))


# --- parts of the page


def _contents(section: _Section) -> Markup:
    entries = [tag("li", tag("a", name, href=f"#{name}")) for name in section.entries]
    return join(
        [
            tag("a", section.title, href=f"#{section.name}"),
            tag("ul", *entries) if entries else Markup(),
        ]
    )


def _shown(section: _Section) -> Markup:
    return tag("section", tag("h2", section.title), section.content, id=section.name)


def _entry(name: str, texts: Json, *, told: Sequence[Markup], shown: Sequence[Markup]) -> Markup:
    summary = f"{texts['summary']}. " if "summary" in texts else ""
    words = blocks(summary + texts.get("description", ""))
    return tag(
        "article",
        tag("h3", tag("a", name, href=f"#{name}")),
        tag("div", words, *told, class_="told"),
        tag("div", *shown, class_="shown"),
        id=name,
    )


def _example(sender: str, payload: Json) -> Markup:
    return tag("figure", tag("figcaption", sender), json_block(payload))


def _way(scheme: Json) -> str:
    if scheme["type"] == "http":
        return "Authorization"
    return f"?{scheme['name']}=" if scheme["in"] == "query" else str(scheme["name"])


def _codes(codes: Sequence[str]) -> Markup:
    return tag("ul", *(tag("li", _code_link(code)) for code in codes), class_="codes")


def _code_link(code: str) -> Markup:
    return tag("a", tag("code", code), href=f"#code-{code}")


def _again(*, is_wise: bool) -> str:
    return "yes" if is_wise else "no"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Write a table whose cells say their column too: on a narrow screen each row stands as a block."""
    return tag(
        "table",
        tag("thead", tag("tr", *(tag("th", title, scope="col") for title in head))),
        tag(
            "tbody",
            *(
                tag("tr", *(tag("td", cell, data_column=title) for title, cell in zip(head, row, strict=True)))
                for row in rows
            ),
        ),
    )
