"""Addresses in a syntax tree, and replacement at an address without a visit of the whole tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias, cast

import libcst as cst

__all__ = [
    "Path",
    "body_at",
    "code_of",
    "is_atom",
    "line_of",
    "names_in",
    "node_at",
    "parse_expression",
    "parse_statements",
    "replace_at",
    "replace_body",
    "replace_expression",
]

Path: TypeAlias = "tuple[str | int, ...]"
Statement: TypeAlias = cst.BaseStatement | cst.BaseSmallStatement

_PRINTER = cst.Module(body=[])
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_ATOMS = (
    cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Integer, cst.Float, cst.SimpleString, cst.List,
    cst.Dict, cst.Set, cst.ListComp, cst.SetComp, cst.DictComp,
)  # fmt: skip


def node_at(root: cst.CSTNode, path: Path) -> cst.CSTNode:
    """The node at an address."""
    here: object = root
    for step in path:
        here = cast("Sequence[object]", here)[step] if isinstance(step, int) else getattr(here, step)
    return cast(cst.CSTNode, here)


def _rebuilt(here: object, path: Path, value: object) -> object:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        items = list(cast("Sequence[object]", here))
        items[step] = _rebuilt(items[step], rest, value)
        return tuple(items)
    return cast(cst.CSTNode, here).with_changes(**{step: _rebuilt(getattr(here, step), rest, value)})


def replace_at(root: cst.Module, path: Path, value: object) -> cst.Module:
    """A tree with another value at an address; only the nodes on the way to it are made again."""
    return cast(cst.Module, _rebuilt(root, path, value))


def body_at(root: cst.Module, path: Path) -> tuple[cst.BaseStatement, ...]:
    """The statements of the block (or the module) at an address."""
    return tuple(cast("Sequence[cst.BaseStatement]", getattr(node_at(root, path), "body", ())))


def replace_body(root: cst.Module, path: Path, statements: Sequence[cst.BaseStatement]) -> cst.Module:
    """A tree with other statements in the block at an address; an empty block gets a `pass`."""
    filled = tuple(statements) or (parse_statements("pass")[0],)
    return replace_at(root, (*path, "body"), filled)


def code_of(node: cst.CSTNode) -> str:
    """The text of a node, without the blank lines and comments before it."""
    return _PRINTER.code_for_node(node).strip("\n ")


def line_of(node: cst.CSTNode) -> str:
    """The first line of a node's text, for messages."""
    text = code_of(node)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return lines[0].strip()[:80] if lines else ""


def is_atom(node: cst.BaseExpression) -> bool:
    """Whether the expression may be an operand without parentheses."""
    return isinstance(node, _ATOMS) or bool(getattr(node, "lpar", ()))


def parse_expression(text: str, *, operand: bool = False) -> cst.BaseExpression | None:
    """The expression that a text holds, in parentheses if it is to be an operand; None if it is none."""
    try:
        node = cst.parse_expression(text)
    except cst.ParserSyntaxError:
        return None
    if operand and not is_atom(node):
        node = node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


def parse_statements(text: str) -> tuple[cst.BaseStatement, ...]:
    """The statements that a text holds; none if it does not parse."""
    try:
        return tuple(cast("Sequence[cst.BaseStatement]", cst.parse_module(text).body))
    except cst.ParserSyntaxError:
        return ()


def replace_expression(root: cst.Module, path: Path, text: str, *, operand: bool) -> cst.Module | None:
    """A tree with another expression at an address, None if the text is no expression."""
    node = parse_expression(text, operand=operand)
    return None if node is None else replace_at(root, path, node)


def names_in(text: str) -> frozenset[str]:
    """Names that an expression's text mentions, attributes excluded; a superset of what it reads."""
    return frozenset(_NAME.findall(text))
