"""Edits that bound a size from above or below."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.generation.mutation.edits import Edit, View, replaced
from thekla.generation.mutation.tree import code_of

__all__ = ["Cap"]


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
