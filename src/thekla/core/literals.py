"""The numeric literals of a program as parameters: where they stand, what they may become, and a program with others.

What is structure stays as it is: the numbers 0, 1 and -1 (flags, identities, starts of counters), what stands in a
subscript or is compared for equality, what decides a condition by itself, and lines marked `# thekla: fixed`.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["FIXED", "Literal", "literals_of", "skeleton_of", "with_literals"]

FIXED = "# thekla: fixed"
"""Marks a line that no edit may touch."""

_RANGE = re.compile(r"#\s*thekla:\s*range\s+(\S+)\s+(\S+)")
_IDENTITIES = (0, 1)
_EQUALITIES = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
_DIGITS = 5  # significant ones of a literal that is written


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A positive number in the text of a program; a minus before it is an operator, so the sign never changes.

    Args:
        line: Counted from 0.
        start, end: Its place in the line, in bytes of UTF-8.
        whole: Whether it is an integer, and has to stay one.
        low, high: The values that it may take, both included: what `# thekla: range LOW HIGH` on its line says, else
            any positive number (any from 1 on if it is whole).
    """

    line: int
    start: int
    end: int
    value: float
    whole: bool
    low: float
    high: float

    def written(self, value: float) -> str:
        """The nearest allowed value as Python text, with five significant digits."""
        bounded = min(self.high, max(self.low, value))
        if self.whole:
            return str(round(bounded))
        text = f"{bounded:.{_DIGITS}g}"
        return text if any(mark in text for mark in ".e") else f"{text}.0"


def literals_of(text: str) -> tuple[Literal, ...]:
    """The numbers of a program that may be tuned, in the order of the text; none if it does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    lines = text.encode("utf-8", errors="surrogatepass").split(b"\n")
    found = (_literal(node, lines) for node in _tunable(tree))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: (one.line, one.start)))


def with_literals(text: str, literals: Sequence[Literal], values: Sequence[float]) -> str:
    """The program with other numbers in the places of `literals`, and nothing else changed.

    Raises:
        ValueError: There is not one value for each literal.
    """
    if len(literals) != len(values):
        raise ValueError(f"{len(values)} values for {len(literals)} literals; give one for each")
    lines = text.encode("utf-8", errors="surrogatepass").split(b"\n")
    for literal, value in sorted(zip(literals, values, strict=True), key=lambda pair: -pair[0].start):
        line = lines[literal.line]
        lines[literal.line] = line[: literal.start] + literal.written(value).encode() + line[literal.end :]
    return b"\n".join(lines).decode("utf-8", errors="surrogatepass")


def skeleton_of(text: str, literals: Sequence[Literal]) -> str:
    """What is left of a program without its tunable numbers: equal for programs that differ in these only."""
    lines = text.encode("utf-8", errors="surrogatepass").split(b"\n")
    for literal in sorted(literals, key=lambda one: -one.start):
        line = lines[literal.line]
        mark = b"<int>" if literal.whole else b"<float>"
        lines[literal.line] = line[: literal.start] + mark + line[literal.end :]
    return b"\n".join(lines).decode("utf-8", errors="surrogatepass")


def _tunable(node: ast.AST) -> Iterator[ast.Constant]:
    """Number nodes below `node` that are no structure."""
    if isinstance(node, ast.Constant):
        if type(node.value) in (int, float):
            yield node
        return
    structure = _structure(node)
    for child in ast.iter_child_nodes(node):
        if not any(child is one for one in structure):
            yield from _tunable(child)


def _structure(node: ast.AST) -> Sequence[ast.AST]:
    """The children whose numbers are structure."""
    match node:
        case ast.Subscript():
            return [node.slice]
        case ast.Compare() if any(isinstance(operator, _EQUALITIES) for operator in node.ops):
            return [one for one in (node.left, *node.comparators) if isinstance(one, ast.Constant | ast.UnaryOp)]
        case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
            return [node.test] if isinstance(node.test, ast.Constant) else []
        case ast.JoinedStr():  # before Python 3.12 the places of what it holds are not known
            return node.values
        case ast.match_case():
            return [node.pattern]
    return []


def _literal(node: ast.Constant, lines: Sequence[bytes]) -> Literal | None:
    if node.lineno != node.end_lineno or node.end_col_offset is None:
        return None
    value, whole = node.value, isinstance(node.value, int)
    assert isinstance(value, int | float)
    line = lines[node.lineno - 1] if node.lineno <= len(lines) else b""
    if not _stands_in(line, node):
        return None  # the parser takes a lone carriage return for the end of a line
    words = line.decode("utf-8", errors="surrogatepass")
    low, high = _range_of(words, whole=whole)
    identity = value in _IDENTITIES if whole else value == 0
    if FIXED in words or identity or not low <= value <= high or not low < high:
        return None
    return Literal(
        line=node.lineno - 1,
        start=node.col_offset,
        end=node.end_col_offset,
        value=float(value),
        whole=whole,
        low=low,
        high=high,
    )


def _stands_in(line: bytes, node: ast.Constant) -> bool:
    """Whether the text at the node's place is its number."""
    try:
        return bool(ast.literal_eval(line[node.col_offset : node.end_col_offset].decode("ascii")) == node.value)
    except (SyntaxError, ValueError):
        return False


def _range_of(line: str, *, whole: bool) -> tuple[float, float]:
    """The range that a comment of the line declares, else one that only keeps the sign."""
    declared = _RANGE.search(line)
    widest = (1.0 if whole else 1e-12, 1e12)
    if declared is None:
        return widest
    try:
        low, high = float(declared[1]), float(declared[2])
    except ValueError:
        return widest
    if whole and math.isfinite(low) and math.isfinite(high):
        low, high = math.ceil(low), math.floor(high)
    return max(low, widest[0]), min(high, widest[1])
