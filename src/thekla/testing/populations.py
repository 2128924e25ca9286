"""A recorded population: the same children for every engine, to compare which parents it draws."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thekla.core.evaluation import InstanceResult, Outcome, Scored
from thekla.core.program import Candidate, Program
from thekla.core.run import SEED, Ticket, Told
from thekla.testing.strategies import failed

__all__ = ["Child", "record_told", "recorded"]

_INSTANCES = 6


@dataclass(frozen=True, kw_only=True)
class Child:
    """One program of the record.

    Args:
        parent: Its place in the record; the seed, which has none, is at 0.
        scores: By instance, more is better; None if it failed.
    """

    text: str
    parent: int | None
    island: int
    scores: tuple[float, ...] | None

    @property
    def score(self) -> float:
        """The mean over instances."""
        return sum(self.scores) / len(self.scores) if self.scores else 0.0


def recorded(children: int, *, islands: int, seed: int) -> list[Child]:
    """A seed and its descendants, each a parent of the same island changed a little."""
    rng = random.Random(seed)
    record = [Child(text=_body(rng, 10), parent=None, island=0, scores=(0.3,) * _INSTANCES)]
    for number in range(1, children + 1):
        island = number % islands
        here = [place for place, one in enumerate(record) if one.scores and (one.island == island or place == 0)]
        parent = rng.choice(here[-12:])
        above = record[parent].scores or ()
        scores = tuple(round(min(0.99, max(0.01, score + rng.gauss(0.0, 0.05))), 3) for score in above)
        text = _body(rng, rng.randint(5, 40)) + f"# {number}\n"
        record.append(Child(text=text, parent=parent, island=island, scores=scores if rng.random() < 0.9 else None))
    return record


def _body(rng: random.Random, lines: int) -> str:
    """A program of so many lines."""
    rows = [f"    total += weight * {rng.randrange(999)} if queue[{rng.randrange(9)}] else 0\n" for _ in range(lines)]
    return "def schedule(queue):\n" + "".join(rows)


def record_told(record: Sequence[Child]) -> Iterator[Told]:
    """The record as a strategy hears it: the seed, and answers to tickets that it did not ask."""
    candidates: list[Candidate] = []
    for number, child in enumerate(record):
        parents = () if child.parent is None else (candidates[child.parent],)
        operator = SEED if child.parent is None else ""
        ticket = Ticket(id=f"r{number}", parents=parents, operator=operator, route={"island": child.island})
        candidates.append(ticket.answered_by(Program.from_text(child.text), operator))
        yield Told(ticket=ticket, candidate=candidates[-1], outcome=_outcome(child))


def _outcome(child: Child) -> Outcome:
    if child.scores is None:
        return failed()
    instances = {f"i{place}": InstanceResult(scores={"cost": score}) for place, score in enumerate(child.scores)}
    return Scored(scores={"cost": child.score}, measures={}, instances=instances)
