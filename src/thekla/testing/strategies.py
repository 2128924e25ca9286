"""The conformance suite of strategies."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

from thekla.core.evaluation import Failed, FailureKind, InstanceResult, Scored
from thekla.core.problem import Function, Instance, Interface, Measure, Objective, Problem, Split
from thekla.core.program import Candidate, Program
from thekla.core.protocols import Strategy
from thekla.core.run import IMPORT, SEED, Ticket, Told

__all__ = ["StrategyConformance", "candidate_of", "failed", "scored", "search_problem", "simulate_search"]


def search_problem(*, direction: str = "minimize") -> Problem:
    """A problem for strategies, which never run anything."""
    assert direction in ("minimize", "maximize")
    return Problem(
        name="search",
        version="1",
        suite="default",
        statement="Any.",
        interface=Interface(functions=(Function(name="f", parameters=(), result="float"),)),
        objectives=(Objective(name="cost", unit="s", direction=direction),),  # type: ignore[arg-type]  # narrowed above
        seeds=(Program.from_text("seed = 0\n"),),
        instances={Split.TRAIN: (Instance(id="a", split=Split.TRAIN, digest="0" * 64),)},
        measures=(Measure(name="m", unit="1", archive=True), Measure(name="n", unit="1", archive=True)),
    )


def scored(cost: float, *, m: float = 0.5, n: float = 0.5) -> Scored:
    """An outcome of that cost, with the two archive measures."""
    instance = InstanceResult(scores={"cost": cost})
    return Scored(scores={"cost": cost}, measures={"m": m, "n": n}, instances={"a": instance}, tier="trusted")


def failed() -> Failed:
    """An outcome without a score."""
    return Failed(kind=FailureKind.CRASH, stage="train", message="it broke")


def candidate_of(ticket: Ticket, text: str) -> Candidate:
    """The candidate that answers `ticket` with a program of that text."""
    return ticket.answered_by(Program.from_text(text), "edit")


def simulate_search(strategy: Strategy, *, steps: int, in_flight: int = 1, seed: int = 0) -> list[str]:
    """Drive a strategy with made-up outcomes, told in a random order; returns what it asked, as text.

    A child costs its parent's cost times a random factor, and every fifth fails.
    """
    rng = random.Random(seed)
    costs = {"s0": 100.0}
    start = Ticket(id="s0", operator=SEED)
    strategy.tell(Told(ticket=start, candidate=candidate_of(start, "seed = 0\n"), outcome=scored(100.0)))
    asked: list[str] = []
    flying: list[Ticket] = []
    for step in range(steps):
        while len(flying) < in_flight:
            flying.extend(strategy.ask(1))
            asked.append(_text(flying[-1]))
        ticket = flying.pop(rng.randrange(len(flying)))
        parent = costs[ticket.parents[0].id] if ticket.parents else 100.0
        costs[ticket.id] = parent * rng.uniform(0.7, 1.4)
        outcome = failed() if rng.random() < 0.2 else scored(costs[ticket.id], m=rng.random(), n=rng.random())
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"x = {step}\n"), outcome=outcome))
    return asked


class StrategyConformance(ABC):
    """What every strategy promises; subclass it in a test module and give `make`."""

    @abstractmethod
    def make(self, problem: Problem, *, seed: int) -> Strategy:
        """A fresh strategy."""

    def started(self, *, seed: int = 0, direction: str = "minimize") -> Strategy:
        """A strategy that was told one seed of cost 100."""
        strategy = self.make(search_problem(direction=direction), seed=seed)
        ticket = Ticket(id="s0", operator=SEED)
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "seed = 0\n"), outcome=scored(100.0)))
        return strategy

    def test_asks_exactly_as_many_tickets_as_wanted(self) -> None:
        strategy = self.started()
        assert [len(strategy.ask(n)) for n in (1, 3, 8)] == [1, 3, 8]

    def test_every_ticket_has_a_name_of_its_own(self) -> None:
        strategy = self.started()
        ids = [ticket.id for ticket in [*strategy.ask(50), *strategy.ask(50)]]
        assert len(set(ids)) == 100
        assert not {"s0", "i0"} & set(ids)

    def test_every_parent_is_a_scored_candidate(self) -> None:
        strategy = self.started()
        known = {"s0"}
        rng = random.Random(3)
        for step in range(60):
            (ticket,) = strategy.ask(1)
            assert ticket.parents
            assert {parent.id for parent in (*ticket.parents, *ticket.inspirations)} <= known
            good = rng.random() < 0.5
            outcome = scored(rng.uniform(1, 200), m=rng.random(), n=rng.random()) if good else failed()
            if good:
                known.add(ticket.id)
            strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"x = {step}\n"), outcome=outcome))

    def test_a_failure_never_enters_the_archive(self) -> None:
        strategy = self.started()
        for ticket in strategy.ask(20):
            strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"# {ticket.id}\n"), outcome=failed()))
        assert [candidate.id for candidate, _ in strategy.best(10)] == ["s0"]
        assert all(parent.id == "s0" for ticket in strategy.ask(20) for parent in ticket.parents)

    def test_takes_an_answer_without_a_program(self) -> None:
        strategy = self.started()
        for ticket in strategy.ask(5):
            strategy.tell(Told(ticket=ticket, candidate=None, outcome=failed()))
        assert len(strategy.best(10)) == 1

    def test_best_is_in_order_and_follows_the_direction(self) -> None:
        for direction, order in (("minimize", [1.0, 50.0, 100.0]), ("maximize", [300.0, 100.0, 50.0])):
            strategy = self.started(direction=direction)
            costs = [50.0, 1.0] if direction == "minimize" else [300.0, 50.0]
            for ticket, cost in zip(strategy.ask(2), costs, strict=True):
                told = Told(ticket=ticket, candidate=candidate_of(ticket, f"# {cost}\n"), outcome=scored(cost))
                strategy.tell(told)
            assert _costs(strategy, 3) == order
            assert _costs(strategy, 1) == order[:1]

    def test_the_best_never_gets_worse(self) -> None:
        strategy = self.started()
        best = 100.0
        rng = random.Random(5)
        for step in range(80):
            (ticket,) = strategy.ask(1)
            outcome = scored(rng.uniform(1, 300), m=rng.random(), n=rng.random())
            strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, f"x = {step}\n"), outcome=outcome))
            (now,) = _costs(strategy, 1)
            assert now <= best
            best = now

    def test_an_equal_seed_asks_equal_tickets(self) -> None:
        runs = [simulate_search(self.make(search_problem(), seed=7), steps=60, in_flight=4, seed=11) for _ in range(2)]
        assert runs[0] == runs[1]

    def test_outcomes_may_be_told_in_any_order(self) -> None:
        strategy = self.make(search_problem(), seed=1)
        asked = simulate_search(strategy, steps=80, in_flight=16, seed=2)
        assert len(asked) == 95  # 80 told and 15 still in flight
        assert strategy.best(1)

    def test_an_import_is_a_starting_point(self) -> None:
        strategy = self.started()
        ticket = Ticket(id="i0", operator=IMPORT)
        strategy.tell(Told(ticket=ticket, candidate=candidate_of(ticket, "better = 1\n"), outcome=scored(5.0)))
        assert strategy.best(1)[0][0].id == "i0"
        assert "i0" in {parent.id for ticket in strategy.ask(40) for parent in ticket.parents}


def _costs(strategy: Strategy, k: int) -> list[float]:
    found: Sequence[tuple[Candidate, object]] = strategy.best(k)
    return [outcome.scores["cost"] for _, outcome in found if isinstance(outcome, Scored)]


def _text(ticket: Ticket) -> str:
    parents = [parent.id for parent in ticket.parents]
    return f"{ticket.id} {parents} {[other.id for other in ticket.inspirations]} {ticket.operator} {dict(ticket.route)}"
