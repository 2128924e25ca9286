"""Edits of structure: delete, swap, move, wrap, unwrap, repeat."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import cast

import libcst as cst

from thekla.generation.mutation.edits import Edit, View
from thekla.generation.mutation.inference import BodySite, ends_flow
from thekla.generation.mutation.tree import code_of, line_of, parse_expression, parse_statements, replace_body

__all__ = ["Delete", "Move", "Repeat", "Swap", "Unwrap", "Wrap"]

_Statements = list[cst.BaseStatement]


def _pick(view: View, rng: Random, *, least: int = 1) -> tuple[BodySite, int] | None:
    """A statement in a function that is neither a definition, nor its last return, nor the set-up of state."""
    places = [
        (body, index)
        for body in view.bodies()
        if len(body.statements) >= least
        for index, statement in enumerate(body.statements)
        if not isinstance(statement, cst.FunctionDef | cst.ClassDef)
        and not (body.kind == "function" and (ends_flow(statement) or _sets_up(statement)))
    ]
    return rng.choice(places) if places else None


def _sets_up(statement: cst.BaseStatement) -> bool:
    """Whether a statement gives an attribute to an object, as in `s.queue = []`; without it little else runs."""
    match statement:
        case cst.SimpleStatementLine(body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Attribute())])]):
            return True
        case _:
            return False


def _edit(view: View, body: BodySite, statements: _Statements, words: str) -> Edit:
    return Edit(replace_body(view.module, body.path, statements), f"{words} in {body.function}")


@dataclass(frozen=True)
class Delete:
    """One statement less; small ones go more readily than loops."""

    name: str = "delete"
    weight: float = 1.0

    def edit(self, view: View, rng: Random) -> Edit | None:
        for _ in range(4):
            picked = _pick(view, rng)
            if picked is None:
                return None
            body, index = picked
            statement = body.statements[index]
            if isinstance(statement, cst.For | cst.While) and rng.random() < 0.8:
                continue
            rest = [one for position, one in enumerate(body.statements) if position != index]
            return _edit(view, body, rest, f"delete {line_of(statement)}")
        return None


@dataclass(frozen=True)
class Swap:
    """Two neighbours in the other order."""

    name: str = "swap"
    weight: float = 0.4

    def edit(self, view: View, rng: Random) -> Edit | None:
        picked = _pick(view, rng, least=2)
        if picked is None:
            return None
        body, index = picked
        other = index + 1 if index + 1 < len(body.statements) else index - 1
        if ends_flow(body.statements[other]):
            return None
        statements = list(body.statements)
        statements[index], statements[other] = statements[other], statements[index]
        return _edit(view, body, statements, f"swap {line_of(statements[other])} and {line_of(statements[index])}")


@dataclass(frozen=True)
class Move:
    """A statement moved out of its loop or branch, or into a neighbouring one."""

    name: str = "move"
    weight: float = 0.5

    def edit(self, view: View, rng: Random) -> Edit | None:
        blocks = [
            (body, index)
            for body in view.bodies()
            for index, one in enumerate(body.statements)
            if isinstance(one, cst.For | cst.While | cst.If) and isinstance(one.body, cst.IndentedBlock)
        ]
        if not blocks:
            return None
        body, index = rng.choice(blocks)
        statements = list(body.statements)
        block = cast("cst.For | cst.While | cst.If", statements[index])
        inside = [one for one in block.body.body if isinstance(one, cst.BaseStatement)]
        if rng.random() < 0.5 and inside:
            return self._out(view, body, index, inside, rng)
        if index == 0 or ends_flow(statements[index - 1]):
            return None
        moved = statements[index - 1]
        statements[index - 1 : index + 1] = [_with_body(block, [moved, *inside])]
        return _edit(view, body, statements, f"move {line_of(moved)} into {line_of(block)}")

    def _out(self, view: View, body: BodySite, index: int, inside: _Statements, rng: Random) -> Edit | None:
        statements = list(body.statements)
        block = cast("cst.For | cst.While | cst.If", statements[index])
        before = rng.random() < 0.5
        moved = inside[0] if before else inside[-1]
        rest = inside[1:] if before else inside[:-1]
        if ends_flow(moved) or not rest:
            return None
        kept = _with_body(block, rest)
        statements[index : index + 1] = [moved, kept] if before else [kept, moved]
        return _edit(view, body, statements, f"move {line_of(moved)} out of {line_of(block)}")


def _with_body(block: cst.For | cst.While | cst.If, statements: _Statements) -> cst.BaseStatement:
    return block.with_changes(body=block.body.with_changes(body=statements))


@dataclass(frozen=True)
class Wrap:
    """A statement that runs only if a condition holds, with or without another case."""

    name: str = "wrap"
    weight: float = 0.6

    def edit(self, view: View, rng: Random) -> Edit | None:
        picked = _pick(view, rng)
        if picked is None:
            return None
        body, index = picked
        condition = view.grammar.condition(body.scopes[index], rng, depth=1)
        if condition is None:
            return None
        wrapper = parse_statements(f"if {condition.text}:\n    pass\n")
        if not wrapper or not isinstance(wrapper[0], cst.If):
            return None
        statements = list(body.statements)
        wrapped = statements[index]
        statements[index] = _with_body(wrapper[0], [wrapped])
        return _edit(view, body, statements, f"only if {condition.text}: {line_of(wrapped)}")


@dataclass(frozen=True)
class Unwrap:
    """The statements of a branch without its condition."""

    name: str = "unwrap"
    weight: float = 0.4

    def edit(self, view: View, rng: Random) -> Edit | None:
        places = [
            (body, index)
            for body in view.bodies()
            for index, one in enumerate(body.statements)
            if isinstance(one, cst.If)
            and isinstance(one.body, cst.IndentedBlock)
            and not any(map(ends_flow, one.body.body))
        ]
        if not places:
            return None
        body, index = rng.choice(places)
        statements = list(body.statements)
        block = cast(cst.If, statements[index])
        statements[index : index + 1] = [one for one in block.body.body if isinstance(one, cst.BaseStatement)]
        return _edit(view, body, statements, f"always do what was under {line_of(block)}")


@dataclass(frozen=True)
class Repeat:
    """A loop run a second time, over another list of the same type or under a stronger condition."""

    name: str = "repeat"
    weight: float = 0.3

    def edit(self, view: View, rng: Random) -> Edit | None:
        places = [
            (body, index)
            for body in view.bodies()
            for index, one in enumerate(body.statements)
            if isinstance(one, cst.For | cst.While)
        ]
        if not places:
            return None
        body, index = rng.choice(places)
        loop = cast("cst.For | cst.While", body.statements[index])
        scope = body.scopes[index]
        if isinstance(loop, cst.While):
            condition = view.grammar.condition(scope, rng, depth=1)
            test = None if condition is None else parse_expression(f"{code_of(loop.test)} and ({condition.text})")
            if test is None:
                return None
            second: cst.BaseStatement = loop.with_changes(test=test)
        else:
            site = next((one for one in view.expressions() if one.node is loop.iter), None)
            phrase = None if site is None else view.grammar.draw(site.type, scope, rng, depth=1)
            items = None if phrase is None else parse_expression(phrase.text)
            if items is None:
                return None
            second = loop.with_changes(iter=items)
        statements = list(body.statements)
        statements.insert(index + rng.choice((0, 1)), second)
        return _edit(view, body, statements, f"repeat {line_of(loop)} as {line_of(second)}")
