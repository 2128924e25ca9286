"""Crossover: statements, expressions of one type and whole functions from other programs."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.generation.mutation.edits import Edit, View, replaced
from thekla.generation.mutation.inference import Analysis
from thekla.generation.mutation.tree import code_of, line_of, names_in, replace_at, replace_body
from thekla.generation.mutation.typesystem import ANY

__all__ = ["Crossover"]


@dataclass(frozen=True)
class Crossover:
    """A piece of another program in a place where its names are bound."""

    name: str = "crossover"
    weight: float = 1.6

    def edit(self, view: View, rng: Random) -> Edit | None:
        if not view.donors:
            return None
        donor = rng.choice(view.donors)
        kinds = [_take_statement, _take_expression, _take_function]
        first = rng.choices(kinds, (0.5, 0.4, 0.1))[0]
        return first(view, donor, rng) or _take_statement(view, donor, rng)


def _take_statement(view: View, donor: Analysis, rng: Random) -> Edit | None:
    """A statement that the program lacks, at the place that resembles its own, in addition or instead of another."""
    present = {code_of(statement) for body in view.bodies() for statement in body.statements}
    offers = [
        (body, index)
        for body in donor.bodies
        if body.function
        for index, statement in enumerate(body.statements)
        if not isinstance(statement, cst.FunctionDef | cst.ClassDef) and code_of(statement) not in present
    ]
    if not offers:
        return None
    source, position = rng.choice(offers)
    statement = source.statements[position]
    needed = names_in(code_of(statement)) & source.scopes[position].keys()
    points = [
        (body, index)
        for body, index in view.points()
        if body.function == source.function
        and (body.loop != "") == (source.loop != "")
        and needed <= body.scopes[index].keys()
    ]
    if not points:
        return None
    alike = [(body, index) for body, index in points if body.kind == source.kind and body.loop == source.loop]
    body, index = rng.choice(alike or points)
    statements = list(body.statements)
    instead = index < len(statements) and rng.random() < 0.35
    statements[index : index + 1 if instead else index] = [statement]
    verb = "replace by" if instead else "take"
    return Edit(replace_body(view.module, body.path, statements), f"{verb} {line_of(statement)} in {body.function}")


def _take_expression(view: View, donor: Analysis, rng: Random) -> Edit | None:
    """An expression of the same type and role."""
    sites = [
        site for site in view.expressions() if site.type != ANY and site.role not in ("callee", "other", "operand")
    ]
    if not sites:
        return None
    site = rng.choice(sites)
    before = code_of(site.node)
    offers = [
        text
        for other in donor.expressions
        if other.function == site.function and other.role == site.role and other.type == site.type
        if (text := code_of(other.node)) != before and names_in(text) & other.scope.keys() <= site.scope.keys()
    ]
    return replaced(view, site, rng.choice(offers)) if offers else None


def _take_function(view: View, donor: Analysis, rng: Random) -> Edit | None:
    """A whole function: another body for one that the program has, or a helper that it lacks."""
    own = {one.name.value: index for index, one in enumerate(view.module.body) if isinstance(one, cst.FunctionDef)}
    offers = [one for one in donor.module.body if isinstance(one, cst.FunctionDef)]
    present = {code_of(view.module.body[index]) for index in own.values()}
    offers = [one for one in offers if code_of(one) not in present]
    if not offers:
        return None
    function = rng.choice(offers)
    name = function.name.value
    if name in own:
        return Edit(replace_at(view.module, ("body", own[name]), function), f"take function {name}")
    return Edit(view.module.with_changes(body=[*view.module.body, function]), f"take helper {name}")
