"""A generator without a model: edits the syntax tree of a program, typed by the problem's interface."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.rng import stream
from thekla.core.run import Prompt, Proposal, Ticket
from thekla.core.values import Data
from thekla.generation.mutation.checks import Facts, facts_of, objection
from thekla.generation.mutation.credit import choose_operator, operator_weights
from thekla.generation.mutation.edits import Operator, View
from thekla.generation.mutation.inference import Analysis, analyse
from thekla.generation.mutation.workshop import Bench, Prepared

__all__ = ["Mutator"]

_DONORS = 4  # other programs that one proposal draws on
_MORE = 0.6  # chance of one more edit: most single edits change nothing, which costs a whole evaluation to learn
_MORE_WHEN_STUCK = 0.75


@dataclass(frozen=True, slots=True)
class _Child:
    text: str
    operators: tuple[str, ...]
    words: tuple[str, ...]


class Mutator:
    """Genetic improvement: proposals are one or a few small typed edits of the ticket's first parent.

    A proposal depends on the arguments of `propose` alone; what is kept between calls is a cache. A ticket without
    parents changes one of the problem's seeds. The ticket's operator, if it names one, is the one that is used.

    Args:
        tries: Edits attempted for one proposal before it gives up.
        max_characters: Longest program to propose; above half of it deletion is favoured.
        max_edits: Most edits in one child; twice as many when the prompt says that the search is stuck.

    Raises:
        ValueError: An argument is not positive.

    References:
        Petke et al. 2018, Genetic Improvement of Software: A Comprehensive Survey.
    """

    name = "mutation"
    version = "1"

    def __init__(self, *, tries: int = 20, max_characters: int = 12_000, max_edits: int = 4) -> None:
        if min(tries, max_characters, max_edits) < 1:
            raise ValueError("tries, max_characters and max_edits must be positive")
        self._tries = tries
        self._max_characters = max_characters
        self._max_edits = max_edits
        self._bench: Bench | None = None

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """A changed program, or the reason why there is none."""
        rng = stream(seed, "mutation", ticket.id)
        bench = self._bench_for(problem)
        parent = ticket.parents[0].program if ticket.parents else rng.choice(problem.seeds)
        operators = _named(bench.operators, ticket.operator)
        if not operators:
            known = ", ".join(operator.name for operator in bench.operators)
            return self._without(f"operator {ticket.operator!r} is unknown; use one of {known}", ticket.operator)
        prepared = bench.prepare(parent)
        if prepared is None:
            return self._without("the parent does not parse; give the mutator one that does", ticket.operator)
        donors = _distinct_donors(ticket, parent)
        materials = [one for one in map(bench.prepare, donors) if one is not None]
        child, objections = self._child(bench, operators, parent, prepared, materials, prompt, rng)
        if child is None:
            seen = "; ".join(dict.fromkeys(objections)) or "no operator found a place to work"
            return self._without(f"no acceptable edit in {self._tries} tries: {seen}", ticket.operator)
        operator = "+".join(child.operators)
        raw = {"operator": operator, "edits": list(child.words), "program": child.text}
        return Proposal(
            raw=json.dumps(raw, ensure_ascii=False),
            program=parent.with_text(child.text),
            operator=operator,
            generator=f"{self.name}@{self.version}",
        )

    def _without(self, reason: str, operator: str) -> Proposal:
        raw = json.dumps({"operator": operator, "reason": reason}, ensure_ascii=False)
        return Proposal(
            raw=raw, program=None, operator=operator, generator=f"{self.name}@{self.version}", reason=reason
        )

    def _bench_for(self, problem: Problem) -> Bench:
        if self._bench is None or self._bench.problem is not problem:
            self._bench = Bench(problem)
        return self._bench

    def _child(
        self,
        bench: Bench,
        operators: Sequence[Operator],
        parent: Program,
        prepared: Prepared,
        donors: Sequence[Prepared],
        prompt: Prompt,
        rng: Random,
    ) -> tuple[_Child | None, list[str]]:
        weights = operator_weights(operators, prompt.data("operators"))
        if len(parent.text) > self._max_characters / 2:
            weights = _favour_deletion(operators, weights)
        tried = _prefixes(prompt.data("tried"))
        stuck = _is_stuck(prompt.data("progress"))
        objections: list[str] = []
        for _ in range(self._tries):
            wanted = self._number_of_edits(stuck, rng)
            child = _edited(bench, operators, weights, prepared, donors, wanted, rng)
            if child is None:
                continue
            why = self._objection(bench, parent, prepared.facts, child.text, tried)
            if not why:
                return child, objections
            objections.append(why)
        return None, objections

    def _number_of_edits(self, stuck: bool, rng: Random) -> int:
        most = self._max_edits * (2 if stuck else 1)
        edits = 1
        while edits < most and rng.random() < (_MORE_WHEN_STUCK if stuck else _MORE):
            edits += 1
        return edits

    def _objection(self, bench: Bench, parent: Program, facts: Facts, text: str, tried: Mapping[int, set[str]]) -> str:
        if len(text) > max(self._max_characters, len(parent.text)):
            return f"it is longer than {self._max_characters} characters"
        identity = parent.with_text(text).id
        if any(identity[:length] in prefixes for length, prefixes in tried.items()):
            return "it was tried before"
        return objection(facts_of(text, bench.language.names), facts)


def _named(operators: Sequence[Operator], name: str) -> list[Operator]:
    """The operators that a ticket asks for: all if it names none, a family for a name such as `insert`."""
    return [one for one in operators if not name or one.name == name or one.name.startswith(f"{name}:")]


def _distinct_donors(ticket: Ticket, parent: Program) -> list[Program]:
    others = [candidate.program for candidate in (*ticket.parents[1:], *ticket.inspirations)]
    distinct = {program.id: program for program in others if program.id != parent.id}
    return list(distinct.values())[:_DONORS]


def _edited(
    bench: Bench,
    operators: Sequence[Operator],
    weights: Sequence[float],
    prepared: Prepared,
    donors: Sequence[Prepared],
    wanted: int,
    rng: Random,
) -> _Child | None:
    """One to `wanted` edits in a row, None if none found a place."""
    analysis: Analysis = prepared.analysis
    names: list[str] = []
    words: list[str] = []
    for step in range(wanted):
        view = View(
            analysis=analysis,
            grammar=bench.grammar(analysis, [prepared, *donors]),
            donors=[donor.analysis for donor in donors],
        )
        operator = choose_operator(operators, weights, rng)
        edit = operator.edit(view, rng)
        if edit is None:
            continue
        names.append(operator.name)
        words.append(edit.words)
        last = step == wanted - 1
        analysis = Analysis(edit.module, (), (), {}) if last else analyse(edit.module, bench.language)
    return _Child(analysis.module.code, tuple(names), tuple(words)) if names else None


def _favour_deletion(operators: Sequence[Operator], weights: Sequence[float]) -> list[float]:
    shrinking = ("delete", "unguard", "unwrap")
    return [
        weight * (6.0 if operator.name in shrinking else 0.3 if ":" in operator.name else 1.0)
        for operator, weight in zip(operators, weights, strict=True)
    ]


def _prefixes(tried: Data) -> dict[int, set[str]]:
    """Prefixes of program ids by their length."""
    found: dict[int, set[str]] = {}
    if isinstance(tried, Sequence) and not isinstance(tried, str):
        for prefix in tried:
            if isinstance(prefix, str) and prefix:
                found.setdefault(len(prefix), set()).add(prefix)
    return found


def _is_stuck(progress: Data) -> bool:
    return isinstance(progress, Mapping) and progress.get("stagnant") is True
