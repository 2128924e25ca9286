"""Insertion of a problem's declared building blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.core.problem import Block
from thekla.generation.mutation.edits import Edit, View
from thekla.generation.mutation.holes import filled
from thekla.generation.mutation.inference import BodySite, ends_flow
from thekla.generation.mutation.tree import code_of, line_of, parse_statements, replace_at, replace_body

__all__ = ["InsertBlock"]

_POINTS = 8  # places tried before the operator gives up
_LEAVES = re.compile(r"(?m)^(?:if .*:)?\s*(continue|break)\b")
_LOOPS = re.compile(r"(?m)^\s*(for|while)\b")


@dataclass(frozen=True)
class InsertBlock:
    """One declared block of statements, its holes filled from what is in scope at the place.

    A function definition at the top of a block whose name the program defines already is not inserted: its
    statements are added to that function, which is how a block sets up the state that it uses.
    """

    block: Block
    weight: float = 1.0

    @property
    def name(self) -> str:
        """`insert:` and the block's own name."""
        return f"insert:{self.block.name}"

    def edit(self, view: View, rng: Random) -> Edit | None:
        points = [point for point in view.points() if self._belongs(point[0])]
        for body, index in rng.sample(points, min(_POINTS, len(points))):
            fillings = view.grammar.fill(self.block, body.scopes[index], rng, depth=1)
            if fillings is None:
                continue
            fragment = parse_statements(filled(self.block, fillings))
            edit = _placed(view, body, index, fragment, self.block.name)
            if edit is not None:
                return edit
        return None

    def _belongs(self, body: BodySite) -> bool:
        """A block that leaves a round of a loop needs a loop, its own or one around it."""
        text = self.block.text
        return bool(body.loop) or not _LEAVES.search(text) or bool(_LOOPS.search(text))


def _placed(view: View, body: BodySite, index: int, fragment: tuple[cst.BaseStatement, ...], name: str) -> Edit | None:
    if not fragment:
        return None
    inserted = [one for one in fragment if not isinstance(one, cst.FunctionDef)]
    statements = list(body.statements)
    statements[index:index] = inserted
    module = replace_body(view.module, body.path, statements)
    for definition in fragment:
        if isinstance(definition, cst.FunctionDef):
            module = _merged(module, definition)
    first = line_of(inserted[0]) if inserted else line_of(fragment[0])
    return Edit(module, f"insert block {name} ({first}) in {body.function}")


def _merged(module: cst.Module, definition: cst.FunctionDef) -> cst.Module:
    """The module with a function's statements added to the one of the same name, or with the function itself."""
    for index, statement in enumerate(module.body):
        if isinstance(statement, cst.FunctionDef) and statement.name.value == definition.name.value:
            present = [one for one in statement.body.body if isinstance(one, cst.BaseStatement)]
            known = {code_of(one) for one in present}
            added = [
                one for one in definition.body.body if isinstance(one, cst.BaseStatement) and code_of(one) not in known
            ]
            end = len(present) - (1 if present and ends_flow(present[-1]) else 0)
            path = ("body", index, "body", "body")
            return replace_at(module, path, tuple(present[:end] + added + present[end:]))
    spaced = definition.with_changes(leading_lines=[cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)])
    return module.with_changes(body=[*module.body, spaced])
