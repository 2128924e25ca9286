"""How readable a program is, in numbers that a person can check."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass

from thekla.core.program import Program

__all__ = ["Readability", "readability"]


@dataclass(frozen=True, kw_only=True)
class Readability:
    """Measures of a program's Python files together.

    Args:
        lines: That hold code.
        longest_function: Lines from its `def` to its end.
        deepest: Blocks within blocks, at the most, within a function.
        explained: Lines of comments and docstrings, for each line of code.
        bare_numbers: Numbers other than 0, 1, -1 and 2 that have no name, outside assignments to names in capitals.
    """

    lines: int
    functions: int
    longest_function: int
    deepest: int
    explained: float
    bare_numbers: int


_BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match, ast.AsyncFor, ast.AsyncWith)
_PLAIN_NUMBERS = frozenset({0, 1, 2})


def readability(program: Program) -> Readability | None:
    """The measures; None if a file does not parse."""
    texts = [text for path, text in program.files if path.endswith(".py")]
    try:
        trees = [ast.parse(text) for text in texts]
        words = sum(_comment_lines(text) for text in texts)
    except (SyntaxError, ValueError, RecursionError, tokenize.TokenError):
        return None
    functions = [
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    documented = sum(_docstring_lines(tree) for tree in trees)
    lines = sum(len(_code_lines(tree)) for tree in trees)
    return Readability(
        lines=lines,
        functions=len(functions),
        longest_function=max((_length(one) for one in functions), default=0),
        deepest=max((_depth(one) for one in functions), default=0),
        explained=(words + documented) / max(1, lines),
        bare_numbers=sum(_bare_numbers(tree) for tree in trees),
    )


def _comment_lines(text: str) -> int:
    return sum(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(io.StringIO(text).readline))


def _docstrings(tree: ast.Module) -> list[ast.Expr]:
    """The expression statements that are docstrings."""
    owners = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    firsts = [node.body[0] for node in ast.walk(tree) if isinstance(node, owners) and node.body]
    return [
        one
        for one in firsts
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str)
    ]


def _docstring_lines(tree: ast.Module) -> int:
    return sum(_length(one) for one in _docstrings(tree))


def _code_lines(tree: ast.Module) -> set[int]:
    """The lines on which something other than a docstring stands."""
    words = {line for one in _docstrings(tree) for line in range(one.lineno, (one.end_lineno or one.lineno) + 1)}
    return {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.expr)} - words


def _length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _depth(node: ast.AST) -> int:
    """Blocks within blocks below a node; an `elif` is not deeper than its `if`."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        chained = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        own = 1 if isinstance(child, _BLOCKS) and not chained else 0
        deepest = max(deepest, own + _depth(child))
    return deepest


def _bare_numbers(tree: ast.Module) -> int:
    named = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and all(isinstance(target, ast.Name) and target.id.isupper() for target in node.targets)
    ]
    kept = {id(part) for value in named for part in ast.walk(value)}
    return sum(
        isinstance(node, ast.Constant)
        and type(node.value) in (int, float)
        and node.value not in _PLAIN_NUMBERS
        and id(node) not in kept
        for node in ast.walk(tree)
    )
