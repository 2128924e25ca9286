"""The prompt of a ticket, built again from the journal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from thekla.assembly.build import build_generator, build_package, build_prompts, problem_of
from thekla.assembly.places import folder
from thekla.core.errors import ConfigError, ProviderError
from thekla.core.evaluation import Scored
from thekla.core.journal import Answered, Asked, Started, Steered, ToldFact, payload_of, program_from_blob
from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId
from thekla.core.protocols import ChatModel
from thekla.core.rng import derive_seed
from thekla.core.run import IMPORT, INJECT, SEED, TUNE, Completion, Prompt, Ticket, Told
from thekla.llm import ModelSettings
from thekla.steering import Helm, SteeredGenerator, SteeredPrompts
from thekla.storage import RunFile

__all__ = ["prompt"]


def prompt(run: str, ticket: str, runs: Path | None) -> Prompt:
    """What the generator of a run was told for a ticket, with the notes of people and with how to answer.

    Raises:
        ConfigError: There is no such run or ticket, or the ticket asked nobody.
        StorageError: The run file cannot be read.
    """
    with RunFile.open(folder(runs).find(run), read_only=True) as store:
        history = _History(store)
        for event in store.events(store.run_id):
            payload = payload_of(event)
            if isinstance(payload, Started):
                history.start(payload)
            elif isinstance(payload, Asked):
                asked = history.ask(payload)
                if asked.id == ticket:
                    return _built(asked, history, store)
            elif isinstance(payload, Answered):
                history.operator = payload.operator
            elif isinstance(payload, Steered):
                history.steered = payload
            elif isinstance(payload, ToldFact):
                history.tell(payload)
        known = ", ".join([*history.tickets][-3:]) or "none"
        raise ConfigError(f"run {store.run_id} has no ticket {ticket!r}; the last ones are {known}")


def _built(ticket: Ticket, history: _History, store: RunFile) -> Prompt:
    if ticket.operator in (SEED, IMPORT, INJECT, TUNE):
        raise ConfigError(f"ticket {ticket.id!r} has the operator {ticket.operator!r}, so nobody was asked for it")
    started, problem = history.started, history.problem
    assert started is not None
    assert problem is not None
    helm = Helm(lambda before: before)
    helm.state = history.steered
    built = SteeredPrompts(build_prompts(started.components["prompts"]), helm).build(problem, ticket, history.told)
    generator = SteeredGenerator(build_generator(started.components["generator"], _Unasked()), helm, store)
    return generator.full_prompt(problem, ticket, built, seed=derive_seed(started.seed, "propose", ticket.id))


class _Unasked:
    """Models that are there to be chosen among, and not to be asked: no key is needed."""

    def chat(self, settings: ModelSettings) -> ChatModel:
        return self

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        raise ProviderError("this model is shown a prompt and not asked")


class _History:
    """Tickets and outcomes as they were when the journal had come so far."""

    def __init__(self, store: RunFile) -> None:
        self._store = store
        self._candidates: dict[CandidateId, Candidate] = {}
        self.started: Started | None = None
        self.problem: Problem | None = None
        self.tickets: dict[str, Ticket] = {}
        self.told: list[Told] = []
        self.steered = Steered()
        self.operator = ""  # of the last answer, which is the one that is told next

    def start(self, started: Started) -> None:
        """Take in what the run was asked for."""
        self.started, self.problem = started, problem_of(build_package(started.problem), started)

    def ask(self, asked: Asked) -> Ticket:
        """The ticket, with its candidates."""
        ticket = Ticket(
            id=asked.ticket,
            parents=tuple(self._candidates[one] for one in asked.parents),
            inspirations=tuple(self._candidates[one] for one in asked.inspirations),
            operator=asked.operator,
            hints=asked.hints,
            route=asked.route,
        )
        self.tickets[ticket.id] = ticket
        return ticket

    def tell(self, fact: ToldFact) -> None:
        """Take in an outcome."""
        candidate = None
        if fact.candidate is not None and fact.program is not None:
            candidate = Candidate(
                id=fact.candidate,
                program=program_from_blob(self._store.blob(fact.program)),
                parents=fact.parents,
                operator=fact.operator,
                generation=fact.generation,
            )
            self._candidates[candidate.id] = candidate
        outcome = fact.outcome
        if isinstance(outcome, Scored) and self.problem is not None:
            outcome = _in_order(outcome, self.problem)
        operator = "" if candidate is not None else self.operator
        ticket = self.tickets[fact.ticket]
        self.told.append(Told(ticket=ticket, candidate=candidate, outcome=outcome, operator=operator))


def _in_order(outcome: Scored, problem: Problem) -> Scored:
    """The outcome with objectives and instances in the problem's order, which a journal does not keep."""
    objectives = [one.name for one in problem.objectives]
    instances = [instance.id for split in problem.instances.values() for instance in split]
    return replace(
        outcome,
        scores={name: outcome.scores[name] for name in objectives if name in outcome.scores},
        instances={name: outcome.instances[name] for name in instances if name in outcome.instances},
    )
