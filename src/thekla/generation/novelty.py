"""Novelty rejection: an answer that nearly equals a program of its island is asked for again."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from sys import intern

from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.protocols import Generator
from thekla.core.rng import derive_seed
from thekla.core.run import NOTE, Prompt, Proposal, Section, Spending, Ticket
from thekla.core.values import Data
from thekla.prompting import estimate_tokens
from thekla.prompting.island import island_in, with_rejections, without_island, words_of

__all__ = ["Novel", "similarity"]

_COMMENT = re.compile(r"#.*")
_TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]")
_LENGTH = 3  # tokens of a compared piece


def similarity(text: str, other: str) -> float:
    """The cosine of two programs' counts of token triples, in [0, 1]; 1 for equal ones up to comments and layout.

    It stands for the cosine of embeddings, which need a model. One token that is another changes three triples, so that
    programs of n tokens which differ in k places have about 1 - 3 k / n.
    """
    (ours, our_square), (theirs, their_square) = _counted(text), _counted(other)
    if ours == theirs:
        return 1.0
    few, many = sorted((ours, theirs), key=len)
    shared = sum(count * many[triple] for triple, count in few.items() if triple in many)
    return min(1.0, shared / math.sqrt(our_square * their_square)) if shared else 0.0


@lru_cache(maxsize=1024)  # two islands of 500: some 10 MB for programs of 2 kB, which share most of their triples
def _counted(text: str) -> tuple[dict[str, int], int]:
    """How often a program has each triple, and the sum of the squares."""
    tokens = _TOKEN.findall(_COMMENT.sub("", text))
    padded = ["", *tokens, ""] if tokens else []
    counts = Counter(intern(" ".join(padded[at : at + _LENGTH])) for at in range(len(padded) - _LENGTH + 1))
    return dict(counts), sum(count * count for count in counts.values())


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """An answer, and how like a program of the island the closest one is; 0 without a program."""

    proposal: Proposal
    closest: float

    def as_data(self) -> dict[str, Data]:
        """What is kept of it."""
        made = self.proposal
        program = made.program.id if made.program is not None else None
        return {"program": program, "closest": self.closest, "reason": made.reason, "raw": made.raw}


class Novel:
    """A generator that is asked again when its answer is too like a program of the ticket's island.

    An answer whose largest `similarity` to a program of the island is above the threshold is rejected; for one without
    a program another is asked at once. Every time is another draw (another seed), and after a rejection the prompt says
    so. When all attempts are used up, the proposal holds no program. It costs what all its answers cost, its operator
    ends with how many were rejected (`+rejected-2`), and its raw answer holds them all.

    The programs of the island are in the prompt (`prompting.island`); without any, nothing is rejected. Seeds are on
    each island, so that none is empty once a search has begun. A note is handed on as it is.

    Args:
        inner: Answers; one that answers alike whatever the seed loses its ticket.
        threshold: The largest similarity that is accepted, in (0, 1].
        attempts: Programs that are compared, at the most.
        resamples: Answers for each of them, at the most, until one holds a program.

    Raises:
        ValueError: An argument is out of range.

    References:
        Lange et al. 2025, ShinkaEvolve (release 0.0.7), without a model that judges what is rejected.
    """

    name = "novelty"
    version = "1"

    def __init__(self, inner: Generator, *, threshold: float = 0.99, attempts: int = 3, resamples: int = 3) -> None:
        if not 0 < threshold <= 1 or min(attempts, resamples) < 1:
            raise ValueError("threshold must be in (0, 1], attempts and resamples at least 1")
        self._inner = inner
        self._threshold = threshold
        self._attempts = attempts
        self._resamples = resamples

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """The first answer that is unlike the programs of the island, or why there is none."""
        plain = without_island(prompt)
        if ticket.operator == NOTE:
            return await self._inner.propose(problem, ticket, plain, seed=seed)
        island, heard, rejected = island_in(prompt), list[_Answer](), 0
        for _ in range(self._attempts):
            async for proposal in self._samples(problem, ticket, _saying(rejected, plain), seed, len(heard)):
                heard.append(_Answer(proposal=proposal, closest=_closest(proposal.program, island)))
            rejected += self._rejects(heard[-1])
            accepted = heard[-1].proposal.program is not None and not self._rejects(heard[-1])
            if accepted or heard[-1].proposal.exhausted:
                break
        return self._ended(heard, rejected)

    async def _samples(
        self, problem: Problem, ticket: Ticket, prompt: Prompt, seed: int, known: int
    ) -> AsyncIterator[Proposal]:
        """Answers after `known` others, until one holds a program or no more can be asked."""
        for number in range(known, known + self._resamples):
            drawn = derive_seed(seed, self.name, number) if number else seed
            proposal = await self._inner.propose(problem, ticket, prompt, seed=drawn)
            yield proposal
            if proposal.program is not None or proposal.exhausted:
                return

    def _rejects(self, answer: _Answer) -> bool:
        return answer.closest > self._threshold

    def _ended(self, heard: Sequence[_Answer], rejected: int) -> Proposal:
        """The proposal that all answers amount to: the last one, at the cost of them all."""
        last = heard[-1].proposal
        if len(heard) > 1:
            raw = json.dumps({"answers": [one.as_data() for one in heard]}, ensure_ascii=False)
            last = replace(last, raw=raw, spending=sum((one.proposal.spending for one in heard), Spending()))
        if last.program is not None:
            last = replace(last, operator=with_rejections(last.operator, rejected))
        if not self._rejects(heard[-1]):
            return last
        closest, count = heard[-1].closest, f"{rejected} of {len(heard)} answers rejected"
        reason = f"too like a program of its island (similarity {closest:.4f}, above {self._threshold:g}); {count}"
        return replace(last, program=None, reason=reason)


def _closest(program: Program | None, island: Sequence[str]) -> float:
    """The largest similarity to a program of the island; 0 without a program."""
    if program is None:
        return 0.0
    text = words_of(program)
    return max((similarity(text, other) for other in island), default=0.0)


def _saying(rejected: int, prompt: Prompt) -> Prompt:
    """The prompt with a word on the answers that were rejected, if any was."""
    if not rejected:
        return prompt
    times = "Your last answer was" if rejected == 1 else f"Your last {rejected} answers were"
    text = (
        f"## {times} rejected\nThe program was nearly equal to one that is there, and was not evaluated. Write one "
        "that differs in what it does, not in its names and numbers alone."
    )
    return replace(
        prompt, sections=(*prompt.sections, Section(name="rejected", text=text, tokens=estimate_tokens(text)))
    )
