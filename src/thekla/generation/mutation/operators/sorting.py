"""Edits of order: sort a list, change the key of a sort, take the best item instead of the first one."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.generation.mutation.edits import Edit, View, replaced
from thekla.generation.mutation.expression_types import ExpressionSite
from thekla.generation.mutation.grammar import bracketed
from thekla.generation.mutation.inference import BodySite
from thekla.generation.mutation.tree import code_of, node_at, parse_statements, replace_body
from thekla.generation.mutation.typesystem import ANY, element_of

__all__ = ["ChangeSortKey", "SelectBest", "SortList"]


def _item_name(list_text: str) -> str:
    return "item" if "item" not in list_text else "each"


@dataclass(frozen=True)
class SortList:
    """Sort a list before a loop (or elsewhere), or iterate over it in order of a key."""

    name: str = "sort"
    weight: float = 1.6

    def edit(self, view: View, rng: Random) -> Edit | None:
        if rng.random() < 0.25:
            return self._sorted_loop(view, rng)
        points = [(body, index) for body, index in view.points() if view.grammar.lists(body.scopes[index])]
        if not points:
            return None
        before_loops = [point for point in points if self._loop_after(point)]
        body, index = rng.choice(before_loops if before_loops and rng.random() < 0.7 else points)
        target = rng.choice(view.grammar.lists(body.scopes[index]))
        item = _item_name(target.text)
        key = view.grammar.key(element_of(target.type), item, rng)
        if key is None:
            return None
        text = f"{target.text}.sort(key=lambda {item}: {key})"
        statements = list(body.statements)
        statements[index:index] = parse_statements(text)
        return Edit(replace_body(view.module, body.path, statements), f"insert {text} in {body.function}")

    def _loop_after(self, point: tuple[BodySite, int]) -> bool:
        body, index = point
        return index < len(body.statements) and isinstance(body.statements[index], cst.For | cst.While)

    def _sorted_loop(self, view: View, rng: Random) -> Edit | None:
        sites = [
            site
            for site in view.expressions()
            if site.role == "iter" and site.type.name == "list" and element_of(site.type) != ANY
        ]
        if not sites:
            return None
        site = rng.choice(sites)
        text = code_of(site.node)
        item = _item_name(text)
        key = view.grammar.key(element_of(site.type), item, rng)
        return None if key is None else replaced(view, site, f"sorted({text}, key=lambda {item}: {key})")


@dataclass(frozen=True)
class ChangeSortKey:
    """Another key, the key negated, joined to a second one, or one part of it alone."""

    name: str = "sort_key"
    weight: float = 1.6

    def edit(self, view: View, rng: Random) -> Edit | None:
        sites = [site for site in view.expressions() if site.role == "key"]
        if not sites:
            return None
        site = rng.choice(sites)
        added = [(name, type_) for name, type_ in site.scope.items() if name in _parameters(view, site)]
        if not added or added[0][1] == ANY:
            return replaced(view, site, f"-{bracketed(code_of(site.node))}")
        item = added[0][0]
        return replaced(view, site, self._other(site, item, view, rng) or code_of(site.node))

    def _other(self, site: ExpressionSite, item: str, view: View, rng: Random) -> str | None:
        before, node = code_of(site.node), site.node
        parts = [code_of(one.value) for one in node.elements] if isinstance(node, cst.Tuple) else [before]
        pick = rng.random()
        if pick < 0.15 and len(parts) == 1:
            return before[1:] if before.startswith("-") else f"-{bracketed(before)}"
        if pick < 0.3 and len(parts) > 1:
            if rng.random() < 0.5:
                return rng.choice(parts)
            rng.shuffle(parts)
            return f"({', '.join(parts)})"
        key = view.grammar.key(site.scope[item], item, rng)
        if key is None or key in parts:
            return None
        if pick < 0.55 and len(parts) < 4 and not key.startswith("("):
            return f"({', '.join([key, *parts] if rng.random() < 0.5 else [*parts, key])})"
        if pick < 0.7 and len(parts) == 1 and not key.startswith("("):
            return f"{bracketed(before)} {rng.choice('+-')} {bracketed(key)}"
        return key


def _parameters(view: View, site: ExpressionSite) -> frozenset[str]:
    owner = node_at(view.module, site.path[:-1])
    if not isinstance(owner, cst.Lambda):
        return frozenset()
    return frozenset(parameter.name.value for parameter in owner.params.params)


@dataclass(frozen=True)
class SelectBest:
    """The best item by a key where the first or last one of a list is taken."""

    name: str = "select"
    weight: float = 0.8

    def edit(self, view: View, rng: Random) -> Edit | None:
        sites = [site for site in view.expressions() if self._taken_from(site)]
        if not sites:
            return None
        site = rng.choice(sites)
        owner = self._taken_from(site)
        if site.type == ANY:
            return None
        key = view.grammar.key(site.type, "item", rng)
        if key is None:
            return None
        best = f"{rng.choice(('min', 'max'))}({owner}, key=lambda item: {key})"
        return replaced(view, site, f"{owner}.pop({owner}.index({best}))" if isinstance(site.node, cst.Call) else best)

    def _taken_from(self, site: ExpressionSite) -> str:
        match site.node:
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value="pop"))):
                if all(isinstance(one.value, cst.Integer | cst.UnaryOperation) for one in site.node.args):
                    return code_of(owner)
            case cst.Subscript(value=owner, slice=[cst.SubscriptElement(slice=cst.Index(value=cst.Integer()))]):
                return code_of(owner)
        return ""
