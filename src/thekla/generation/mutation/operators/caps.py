"""Edits that bound sizes, one at a time or those that go together."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.generation.mutation.edits import Edit, View, replaced
from thekla.generation.mutation.expression_types import ExpressionSite
from thekla.generation.mutation.tree import Path, code_of, replace_expression

__all__ = ["Cap", "CapTogether"]


@dataclass(frozen=True)
class Cap:
    """`min` or `max` of a size and a number or an expression of the same unit; a cap that is there may go."""

    name: str = "cap"
    weight: float = 2.0

    def edit(self, view: View, rng: Random) -> Edit | None:
        sites = [
            site
            for site in view.expressions()
            if site.role in ("value", "argument")
            and view.language.is_number(site.known)
            and site.type.name != "any"
            and not view.language.members(site.known)
            and not isinstance(site.node, cst.Integer | cst.Float)
        ]
        if not sites:
            return None
        units = [site for site in sites if view.language.is_unit(site.known)]
        site = rng.choice(units if units and rng.random() < 0.85 else sites)
        node = site.node
        capped = isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in ("min", "max")
        if capped and isinstance(node, cst.Call) and rng.random() < 0.4:
            return replaced(view, site, code_of(rng.choice(node.args).value))
        before = code_of(node)
        if rng.random() < 0.6:
            bound = view.grammar.constant(site.known, rng, positive=True)
        else:
            phrase = view.grammar.draw(site.known, site.scope, rng, depth=1)
            if phrase is None or phrase.text == before:
                return None
            bound = phrase.text
        return replaced(view, site, f"{rng.choice(('min', 'min', 'min', 'max'))}({before}, {bound})")


@dataclass(frozen=True)
class CapTogether:
    """Caps on all sizes that one call takes, each in its own unit.

    A request for several resources is small only if each part of it is: one cap alone often changes nothing, and no
    single edit would show that two are worth having.
    """

    name: str = "cap_together"
    weight: float = 1.2

    def edit(self, view: View, rng: Random) -> Edit | None:
        calls: dict[Path, dict[str, ExpressionSite]] = {}
        for site in view.expressions():
            if site.role == "argument" and view.language.is_unit(site.known) and site.type.name != "any":
                calls.setdefault(site.path[:-3], {}).setdefault(site.known.name, site)
        several = [list(sizes.values()) for sizes in calls.values() if len(sizes) > 1]
        if not several:
            return None
        sizes = rng.choice(several)
        share = rng.choice((2, 3, 4, 6, 8, 10, 12, 16)) if rng.random() < 0.6 else 0
        module, words = view.module, []
        for site in sizes:
            text = f"min({code_of(site.node)}, {self._bound(site, share, view, rng)})"
            changed = replace_expression(module, site.path, text, operand=False)
            if changed is None:
                return None
            module = changed
            words.append(f"{code_of(site.node)} -> {text}")
        return Edit(module, f"{', '.join(words)} in {sizes[0].function}")

    def _bound(self, site: ExpressionSite, share: int, view: View, rng: Random) -> str:
        """The same share of an observable of the size's unit, or a number."""
        observed = [one.text for one in view.grammar.of_type(site.scope, site.known) if "." in one.text]
        if share and observed:
            return f"{rng.choice(observed)} / {share}"
        return view.grammar.constant(site.known, rng, positive=True)
