"""Edits of operators: comparisons, arithmetic, and the words between conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.generation.mutation.edits import Edit, View, replaced
from thekla.generation.mutation.grammar import bracketed
from thekla.generation.mutation.tree import code_of, node_at, replace_at

__all__ = ["ChangeArithmetic", "ChangeBoolean", "ChangeComparison"]

_COMPARISONS: Mapping[str, type[cst.BaseCompOp]] = {
    "<": cst.LessThan,
    "<=": cst.LessThanEqual,
    ">": cst.GreaterThan,
    ">=": cst.GreaterThanEqual,
    "==": cst.Equal,
    "!=": cst.NotEqual,
}
_ARITHMETIC = ("+", "-", "*", "/", "//", "min", "max")


@dataclass(frozen=True)
class ChangeComparison:
    """Another of <, <=, >, >=, ==, !=; most often a neighbour."""

    name: str = "compare"
    weight: float = 0.7

    def edit(self, view: View, rng: Random) -> Edit | None:
        sites = [
            (site, index)
            for site in view.expressions()
            if isinstance(site.node, cst.Comparison)
            for index, target in enumerate(site.node.comparisons)
            if code_of(target.operator).strip() in _COMPARISONS
        ]
        if not sites:
            return None
        site, index = rng.choice(sites)
        path = (*site.path, "comparisons", index, "operator")
        before = code_of(node_at(view.module, path)).strip()
        after = rng.choice([sign for sign in _COMPARISONS if sign != before])
        module = replace_at(view.module, path, _COMPARISONS[after]())
        return Edit(module, f"{code_of(site.node)}: {before} becomes {after} in {site.function}")


@dataclass(frozen=True)
class ChangeArithmetic:
    """Another operator between two numbers, or the smaller or the larger of them; or one of them alone."""

    name: str = "arithmetic"
    weight: float = 0.7

    def edit(self, view: View, rng: Random) -> Edit | None:
        operations = [(site, *parts) for site in view.expressions() if (parts := _operation(site.node)) is not None]
        if not operations:
            return None
        site, left, before, right = rng.choice(operations)
        if rng.random() < 0.25:
            return replaced(view, site, rng.choice((left, right)))
        after = rng.choice([sign for sign in _ARITHMETIC if sign != before])
        if after in ("min", "max"):
            return replaced(view, site, f"{after}({left}, {right})")
        return replaced(view, site, f"{bracketed(left)} {after} {bracketed(right)}")


def _operation(node: cst.BaseExpression) -> tuple[str, str, str] | None:
    """Left side, operator and right side of a sum or of a `min` or `max` of two."""
    match node:
        case cst.BinaryOperation():
            return code_of(node.left), code_of(node.operator).strip(), code_of(node.right)
        case cst.Call(
            func=cst.Name(value="min" | "max" as name),
            args=[cst.Arg(value=left, keyword=None), cst.Arg(value=right, keyword=None)],
        ):
            return code_of(left), name, code_of(right)
        case _:
            return None


@dataclass(frozen=True)
class ChangeBoolean:
    """`and` for `or`, a negation more or less, or one side of a condition alone."""

    name: str = "boolean"
    weight: float = 0.6

    def edit(self, view: View, rng: Random) -> Edit | None:
        sites = [
            site
            for site in view.expressions()
            if isinstance(site.node, cst.BooleanOperation)
            or (site.role in ("test", "operand") and site.wanted.name == "bool")
        ]
        if not sites:
            return None
        site = rng.choice(sites)
        node = site.node
        if isinstance(node, cst.BooleanOperation):
            left, right = code_of(node.left), code_of(node.right)
            word = "or" if isinstance(node.operator, cst.And) else "and"
            return replaced(view, site, rng.choice((f"{left} {word} {right}", left, right)))
        if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
            return replaced(view, site, code_of(node.expression))
        return replaced(view, site, f"not {bracketed(code_of(node))}")
