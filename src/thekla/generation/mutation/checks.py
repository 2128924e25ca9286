"""What a child must keep before it is proposed: it compiles, its names are bound, fixed lines stand."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection
from dataclasses import dataclass

from thekla.core.literals import FIXED
from thekla.generation.mutation.names import same_shape, unbound_names

__all__ = ["Facts", "facts_of", "objection"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is compared between a parent and its child.

    Args:
        tree: The syntax tree; trees of one shape are equal programs.
        unbound: Names that may be read before they are bound, by function.
        fixed: Lines that no edit may touch, in order.
        functions: Top-level functions with their numbers of parameters.
    """

    tree: ast.Module
    unbound: frozenset[tuple[str, str]]
    fixed: tuple[str, ...]
    functions: frozenset[tuple[str, int]]


def facts_of(text: str, given: Collection[str]) -> Facts | None:
    """The facts of a program, None if it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a child such as `1 is x` is bad, not noteworthy
            tree = ast.parse(text)
            compile(text, "<child>", "exec", dont_inherit=True)
        return Facts(
            tree=tree,
            unbound=unbound_names(tree, given),
            fixed=tuple(line for line in text.splitlines() if FIXED in line),
            functions=frozenset(
                (one.name, len(one.args.args)) for one in tree.body if isinstance(one, ast.FunctionDef)
            ),
        )
    except (SyntaxError, ValueError, RecursionError):
        return None


def objection(child: Facts | None, parent: Facts) -> str:
    """Why a child is not to be proposed; empty if nothing speaks against it."""
    if child is None:
        return "it does not compile"
    if same_shape(child.tree, parent.tree):
        return "it equals its parent"
    if child.fixed != parent.fixed:
        return "it touches a fixed line"
    if not child.functions >= parent.functions:
        return "it lacks a function of its parent or changes its parameters"
    if not child.unbound <= parent.unbound:
        function, name = min(child.unbound - parent.unbound)
        return f"it reads {name} in {function or 'the module'} before it is bound"
    return ""
