"""The end of a run prefers simpler programs where the run asked for it, and only among nearly equal ones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Outcome, Scored
from thekla.core.journal import Closed, Frozen, Judged, payload_of
from thekla.core.problem import Baseline, Instance, Objective, Problem
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.protocols import Twin, no_twin
from thekla.core.racing import Cutoff
from thekla.engine import Clock, Journal
from thekla.engine.closing import close_run
from thekla.storage import MemoryRun
from thekla.testing.toy import ToyPackage

NODES = Objective(name="complexity", unit="nodes", direction="minimize", source="program")


class Marks:
    """An evaluator that knows every program's score (`core.protocols.Evaluator`), and which do not repeat theirs."""

    def __init__(self, scores: Mapping[str, tuple[float, float]], fickle: Sequence[str] = ()) -> None:
        self._scores = scores
        self._fickle = fickle

    async def evaluate(self, program: Program, *, twin: Twin = no_twin, cutoff: Cutoff | None = None) -> Outcome:
        score, nodes = self._scores[program.text]
        instances = {"x": InstanceResult(scores={"score": score})}
        return Scored(scores={"score": score, "complexity": nodes}, instances=instances)

    async def judge(self, program: Program, instances: Sequence[Instance], *, stage: str) -> Outcome:
        return await self.evaluate(program)

    async def judge_baseline(self, baseline: Baseline, instances: Sequence[Instance], *, stage: str) -> Outcome:
        assert baseline.program is not None
        return await self.evaluate(baseline.program)

    async def confirm(self, program: Program, outcome: Scored, *, wholly: bool = False) -> Outcome:
        assert wholly
        if program.text not in self._fickle:
            return outcome
        return Failed(kind=FailureKind.NONDETERMINISTIC, stage="train", message="another order of a set")

    def open_holdout(self, chain: str) -> Sequence[Instance]:
        return ()

    async def bound(self, instances: Sequence[Instance]) -> Mapping[str, float]:
        return {}


def problem(*, tolerance: float, readable: bool) -> Problem:
    toy = ToyPackage().problem
    score = replace(toy.objective, tolerance=tolerance)
    return replace(toy, objectives=(score, NODES) if readable else (score,))


def closed(
    found: Mapping[str, tuple[float, float]], asked: Problem, fickle: Sequence[str] = ()
) -> tuple[Sequence[str], str | None, Sequence[str]]:
    """The finalists and the winner of a run that scored these programs, by their text, and who was refused."""
    marks, store = Marks(found, fickle), MemoryRun()
    candidates = {text: Candidate(id=CandidateId(text), program=Program.from_text(text)) for text in found}

    async def close() -> None:
        scored = [(each, await marks.evaluate(each.program)) for each in candidates.values()]
        await close_run(
            asked,
            marks,
            Journal(store, store.run_id, Clock(now_s=lambda: 0.0, monotonic_s=lambda: 0.0)),
            scored=[(each, outcome) for each, outcome in scored if isinstance(outcome, Scored)],
            baselines=(),
            report=lambda phase, done, of: None,
        )

    asyncio.run(close())
    payloads = [payload_of(event) for event in store.events(store.run_id)]
    (frozen,) = (each for each in payloads if isinstance(each, Frozen))
    (end,) = (each for each in payloads if isinstance(each, Closed))
    refused = [each.name for each in payloads if isinstance(each, Judged) and isinstance(each.outcome, Failed)]
    return frozen.finalists, end.winner, refused


FOUND = {
    "seed": (0.5, 10.0),
    "long": (0.900, 400.0),
    "short": (0.895, 60.0),
    "medium": (0.899, 200.0),
    "wordy": (0.898, 300.0),
    "tiny": (0.880, 5.0),
}


@pytest.mark.parametrize(
    ("readable", "tolerance", "finalists", "winner"),
    [
        (False, 0.0, ["long", "medium", "wordy"], "long"),
        (True, 0.01, ["short", "medium", "long"], "short"),
        (True, 0.05, ["tiny", "short", "long"], "tiny"),
        (True, 0.0, ["long", "medium", "wordy"], "long"),
    ],
)
def test_simpler_programs_are_finalists_beside_the_best_and_win_within_the_tolerance(
    readable: bool, tolerance: float, finalists: list[str], winner: str
) -> None:
    assert closed(FOUND, problem(tolerance=tolerance, readable=readable)) == (tuple(finalists), winner, [])


def test_a_finalist_that_does_not_repeat_its_score_does_not_win() -> None:
    asked = problem(tolerance=0.0, readable=False)
    finalists = ("long", "medium", "wordy")
    assert closed(FOUND, asked, fickle=["long"]) == (finalists, "medium", ["long"])
    assert closed(FOUND, asked, fickle=["long", "medium"]) == (finalists, "wordy", ["long", "medium"])
