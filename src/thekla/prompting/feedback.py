"""What an attempt is told of its outcome, at a level that a run sets and an experiment can vary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Scored
from thekla.core.problem import Objective
from thekla.core.run import Told
from thekla.core.visible import number
from thekla.prompting.blocks import data_block

__all__ = ["LEVELS", "Level", "details", "verdict"]

Level: TypeAlias = Literal["score", "instances", "causes", "trace"]
"""`score`: the aggregate or the error's message. `instances`: also each instance. `causes`: also the measures, and what
the evaluator says of the worst instances. `trace`: also tracebacks and all that the evaluator says."""

LEVELS: tuple[Level, ...] = get_args(Level)

_NOT_RUN = frozenset({FailureKind.NO_PROGRAM, FailureKind.SYNTAX, FailureKind.INTERFACE})
_WORST = 3  # instances whose diagnosis is shown
_MOST_INSTANCES = 40


def verdict(told: Told, objective: Objective, best: float | None) -> str:
    """One of four things about an attempt: it was no program, it failed, it is better, or it is not.

    Args:
        best: The best score before it, None if there was none.
    """
    outcome = told.outcome
    if isinstance(outcome, Failed):
        if outcome.kind is FailureKind.DUPLICATE:
            return f"This program is not new: {outcome.message}. Try something else."
        if outcome.kind is FailureKind.OUTRACED:
            return f"This program is far from the best: {outcome.message}. Take another approach."
        message = data_block("error", outcome.message)
        if outcome.kind in _NOT_RUN:
            return f"This could not be run ({outcome.kind}). Mend it.\n{message}"
        return f"The program ran and failed ({outcome.kind}). Mend it.\n{message}"
    score = outcome.scores[objective.name]
    shown = f"{objective.name} = {score:.6g} {objective.unit}".rstrip()
    if best is None or objective.gain(score) > objective.gain(best):
        before = f"; the best before was {best:.6g}" if best is not None else ""
        return f"{shown}{before}. That is better. Go on from here."
    return f"{shown}, which is no better than {best:.6g}. Take another approach."


def details(told: Told, objective: Objective, level: Level) -> str:
    """All else that the level allows to say; may be empty."""
    outcome = told.outcome
    if isinstance(outcome, Failed):
        return data_block("traceback", outcome.traceback) if level == "trace" and outcome.traceback else ""
    lines: list[str] = []
    if level != "score":
        lines.append("Per instance: " + "; ".join(_instances(outcome.instances, objective)))
    if level in ("causes", "trace"):
        measures = ", ".join(f"{name} {number(value)}" for name, value in outcome.measures.items())
        lines += [f"Measures, means over the instances: {measures}"] if measures else []
        lines += _diagnoses(outcome, objective, all_of_them=level == "trace")
    return "\n".join(lines)


def _instances(instances: Mapping[str, InstanceResult], objective: Objective) -> list[str]:
    shown = list(instances.items())[:_MOST_INSTANCES]
    return [f"{name} {result.scores[objective.name]:.6g}" for name, result in shown]


def _diagnoses(outcome: Scored, objective: Objective, *, all_of_them: bool) -> list[str]:
    """What the evaluator says of the instances with the lowest gain."""
    spoken = [(name, one) for name, one in outcome.instances.items() if one.feedback]
    ranked = sorted(spoken, key=lambda pair: objective.gain(pair[1].scores[objective.name]))
    shown = ranked if all_of_them else ranked[:_WORST]
    return [data_block(f"diagnosis of {name}", result.feedback, most=600) for name, result in shown]
