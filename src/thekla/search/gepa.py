"""GEPA: parents from the Pareto front over instances, a strict gate for children, and merges of complementary lines."""

from __future__ import annotations

from random import Random

from thekla.core.problem import Problem
from thekla.core.program import CandidateId
from thekla.core.run import Ticket, Told
from thekla.core.values import Data
from thekla.search.elites import Elite
from thekla.search.front import InstanceFront
from thekla.search.ranked import RankedStrategy, planted
from thekla.search.settings import at_least, share

__all__ = ["Gepa"]

_MERGE = "Merge the two programs: take from each the parts by which it is better on some instances."
_REFLECT = "Read what happened on each instance, name the cause of the worst result, and change the program there."


class Gepa(RankedStrategy):
    """Reflective mutation of programs drawn from the front: for each instance all that are best on it.

    Programs that others cover on every instance are left out, and the rest is drawn in proportion to the instances on
    which each is best. A child enters the front only if it is strictly better than its parent over all instances. The
    published engine compares on a minibatch first; here all instances have been evaluated anyway. On one instance the
    front is the best program, and the search a hill climb.

    Args:
        epsilon: Share of parents drawn from all accepted programs.
        merge: Whether two programs of the front, neither an ancestor of the other, are merged from time to time.
        patience: Outcomes without an accepted program after which a merge is tried.
        most_merges: In a run.

    References:
        Agrawal et al. 2025, GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning; GEPA 0.1.4.
    """

    name = "gepa"

    def __init__(
        self,
        problem: Problem,
        *,
        seed: int,
        epsilon: float = 0.0,
        merge: bool = False,
        patience: int = 15,
        most_merges: int = 5,
    ) -> None:
        super().__init__(problem, seed=seed)
        share(epsilon=epsilon)
        at_least(0, patience=patience, most_merges=most_merges)
        self._epsilon = epsilon
        self._merges = most_merges if merge else 0
        self._patience = patience
        self._front = InstanceFront(problem.objective, most=64)
        self._accepted: dict[CandidateId, Elite] = {}
        self._ancestors: dict[CandidateId, frozenset[CandidateId]] = {}
        self._since = 0

    def idle_within(self, evaluations: int) -> list[str]:
        if self._merges > 0 and evaluations <= self._patience:
            return [f"patience is {self._patience}: nothing is merged within {evaluations} evaluations"]
        return []

    def _choose(self, rng: Random) -> Ticket:
        if not len(self._front):
            return self._ticket([self._ranking[0]], hints=[_REFLECT])
        if self._merges > 0 and self._since >= self._patience:
            pair = self._complementary(rng)
            if pair is not None:
                self._merges -= 1
                self._since = 0
                route: dict[str, Data] = {"merge": True}
                return self._ticket(pair, hints=[_MERGE], route=route)
        if rng.random() < self._epsilon:
            return self._ticket([rng.choice(list(self._accepted.values()))], hints=[_REFLECT])
        return self._ticket([self._front.draw(rng)], hints=[_REFLECT])

    def _learn(self, told: Told, elite: Elite | None) -> None:
        self._since += not planted(told)
        if elite is None:
            return
        parents = [self._accepted[one.id] for one in told.ticket.parents if one.id in self._accepted]
        if planted(told) or all(elite.gain > parent.gain for parent in parents):
            self._since = 0
            self._accepted[elite.candidate.id] = elite
            before = [self._ancestors.get(one.id, frozenset()) | {one.id} for one in told.ticket.parents]
            self._ancestors[elite.candidate.id] = frozenset().union(*before)
            self._front.add(elite)

    def _complementary(self, rng: Random) -> tuple[Elite, Elite] | None:
        """Two programs of the front with a common ancestor, neither of which comes from the other; better one first."""
        found = [elite for elite, _ in self._front.weights().values()]
        pairs = [
            (one, other)
            for place, one in enumerate(found)
            for other in found[place + 1 :]
            if self._unrelated(one.candidate.id, other.candidate.id)
        ]
        if not pairs:
            return None
        one, other = rng.choice(pairs)
        return (one, other) if one.gain >= other.gain else (other, one)

    def _unrelated(self, one: CandidateId, other: CandidateId) -> bool:
        mine, theirs = self._ancestors[one], self._ancestors[other]
        return one not in theirs and other not in mine and bool(mine & theirs)
