"""Statements of a program as lines that can be taken out, so that what is left still parses and keeps its comments."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from thekla.core.program import MAIN, Program

__all__ = ["Statement", "source_of", "statements", "with_source", "without"]

_BLOCKS = ("body", "orelse", "finalbody")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement that has its lines for itself.

    Args:
        first, last: Its lines, from 1, decorators included.
        depth: 0 at the top level of the file.
        block: First lines of the statements of the block that it stands in.
        indent: Columns before it.
    """

    first: int
    last: int
    depth: int
    block: tuple[int, ...]
    indent: int
    text: str


def source_of(program: Program) -> str:
    """The text that is simplified: the entry file."""
    files = dict(program.files)
    return files.get(MAIN, program.files[0][1])


def with_source(program: Program, text: str) -> Program:
    """The program with another text in its entry file."""
    files = dict(program.files)
    entry = MAIN if MAIN in files else program.files[0][0]
    return Program(files=tuple(sorted({**files, entry: text}.items())), language=program.language)


def statements(text: str) -> tuple[Statement, ...]:
    """All statements that may be taken out, outer ones before inner ones; docstrings are none.

    Raises:
        SyntaxError: The text is no Python.
    """
    lines = text.splitlines()
    return tuple(_walk(ast.parse(text).body, 0, lines))


def without(text: str, removed: Collection[Statement]) -> str:
    """The text without some statements; a block that would be empty gets a `pass`."""
    lines = text.splitlines(keepends=True)
    gone = {line for each in removed for line in range(each.first, each.last + 1)}
    firsts = {each.first for each in removed}
    emptied = {each.block[0]: each.indent for each in removed if each.depth and firsts.issuperset(each.block)}
    kept: list[str] = []
    for place, line in enumerate(lines, start=1):
        if place in emptied and not _inside(place, removed):
            kept.append(" " * emptied[place] + "pass\n")
        if place not in gone:
            kept.append(line)
    return "".join(kept)


def _inside(line: int, removed: Collection[Statement]) -> bool:
    """Whether a line belongs to a statement that goes as a whole, from further outside than its own."""
    return any(each.first < line <= each.last for each in removed)


def _walk(body: Sequence[ast.stmt], depth: int, lines: Sequence[str]) -> Iterator[Statement]:
    block = tuple(_first(each) for each in body)
    for position, node in enumerate(body):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and position == 0
        if not docstring and _alone(node, lines):
            yield Statement(
                first=_first(node),
                last=node.end_lineno or node.lineno,
                depth=depth,
                block=block,
                indent=node.col_offset,
                text=lines[_first(node) - 1].strip(),
            )
        for name in _BLOCKS:
            inner = getattr(node, name, [])
            if inner and not _is_elif(name, inner, lines):
                yield from _walk(inner, depth + 1, lines)
        for handler in getattr(node, "handlers", []):
            yield from _walk(handler.body, depth + 1, lines)
        for case in getattr(node, "cases", []):
            yield from _walk(case.body, depth + 1, lines)


def _first(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(each.lineno for each in decorators)])


def _alone(node: ast.stmt, lines: Sequence[str]) -> bool:
    """Whether nothing else stands on the statement's lines but a comment."""
    last = node.end_lineno or node.lineno
    before = lines[node.lineno - 1].encode()[: node.col_offset]
    after = lines[last - 1].encode()[node.end_col_offset or 0 :].decode().strip()
    return not before.strip() and (not after or after.startswith("#"))


def _is_elif(name: str, inner: Sequence[ast.stmt], lines: Sequence[str]) -> bool:
    """Whether an `orelse` is an `elif`, which is no statement of its own; what is in it stays with the `if`."""
    return name == "orelse" and isinstance(inner[0], ast.If) and lines[inner[0].lineno - 1].lstrip().startswith("elif")
