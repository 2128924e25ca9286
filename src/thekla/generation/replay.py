"""Recorded answers instead of a generator: what would another strategy have made of them?"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from thekla.core.problem import Problem
from thekla.core.program import Program, ProgramId
from thekla.core.rng import stream
from thekla.core.run import Prompt, Proposal, Ticket

__all__ = ["RecordedAnswer", "Replay"]


@dataclass(frozen=True, kw_only=True)
class RecordedAnswer:
    """What a generator once made of a program.

    Args:
        parent: The first parent of the ticket; None if it had none.
        program: None with the `reason` if the answer held none.
    """

    parent: ProgramId | None
    program: Program | None
    operator: str
    reason: str = ""


class Replay:
    """A generator that answers from a record: to a ticket for a program, what was once made of that program.

    An answer that the prompt's section `tried` names is not given again. Where the record has nothing left for a
    program, it may give a program that was made of another; its operator then says `elsewhere`, since its lineage is
    not that of the record.

    Args:
        recording: The answers, in their order.
        source: Where they are from, for the journal.
        elsewhere: What to do without an answer to this program: give one to another, or none.
    """

    name = "replay"
    version = "1"

    def __init__(
        self, *, recording: Sequence[RecordedAnswer], source: str = "", elsewhere: Literal["give", "refuse"] = "give"
    ) -> None:
        self._source = source
        self._elsewhere = elsewhere
        self._all = tuple(recording)
        self._by_parent: dict[ProgramId | None, list[RecordedAnswer]] = defaultdict(list)
        for answer in recording:
            self._by_parent[answer.parent].append(answer)

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """A recorded answer, drawn among those that are left."""
        parent = ticket.parents[0].program.id if ticket.parents else None
        tried = prompt.data("tried")
        known = tuple(str(one) for one in tried) if isinstance(tried, list | tuple) else ()
        rng = stream(seed, self.name)
        answer = _draw(self._by_parent.get(parent, ()), known, rng)
        if answer is not None:
            return self._proposal(answer, answer.operator)
        answer = _draw(self._all, known, rng) if self._elsewhere == "give" else None
        if answer is not None:
            return self._proposal(answer, f"elsewhere {answer.operator}".replace("+", "-"))
        nothing = RecordedAnswer(
            parent=parent, program=None, operator="none", reason="the record has no answer left to this program"
        )
        return self._proposal(nothing, "none")

    def _proposal(self, answer: RecordedAnswer, operator: str) -> Proposal:
        digest = answer.program.id if answer.program is not None else None
        return Proposal(
            raw=json.dumps({"source": self._source, "program": digest, "reason": answer.reason}),
            program=answer.program,
            operator=operator,
            generator=f"{self.name}@{self.version}",
            reason=answer.reason,
        )


def _draw(answers: Sequence[RecordedAnswer], tried: tuple[str, ...], rng: Random) -> RecordedAnswer | None:
    """One of the answers that were not tried; without a program among them, none."""
    left = [one for one in answers if one.program is None or not one.program.id.startswith(tried)]
    return rng.choice(left) if any(one.program is not None for one in left) else None
