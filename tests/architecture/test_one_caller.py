"""Libraries that are easily misused have one caller each, which knows how."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.tree import parsed_modules


def _imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            yield node.module


@pytest.mark.parametrize(
    ("library", "callers"),
    [
        ("jose", {"api/security/tokens.py"}),
        ("passlib", {"api/security/passwords.py"}),
        ("zxcvbn", {"api/security/passwords.py"}),
        ("slowapi", {"api/middleware/rate_limit.py", "api/app.py"}),
    ],
)
def test_a_library_is_used_by_its_one_caller(library: str, callers: set[str]) -> None:
    found = {
        path for path, module in parsed_modules() if any(name.split(".")[0] == library for name in _imported(module))
    }
    assert found == callers


def test_tokens_are_verified_in_one_place_with_one_algorithm() -> None:
    """Without `algorithms`, or with a plain text there, python-jose believes what the token says of itself."""
    (tokens,) = (module for path, module in parsed_modules() if path == "api/security/tokens.py")
    calls = [
        node
        for node in ast.walk(tokens)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"decode", "verify"}
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"jwt", "jws", "jwe"}
    ]
    (decode,) = calls
    (algorithms,) = (keyword.value for keyword in decode.keywords if keyword.arg == "algorithms")
    assert isinstance(algorithms, ast.List)
    assert len(algorithms.elts) == 1


def test_nobody_reads_the_url_that_is_put_together_from_the_host_header() -> None:
    """PYSEC-2026-161: the Host that a client sends can move what `request.url` takes for the path."""
    readers = [
        f"{path}:{node.lineno}"
        for path, module in parsed_modules()
        if path.startswith("api/")
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and node.attr in {"url", "base_url", "url_for"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"request", "connection", "websocket", "_websocket", "scope"}
    ]
    assert readers == []
