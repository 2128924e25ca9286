"""The synthetic model behind an endpoint that speaks the OpenAI protocol, for engines that only know such models."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.rng import derive_seed
from thekla.core.run import Ticket
from thekla.laboratory.problems import LabProblem
from thekla.laboratory.proposals import SyntheticModel
from thekla.testing.model_server import Reply, Script

__all__ = ["synthetic_script"]

_RETURN = re.compile(r"    return '\w+', \[[^\]\n]*\]")
_DIFF = "<<<<<<< SEARCH"


def synthetic_script(
    lab: LabProblem, *, seed: int, observer: Callable[[Program | None], None] = lambda program: None
) -> Script:
    """Answers for `testing.model_server.ModelServer`: the k-th request gets the draws of the k-th ticket of a trial.

    The last program of the prompt is the one that is changed, as published engines put it there, and those before it
    are what it may be crossed with. A prompt that shows SEARCH/REPLACE blocks, be it in the system's message, is
    answered by one, others by the whole program in a fence.

    Args:
        observer: Hears of each answer's program, None if it holds none.
    """
    model = SyntheticModel(lab)

    def script(number: int, body: Mapping[str, Any]) -> Reply:
        prompt = "\n".join(_text(message.get("content")) for message in body["messages"] if message["role"] == "user")
        programs = _programs(prompt, lab) or [lab.problem.seeds[0]]
        parent, others = _candidate(programs[-1], 0), [_candidate(one, 1 + k) for k, one in enumerate(programs[:-1])]
        ticket = Ticket(id=f"t{number}", parents=(parent,), inspirations=tuple(others))
        proposal = model.answer(ticket, seed=derive_seed(seed, "laboratory", number))
        observer(proposal.program)
        if proposal.program is None:
            return Reply(text="One could try other constants.")
        wants_diff = any(_DIFF in _text(message.get("content")) for message in body["messages"])
        return Reply(text=_answer(programs[-1].text, proposal.program.text, diff=wants_diff))

    return script


def _programs(prompt: str, lab: LabProblem) -> list[Program]:
    """The programs of the problem that a prompt shows, in its order."""
    found = [Program.from_text(f"def answer():\n{line}\n") for line in _RETURN.findall(prompt)]
    return [one for one in found if lab.read(one) is not None]


def _candidate(program: Program, number: int) -> Candidate:
    return Candidate(id=CandidateId(f"p{number}"), program=program)


def _text(content: object) -> str:
    """The text of a message, whose content may come in parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def _answer(before: str, after: str, *, diff: bool) -> str:
    if not diff:
        return f"```python\n{after}```\n"
    old, new = before.splitlines()[-1], after.splitlines()[-1]
    return f"{_DIFF}\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
