"""Answers and scores of a run, taken over into another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from thekla.core.journal import Answered, Asked, ToldFact, payload_of, program_blob, program_from_blob
from thekla.core.program import Program, ProgramId
from thekla.core.run import IMPORT, INJECT, NOTE, SEED, TUNE
from thekla.core.values import Data
from thekla.generation.replay import RecordedAnswer
from thekla.storage import RunFile

__all__ = ["answers_in", "copy_evaluations", "kept_answers", "write_answers"]

_KEY = "replay"
_NOT_ANSWERS = frozenset({SEED, IMPORT, INJECT, NOTE, TUNE})


def answers_in(store: RunFile) -> Sequence[RecordedAnswer]:
    """What the generator of a run answered, in the order in which it was told."""
    programs: dict[str, ProgramId] = {}
    asked: dict[str, Asked] = {}
    found = []
    for event in store.events(store.run_id):
        payload = payload_of(event)
        if isinstance(payload, Asked):
            asked[payload.ticket] = payload
        elif isinstance(payload, ToldFact) and payload.candidate is not None and payload.program is not None:
            programs[payload.candidate] = payload.program
        elif isinstance(payload, Answered) and asked[payload.ticket].operator not in _NOT_ANSWERS:
            parents = asked[payload.ticket].parents
            found.append(
                RecordedAnswer(
                    parent=programs.get(parents[0]) if parents else None,
                    program=_program(store, payload.program),
                    operator=payload.operator,
                    reason=payload.reason,
                )
            )
    return found


def write_answers(store: RunFile, answers: Sequence[RecordedAnswer]) -> None:
    """Keep answers in a run, for its generator."""
    for number, answer in enumerate(answers):
        program = store.put_blob(program_blob(answer.program)) if answer.program is not None else None
        value: dict[str, Data] = {
            "parent": answer.parent,
            "program": program,
            "operator": answer.operator,
            "reason": answer.reason,
        }
        store.record("answer", f"{_KEY}/{number}", value, durable=False)


def kept_answers(store: RunFile) -> Iterator[RecordedAnswer]:
    """The answers that `write_answers` kept."""
    for number in itertools.count():
        value = store.fact("answer", f"{_KEY}/{number}")
        if value is None:
            return
        parent, program = value["parent"], value["program"]
        yield RecordedAnswer(
            parent=None if parent is None else ProgramId(str(parent)),
            program=_program(store, None if program is None else ProgramId(str(program))),
            operator=str(value["operator"]),
            reason=str(value["reason"]),
        )


def copy_evaluations(source: RunFile, target: RunFile) -> None:
    """Take the scores of a run over into a new one; each is still valid for its own evaluator and tier only."""
    for key, value in source.facts("evaluation"):
        target.record("evaluation", key, value, durable=False)


def _program(store: RunFile, digest: ProgramId | None) -> Program | None:
    return None if digest is None else program_from_blob(store.blob(digest))
