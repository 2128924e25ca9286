"""Edits of conditions that leave a round of a loop, or let statements run."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.generation.mutation.edits import Edit, View, replaced
from thekla.generation.mutation.grammar import bracketed
from thekla.generation.mutation.inference import ends_flow
from thekla.generation.mutation.tree import code_of, line_of, parse_statements, replace_body

__all__ = ["ChangeCondition", "DropGuard", "InsertGuard"]


@dataclass(frozen=True)
class InsertGuard:
    """`if condition: continue` or `break` in a loop."""

    name: str = "guard"
    weight: float = 1.6

    def edit(self, view: View, rng: Random) -> Edit | None:
        points = [(body, index) for body, index in view.points() if body.loop]
        if not points:
            return None
        body, index = rng.choice(points)
        scope = body.scopes[index]
        condition = view.grammar.condition(scope, rng, depth=1)
        if condition is None:
            return None
        # In a while loop `continue` before the work is done may loop for ever; `break` ends in any case.
        leave = rng.choices(("break", "continue"), (0.65, 0.35) if body.loop == "while" else (0.35, 0.65))[0]
        statements = list(body.statements)
        statements[index:index] = parse_statements(f"if {condition.text}:\n    {leave}\n")
        module = replace_body(view.module, body.path, statements)
        return Edit(module, f"insert if {condition.text}: {leave} in {body.function}")


@dataclass(frozen=True)
class ChangeCondition:
    """A condition made stronger or weaker by a second one, or another condition in its place."""

    name: str = "condition"
    weight: float = 1.2

    def edit(self, view: View, rng: Random) -> Edit | None:
        tests = [site for site in view.expressions() if site.role == "test"]
        if not tests:
            return None
        site = rng.choice(tests)
        condition = view.grammar.condition(site.scope, rng, depth=1)
        if condition is None:
            return None
        word = rng.choice(("and", "and", "or", "or", ""))
        if not word:
            return replaced(view, site, condition.text)
        return replaced(view, site, f"{_side(code_of(site.node), word)} {word} {_side(condition.text, word)}")


def _side(text: str, word: str) -> str:
    """A condition fit to stand beside `and` or `or`: in brackets only where the other word is in it."""
    other = " or " if word == "and" else " and "
    return bracketed(text) if other in text or " if " in text else text


@dataclass(frozen=True)
class DropGuard:
    """One guard less."""

    name: str = "unguard"
    weight: float = 0.5

    def edit(self, view: View, rng: Random) -> Edit | None:
        guards = [
            (body, index)
            for body in view.bodies()
            for index, statement in enumerate(body.statements)
            if isinstance(statement, cst.If) and statement.orelse is None and _only_leaves(statement)
        ]
        if not guards:
            return None
        body, index = rng.choice(guards)
        statements = [one for position, one in enumerate(body.statements) if position != index]
        words = f"drop {line_of(body.statements[index])} in {body.function}"
        return Edit(replace_body(view.module, body.path, statements), words)


def _only_leaves(statement: cst.If) -> bool:
    inside = statement.body.body
    return len(inside) == 1 and isinstance(inside[0], cst.BaseStatement) and ends_flow(inside[0])
