"""Small faults, one at a time, in the syntax tree of a module."""

from __future__ import annotations

import ast
import re
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Final

_NEIGHBOURS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPPOSITES: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
# Read by type checkers only, or before there is anything to test.
_SKIPPED_FIELDS: Final = frozenset({"annotation", "returns", "decorator_list", "bases", "target", "targets"})
_SKIPPED_CALLS: Final = frozenset({"TypeVar", "cast"})
# Told to a person: no program goes by the words.
_SENTENCE: Final = re.compile(r"[A-Z].* .*\.")
# A constant alone says little, so that what it stands in is shown.
_AROUND: Final = (ast.expr, ast.keyword, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)
_SHOWN: Final = 40
"""Characters of a label around the change."""


@dataclass(frozen=True)
class _Place:
    """Where a node stands in the tree."""

    parent: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


@dataclass(frozen=True)
class Mutant:
    """A module with one fault. The label says in which function, what stands there, and what then does."""

    label: str
    line: int
    _tree: ast.Module
    _place: _Place
    _old: ast.AST
    _new: ast.AST

    def compile(self, file: str) -> types.CodeType:
        """Compile the module with the fault; the tree is left as it was."""
        self._place.put(self._new)
        try:
            return compile(ast.fix_missing_locations(self._tree), file, "exec", dont_inherit=True)
        finally:
            self._place.put(self._old)


def mutants_of(source: str) -> list[Mutant]:
    """Make all mutants of a module."""
    tree = ast.parse(source)
    mutants: list[Mutant] = []
    labels: Counter[str] = Counter()
    for scope, place, old in _places(tree, ""):
        shows_parent = isinstance(old, ast.Constant) and isinstance(place.parent, _AROUND)
        before = ast.unparse(place.parent if shows_parent else old)
        for new in (*_faults_of_place(place), *_faults_of(old)):
            place.put(ast.copy_location(new, old))
            after = ast.unparse(place.parent if shows_parent else new)
            place.put(old)
            label = f"{scope or 'module'}: {_change(before, after)}"
            labels[label] += 1
            if labels[label] > 1:
                label += f" #{labels[label]}"
            mutants.append(Mutant(label, getattr(old, "lineno", 0), tree, place, old, new))
    return mutants


def _places(node: ast.AST, scope: str) -> Iterator[tuple[str, _Place, ast.AST]]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        scope = f"{scope}.{node.name}".lstrip(".")
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children if field not in _SKIPPED_FIELDS else []):
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield scope, _Place(node, field, index if isinstance(value, list) else None), child
                yield from _places(child, scope)


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.Call(func=ast.Name(id=name)):
            return name in _SKIPPED_CALLS
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            # __slots__, or a type by another name
            return name == "__slots__" or isinstance(value, ast.Subscript) or _is_left_alone(value)
    return False


def _faults_of_place(place: _Place) -> Iterator[ast.AST]:
    match place.parent, place.field:
        case (ast.If() | ast.IfExp(), "test") | (ast.comprehension(), "ifs"):
            yield from (ast.Constant(value=True), ast.Constant(value=False))
        case ast.While(), "test":
            yield ast.Constant(value=False)
        case ast.For() | ast.comprehension(), "iter":
            yield ast.Tuple([], ast.Load())


@singledispatch
def _faults_of(_node: ast.AST) -> Iterator[ast.AST]:
    yield from ()


@_faults_of.register
def _(_node: ast.Expr | ast.Raise | ast.Delete | ast.Break) -> Iterator[ast.AST]:
    yield ast.Pass()


@_faults_of.register
def _(_node: ast.Continue) -> Iterator[ast.AST]:
    yield from (ast.Break(), ast.Pass())


@_faults_of.register
def _(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is not None and ast.unparse(node.value) != "None":
        yield ast.Return(ast.Constant(None))


@_faults_of.register
def _(node: ast.Assign) -> Iterator[ast.AST]:
    if not isinstance(node.targets[0], ast.Name):
        yield ast.Pass()
    elif ast.unparse(node.value) != "None":
        yield ast.Assign(node.targets, ast.Constant(None))  # a name without a value is noticed too easily


@_faults_of.register
def _(node: ast.AnnAssign) -> Iterator[ast.AST]:
    if node.value is not None:
        yield ast.Assign([node.target], ast.Constant(None)) if isinstance(node.target, ast.Name) else ast.Pass()


@_faults_of.register
def _(node: ast.AugAssign) -> Iterator[ast.AST]:
    yield from (ast.Pass(), ast.Assign([node.target], node.value))
    if type(node.op) in _OPPOSITES:
        yield ast.AugAssign(node.target, _OPPOSITES[type(node.op)](), node.value)


@_faults_of.register
def _(node: ast.With) -> Iterator[ast.AST]:
    if all(item.optional_vars is None for item in node.items):
        yield ast.If(ast.Constant(value=True), node.body, [])


@_faults_of.register
def _(node: ast.Compare) -> Iterator[ast.AST]:
    for index, op in enumerate(node.ops):
        for other in _NEIGHBOURS[type(op)]:
            yield ast.Compare(node.left, [*node.ops[:index], other(), *node.ops[index + 1 :]], node.comparators)


@_faults_of.register
def _(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for index in range(len(node.values)):
        rest = [*node.values[:index], *node.values[index + 1 :]]
        yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


@_faults_of.register
def _(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


@_faults_of.register
def _(node: ast.BinOp) -> Iterator[ast.AST]:
    if type(node.op) in _OPPOSITES:
        yield ast.BinOp(node.left, _OPPOSITES[type(node.op)](), node.right)


@_faults_of.register
def _(node: ast.Call) -> Iterator[ast.AST]:
    for index, arg in enumerate(node.args):
        if not isinstance(arg, ast.Starred) and ast.unparse(arg) != "None":
            yield ast.Call(node.func, [*node.args[:index], ast.Constant(None), *node.args[index + 1 :]], node.keywords)
    for index in range(len(node.keywords)):
        yield ast.Call(node.func, node.args, [*node.keywords[:index], *node.keywords[index + 1 :]])


@_faults_of.register
def _(node: ast.Lambda) -> Iterator[ast.AST]:
    yield ast.Lambda(node.args, ast.Constant(None))


@_faults_of.register
def _(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool() as value:
            yield ast.Constant(value=not value)
        case int() | float() as value:
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case str() as value if not _SENTENCE.fullmatch(value):
            yield ast.Constant("XX" + value)
        case bytes() as value:
            yield ast.Constant(b"XX" + value)


def _change(before: str, after: str) -> str:
    # What both have in common is cut down to what shows the place.
    start = _common(before, after)
    end = min(_common(before[::-1], after[::-1]), min(len(before), len(after)) - start)
    first = max(0, start - _SHOWN)
    texts = (text[first : len(text) - max(0, end - _SHOWN)] for text in (before, after))
    return " -> ".join(" ".join(text.split()) for text in texts)


def _common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
