"""Constants by an optimiser, structure by the generator: a strategy around another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from thekla.core.evaluation import Failed, FailureKind, Outcome
from thekla.core.literals import literals_of, skeleton_of
from thekla.core.problem import Problem
from thekla.core.program import Candidate, CandidateId
from thekla.core.protocols import Strategy
from thekla.core.rng import derive_seed, stream
from thekla.core.run import IMPORT, SEED, TUNE, Ticket, Told
from thekla.search.elites import Elite, Ranking, elite_of
from thekla.search.study import Study, Values, load_cma

__all__ = ["Tuning"]

_DECAY = 0.98  # of an arm's record, per outcome: some fifty outcomes count
_PRIOR = 5.0  # outcomes of average worth that each arm starts with
_EXPECTED = 0.02  # improvement per ticket that each side is believed to bring
_HEADS = 3  # skeletons at the head of the ranking that may be tuned


class Tuning:
    """Divides the tickets between a strategy for structure and a study of the constants of the best programs.

    A trial is an ordinary ticket with the operator `tune`: its parent is the program whose numbers are varied, and its
    route holds the numbers. Each side gets tickets in proportion to what its own have lately improved the best, never
    fewer than the share `least`. The wrapped strategy hears of a tuned candidate only if it is better than its parent,
    as an import. Candidates that differ in their constants alone share one study.

    Args:
        inner: The strategy for structure.
        least: Smallest share of tickets of either side, in [0, 0.5].
        sigma: First relative step of a constant, as the logarithm of a factor; positive.
        most_constants: Programs with more are not tuned: CMA-ES needs some 30 evaluations per number.

    Raises:
        ValueError: A setting is out of range.
        MissingExtraError: The optimiser's library is not installed.

    References:
        Hansen 2016, The CMA Evolution Strategy: A Tutorial; Fialho et al. 2010, Analyzing bandit-based adaptive
        operator selection mechanisms.
    """

    name = "tuning"
    version = "1"

    def __init__(
        self,
        inner: Strategy,
        problem: Problem,
        *,
        seed: int,
        least: float = 0.15,
        sigma: float = 0.7,
        most_constants: int = 12,
    ) -> None:
        if not 0 <= least <= 0.5:
            raise ValueError(f"least is {least}; it must be in [0, 0.5]")
        if sigma <= 0 or most_constants < 1:
            raise ValueError(f"sigma is {sigma} and most_constants {most_constants}; both must be positive")
        load_cma()
        self._inner = inner
        self._objective = problem.objective
        self._seed = seed
        self._least = least
        self._sigma = sigma
        self._most_constants = most_constants
        self._ranking = Ranking()
        self._heads: dict[str, Elite] = {}  # the best program of each of the best skeletons, best first
        self._studies: dict[str, _Trials] = {}
        self._families: dict[CandidateId, str] = {}  # skeletons, of candidates that were looked at
        self._flying: dict[str, tuple[str, Values]] = {}
        self._credit = {True: _Credit(), False: _Credit()}
        self._asked = 0

    @property
    def inner(self) -> Strategy:
        """The strategy for structure."""
        return self._inner

    def ask(self, n: int = 1) -> Sequence[Ticket]:
        return [self._trial() or self._inner.ask(1)[0] for _ in range(n)]

    def tell(self, told: Told) -> None:
        elite = elite_of(told, self._objective)
        best = self._ranking[0].gain if len(self._ranking) else None
        trial = self._flying.pop(told.ticket.id, None)
        if trial is None:
            self._inner.tell(told)
        else:
            self._end_trial(told, elite, trial)
        if told.ticket.operator not in (SEED, IMPORT):
            self._credit[trial is not None].earn(_improvement(elite, best))
        if elite is not None:
            self._ranking.add(elite)
            self._place(elite, trial)

    def best(self, k: int = 1) -> Sequence[tuple[Candidate, Outcome]]:
        return self._ranking.best(k)

    def _trial(self) -> Ticket | None:
        """A ticket for other constants, if it is their turn and there is something to try."""
        self._asked += 1
        if stream(self._seed, self.name, self._asked).random() >= self._share():
            return None
        for skeleton, elite in self._heads.items():
            study = self._study_of(skeleton, elite)
            if study is None or study.ended:
                continue
            values = study.ask()
            if values is None:
                return None
            ticket = Ticket(
                id=f"c{self._asked}",
                parents=(self._studies[skeleton].base.candidate,),
                operator=TUNE,
                route={"constants": list(values)},
            )
            self._flying[ticket.id] = (skeleton, values)
            return ticket
        return None

    def _share(self) -> float:
        """Share of the tickets that goes to constants."""
        tune, structure = self._credit[True].worth, self._credit[False].worth
        total = tune + structure
        return min(1 - self._least, max(self._least, tune / total if total > 0 else 0.5))

    def _study_of(self, skeleton: str, elite: Elite) -> Study | None:
        """The study of a skeleton, a new one if the last has ended and a better program came from elsewhere."""
        trials = self._studies.get(skeleton)
        if trials is None or (trials.study is not None and trials.study.ended and elite.gain > trials.study.best):
            literals = literals_of(elite.candidate.program.text)
            study = None
            if 1 <= len(literals) <= self._most_constants:
                seed = derive_seed(self._seed, self.name, elite.candidate.id)
                study = Study(literals, gain=elite.gain, seed=seed, sigma=self._sigma)
            trials = self._studies[skeleton] = _Trials(base=elite, study=study)
        return trials.study

    def _end_trial(self, told: Told, elite: Elite | None, trial: tuple[str, Values]) -> None:
        skeleton, values = trial
        base, study = self._studies[skeleton].base, self._studies[skeleton].study
        assert study is not None
        same = isinstance(told.outcome, Failed) and told.outcome.kind is FailureKind.DUPLICATE
        study.tell(values, elite.gain if elite else base.gain if same else None)
        if elite is not None and elite.gain > base.gain:
            self._inner.tell(replace(told, ticket=replace(told.ticket, operator=IMPORT, route={})))

    def _place(self, elite: Elite, trial: tuple[str, Values] | None) -> None:
        """Let the study of its skeleton know of a candidate, and keep the best program of each good skeleton."""
        candidate = elite.candidate
        worst = min((head.gain for head in self._heads.values()), default=elite.gain)
        heads = len(self._heads) < _HEADS or elite.gain > worst
        studied = any(self._families.get(parent) in self._studies for parent in candidate.parents)
        if trial is not None:
            skeleton = trial[0]
        elif heads or studied:  # others are not worth the parsing
            literals = literals_of(candidate.program.text)
            skeleton = skeleton_of(candidate.program.text, literals)
            trials = self._studies.get(skeleton)
            if trials is not None and trials.study is not None and not trials.study.ended:
                trials.study.tell(tuple(literal.value for literal in literals), elite.gain)
        else:
            return
        self._families[candidate.id] = skeleton
        known = self._heads.get(skeleton)
        if heads and (known is None or elite.gain > known.gain):
            entered = {**self._heads, skeleton: elite}
            self._heads = dict(sorted(entered.items(), key=lambda item: -item[1].gain)[:_HEADS])


@dataclass(frozen=True, kw_only=True)
class _Trials:
    """A program and the study of its constants; None if there is nothing to tune in it."""

    base: Elite
    study: Study | None


@dataclass(kw_only=True)
class _Credit:
    """What one side has lately improved the best by, per ticket."""

    tickets: float = _PRIOR
    improved: float = _PRIOR * _EXPECTED

    def earn(self, improvement: float) -> None:
        self.tickets = self.tickets * _DECAY + 1
        self.improved = self.improved * _DECAY + improvement

    @property
    def worth(self) -> float:
        return self.improved / self.tickets


def _improvement(elite: Elite | None, before: float | None) -> float:
    """By how much the best got better, relative to it, at most 1."""
    if elite is None or before is None or elite.gain <= before:
        return 0.0
    return min(1.0, (elite.gain - before) / max(abs(before), 1e-12))
