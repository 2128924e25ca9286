"""How alike two programs are as text: what is left when names, numbers, comments and layout are gone."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from thekla.core.program import Program

__all__ = ["Likeness", "likeness"]

_LENGTH = 4  # of the compared pieces: shorter ones are common to all programs, longer ones break at every edit


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How like a named program another one is.

    Args:
        structure: Shared pieces of the syntax trees, with identifiers and constants left out, in [0, 1].
        tokens: The same with them: 1 for equal programs up to comments and layout.
    """

    name: str
    structure: float
    tokens: float


def likeness(program: Program, other: Program, *, name: str) -> Likeness:
    """How like `other`, which is called `name`, a program is; renaming and new constants do not change `structure`.

    References:
        Schleimer, Wilkerson & Aiken 2003, Winnowing: Local Algorithms for Document Fingerprinting (whose pieces are of
        text; here they are of syntax trees, and all are kept).
    """
    structure, tokens = (_shared(_pieces(program, named), _pieces(other, named)) for named in (False, True))
    return Likeness(name=name, structure=structure, tokens=tokens)


def _shared(first: Counter[tuple[str, ...]], second: Counter[tuple[str, ...]]) -> float:
    """The Dice coefficient of two bags."""
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0


def _pieces(program: Program, named: bool) -> Counter[tuple[str, ...]]:
    words = [word for _, text in program.files for word in _words(text, named)]
    padded = ["", *words, *[""] * (_LENGTH - 1)]
    return Counter(tuple(padded[at : at + _LENGTH]) for at in range(len(padded) - _LENGTH + 1))


def _words(text: str, named: bool) -> Iterator[str]:
    """The syntax tree, node by node; the words of the text if it does not parse."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        yield from text.split()
        return
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        if isinstance(node, ast.expr_context):
            continue
        yield _word(node, named)
        waiting += reversed(list(ast.iter_child_nodes(node)))


def _word(node: ast.AST, named: bool) -> str:
    """The kind of a node and what it is called: attributes always, as they are the problem's own words."""
    kind = type(node).__name__
    if isinstance(node, ast.Attribute):
        return f"{kind} {node.attr}"
    if not named:
        return kind
    said = [getattr(node, field, None) for field in ("id", "name", "arg", "value")]
    return " ".join([kind, *(str(each) for each in said if isinstance(each, str | int | float))])
