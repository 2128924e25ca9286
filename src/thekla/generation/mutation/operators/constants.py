"""Edits of numbers: another size, another number with the same unit, an observable in a number's place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.generation.mutation.edits import Edit, View, replaced
from thekla.generation.mutation.expression_types import ExpressionSite
from thekla.generation.mutation.grammar import number_text
from thekla.generation.mutation.tree import code_of
from thekla.generation.mutation.typesystem import FLOAT, Type

__all__ = ["ChangeConstant", "ChangeObservable", "ChangeSlice"]

_SPREAD = 0.5  # sigma of the log-normal factor: half of the draws lie within a factor 1.4


def _is_index(site: ExpressionSite) -> bool:
    return isinstance(site.node, cst.Integer) and site.role == "argument" and site.known.name in ("int", "count")


@dataclass(frozen=True)
class ChangeConstant:
    """Another number: times a log-normal factor, half or double, a structural value, or one seen with its unit."""

    name: str = "constant"
    weight: float = 2.0

    def edit(self, view: View, rng: Random) -> Edit | None:
        sites = [site for site in view.expressions() if isinstance(site.node, cst.Integer | cst.Float)]
        if not sites:
            return None
        site = rng.choice(sites)
        return replaced(view, site, self._other(site, view, rng))

    def _other(self, site: ExpressionSite, view: View, rng: Random) -> str:
        node = site.node
        assert isinstance(node, cst.Integer | cst.Float)
        value = float(node.evaluated_value)
        whole = isinstance(node, cst.Integer)
        if _is_index(site) and value in (0.0, 1.0):
            return rng.choice(("0", "1", "-1"))
        pick = rng.random()
        if pick < 0.45:
            other = value * math.exp(rng.gauss(0.0, _SPREAD))
        elif pick < 0.7:
            other = value * rng.choice((0.5, 2.0))
        else:
            known = site.known if view.language.is_unit(site.known) else Type(site.type.name)
            other = float(view.grammar.constant(FLOAT if known.name == "float" else known, rng))
        if not math.isfinite(other):
            return str(node.value)
        text = number_text(other, whole=whole)
        return str(round(value) + rng.choice((-1, 1))) if whole and text == node.value and value < 1e6 else text


@dataclass(frozen=True)
class ChangeObservable:
    """Another expression of the same type where a name, a field, a call or a number stands."""

    name: str = "observable"
    weight: float = 1.5

    def edit(self, view: View, rng: Random) -> Edit | None:
        leaves = (cst.Name, cst.Attribute, cst.Integer, cst.Float, cst.Call, cst.BinaryOperation)
        sites = [
            site
            for site in view.expressions()
            if isinstance(site.node, leaves)
            and site.role in ("value", "operand", "argument", "key")
            and (view.language.is_number(site.known) and site.type.name != "any")
            and not _is_index(site)
        ]
        if not sites:
            return None
        site = rng.choice(sites)
        is_number = isinstance(site.node, cst.Integer | cst.Float)
        phrase = view.grammar.draw(site.known, site.scope, rng, depth=1, constant=not is_number and site.role != "key")
        return None if phrase is None else replaced(view, site, phrase.text)


@dataclass(frozen=True)
class ChangeSlice:
    """A list in full where it was cut, or the first few of a list that was taken in full."""

    name: str = "slice"
    weight: float = 0.7

    def edit(self, view: View, rng: Random) -> Edit | None:
        lists = [site for site in view.expressions() if site.type.name == "list" and site.role in ("value", "iter")]
        if not lists:
            return None
        site = rng.choice(lists)
        if isinstance(site.node, cst.Subscript):
            return replaced(view, site, code_of(site.node.value))
        if not isinstance(site.node, cst.Name | cst.Attribute | cst.Call) or code_of(site.node).endswith("]"):
            return None
        return replaced(view, site, f"{code_of(site.node)}[:{rng.choice((1, 2, 3, 4, 8, 16))}]")
