"""The words of a run: ticket, prompt, proposal, and what is told when an evaluation ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from thekla.core.evaluation import Outcome
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.values import Data, digest_of

__all__ = [
    "ASK_TELL",
    "HINTED",
    "IMPORT",
    "NOTE",
    "SEED",
    "TUNE",
    "Completion",
    "Prompt",
    "Proposal",
    "Section",
    "Spending",
    "Ticket",
    "Told",
]

SEED = "seed"
INJECT = "inject"
"""A ticket that a person's program answers."""

IMPORT = "import"
ASK_TELL = "asktell"
"""The generator of runs whose answers come from outside: between two of them the run waits."""

HINTED = "hinted"
"""In the route of a ticket: how many hints of the problem's own list it carries."""

NOTE = "note"
"""Asks for words on the search so far, and not for a program."""

TUNE = "tune"
"""Asks for the first parent with the numbers of `route["constants"]` as its literals (`core.literals`)."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A request for one proposal, with all that is needed to route the answer home.

    Args:
        id: Unique in the run; the candidate that answers it bears the same id.
        parents: The programs to change, best first; empty asks for a program from nothing.
        inspirations: Further programs to draw on (crossover, context).
        operator: The edit that is asked for; empty leaves the choice to the generator.
        route: The strategy's own notes (island, cell) and what its operator needs; plain data.
    """

    id: str
    parents: tuple[Candidate, ...] = ()
    inspirations: tuple[Candidate, ...] = ()
    operator: str = ""
    hints: tuple[str, ...] = ()
    route: Mapping[str, Data] = field(default_factory=dict)

    def answered_by(self, program: Program, operator: str) -> Candidate:
        """The candidate that a program of that edit is, in answer to this ticket."""
        return Candidate(
            id=CandidateId(self.id),
            program=program,
            parents=tuple(parent.id for parent in self.parents),
            operator=operator,
            generation=1 + max((parent.generation for parent in self.parents), default=-1),
        )


@dataclass(frozen=True, kw_only=True)
class Told:
    """What became of a ticket; `candidate` is None if the answer held no program.

    Args:
        operator: What the generator called such an answer; a candidate has its own.
    """

    ticket: Ticket
    candidate: Candidate | None
    outcome: Outcome
    operator: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A named part of a prompt; `data` carries the same content to generators that read no prose.

    Args:
        role: Who says it, for chat models; `assistant` shows the model an answer of its own.
    """

    name: str
    text: str
    data: Data = None
    tokens: int = 0
    role: Literal["system", "user", "assistant"] = "user"


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a generator is told, in order.

    Args:
        stable: How many of the first sections the next prompts of the run are likely to begin with too, so that a
            provider's cache may keep them.
    """

    sections: tuple[Section, ...]
    stable: int = 0

    @property
    def text(self) -> str:
        """The prompt as one text."""
        return "\n\n".join(section.text for section in self.sections if section.text)

    @property
    def tokens(self) -> int:
        """Estimated length in tokens."""
        return sum(section.tokens for section in self.sections)

    @property
    def digest(self) -> str:
        """SHA-256 over all sections."""
        return digest_of([[one.name, one.text, one.data, one.role] for one in self.sections])

    def data(self, name: str) -> Data:
        """The data of the section of that name, None if there is no such section."""
        return next((section.data for section in self.sections if section.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Spending:
    """What generator calls cost; `cost_usd` is None where no price is known, and never 0 for that.

    Args:
        cached_tokens: Those of the input tokens that the provider had in its cache.
        cache_write_tokens: Those that it wrote to its cache.
        unknown_usd: The most that calls cost which were sent and whose answer never came whole.
        calls: Requests that were sent.
    """

    cost_usd: float | None = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    wall_s: float = 0.0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    unknown_usd: float = 0.0
    calls: int = 0

    def __add__(self, other: Spending) -> Spending:
        unpriced = self.cost_usd is None or other.cost_usd is None
        return Spending(
            cost_usd=None if unpriced else (self.cost_usd or 0.0) + (other.cost_usd or 0.0),
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            wall_s=self.wall_s + other.wall_s,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            unknown_usd=self.unknown_usd + other.unknown_usd,
            calls=self.calls + other.calls,
        )


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A generator's answer, which may hold no program.

    Args:
        raw: The answer as it came; journaled before it is used.
        program: The program it amounts to, or None with the `reason`.
        operator: The edit that was made, in the generator's own words.
        generator: Which component answered, as `name@version`.
        note: Whether words were asked for, and the `reason` is them.
        exhausted: The cap of the budget that left no room for another call; the search ends with it.
    """

    raw: str
    program: Program | None
    operator: str
    generator: str
    reason: str = ""
    exhausted: str = ""
    note: bool = False
    spending: Spending = field(default_factory=Spending, compare=False)

    def __post_init__(self) -> None:
        if self.program is None and not self.reason:
            raise ValueError("a proposal without a program needs a reason")


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A chat model's answer, its stop reason in the provider's words, and what it cost."""

    text: str
    stop_reason: str
    model: str
    spending: Spending
