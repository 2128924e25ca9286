"""Objectives that are computed from a program's text, without running it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType

from thekla.core.problem import Objective
from thekla.core.program import Program

__all__ = ["COMPLEXITY", "PROGRAM_OBJECTIVES", "complexity"]

COMPLEXITY = Objective(name="complexity", unit="nodes", direction="minimize", source="program")
"""Nodes of a program's syntax trees: what has to be read. Any run may ask for it beside its problem's objectives."""


_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_DOCSTRING_NODES = 2  # the expression and its constant


def complexity(program: Program) -> float:
    """Nodes of the syntax trees of all Python files; comments and docstrings are free.

    Raises:
        SyntaxError, ValueError: A file does not parse; no program that was scored gets here so.
    """
    return float(sum(_nodes(ast.parse(text)) for path, text in program.files if path.endswith(".py")))


def _nodes(tree: ast.Module) -> int:
    found = list(ast.walk(tree))
    documented = [node for node in found if isinstance(node, ast.Module | ast.ClassDef | _FUNCTION)]
    explained = sum(ast.get_docstring(node, clean=False) is not None for node in documented)
    return len(found) - _DOCSTRING_NODES * explained


PROGRAM_OBJECTIVES: Mapping[str, Callable[[Program], float]] = MappingProxyType({COMPLEXITY.name: complexity})
"""What objectives of source `program` are computed by, by name."""
