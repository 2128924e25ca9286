"""Insertion of a problem's declared building blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

import libcst as cst

from thekla.core.problem import Block
from thekla.generation.mutation.edits import Edit, View
from thekla.generation.mutation.expression_types import Scope
from thekla.generation.mutation.holes import filled, holes_of, use_of
from thekla.generation.mutation.inference import BodySite, ends_flow
from thekla.generation.mutation.tree import code_of, line_of, parse_statements, replace_at, replace_body
from thekla.generation.mutation.typesystem import Type

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
            scope = dict(body.scopes[index])
            news = self._new_state(view, body, scope)
            scope |= {new.text: new.type for new in news}
            fillings = view.grammar.fill(self.block, scope, rng, depth=1)
            if fillings is None:
                continue
            fragment = parse_statements(filled(self.block, fillings))
            made = [_initialisation(new) for new in news if new.text in fillings.values()]
            edit = _placed(view, body, index, (*made, *fragment), self.block.name)
            if edit is not None:
                return edit
        return None

    def _new_state(self, view: View, body: BodySite, scope: Scope) -> list[_State]:
        """Attributes to be added to a state object for lists and dictionaries that the block fills but nobody has."""
        found = []
        for hole in holes_of(self.block):
            if hole.type.name not in ("dict", "list") or use_of(self.block, hole) != "place":
                continue
            if view.grammar.of_type(scope, hole.type):
                continue
            for name, owner in scope.items():
                function = _initialiser(view, owner, body.function)
                if function and (owner.name, hole.name) not in view.analysis.state:
                    found.append(_State(f"{name}.{hole.name}", hole.type, function, hole.name))
                    break
        return found

    def _belongs(self, body: BodySite) -> bool:
        """A block that leaves a round of a loop needs a loop, its own or one around it."""
        text = self.block.text
        return bool(body.loop) or not _LEAVES.search(text) or bool(_LOOPS.search(text))


@dataclass(frozen=True)
class _State:
    """A new attribute of a state object, and the function that is to set it up."""

    text: str
    type: Type
    function: tuple[str, str]
    attribute: str


def _initialiser(view: View, owner: Type, function: str) -> tuple[str, str] | None:
    """Another function that gives attributes to its own parameter of the type, and that parameter's name."""
    for body in view.bodies():
        if body.kind != "function" or body.function == function:
            continue
        for name, type_ in body.scopes[0].items():
            if type_ == owner and any(code_of(one).startswith(f"{name}.") for one in body.statements):
                return body.function, name
    return None


def _initialisation(new: _State) -> cst.BaseStatement:
    """A definition that adds the attribute when it is merged into the function of that name."""
    function, parameter = new.function
    empty = "{}" if new.type.name == "dict" else "[]"
    return parse_statements(f"def {function}({parameter}):\n    {parameter}.{new.attribute} = {empty}\n")[0]


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
    first = line_of(inserted[0] if inserted else fragment[0])
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
