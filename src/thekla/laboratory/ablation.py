"""What each mechanism of a strategy is worth: trials with it against trials without it, on the same proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from thekla.analysis.comparison import sign_flip_p
from thekla.analysis.statistics import Interval, bootstrap_interval
from thekla.core.rng import stream
from thekla.laboratory.trial import Trial

__all__ = ["Worth", "worths"]


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What a mechanism adds to the best score on one problem.

    Args:
        added: Mean over seeds of the best score with it minus the one without it.
        interval: Bootstrap interval of that mean; None for a single seed.
        p_value: That so large a mean difference, of either sign, comes from nothing.
    """

    mechanism: str
    problem: str
    added: float
    interval: Interval | None
    p_value: float


def worths(trials: Sequence[Trial], *, whole: str, without: Mapping[str, str]) -> list[Worth]:
    """The worth of each mechanism on each problem, in the order of `without`.

    Args:
        trials: Of all contenders with the same seeds.
        whole: The contender that has all mechanisms.
        without: By mechanism, the contender that lacks it.

    Raises:
        ValueError: A contender was not tried with the seeds of the others.
    """
    finals = {(trial.contender, trial.problem, trial.seed): trial.final for trial in trials}
    problems = list(dict.fromkeys(trial.problem for trial in trials))
    seeds = sorted({trial.seed for trial in trials})
    return [
        _worth(mechanism, problem, [_added(finals, whole, lacking, problem, seed) for seed in seeds])
        for mechanism, lacking in without.items()
        for problem in problems
    ]


def _added(finals: Mapping[tuple[str, str, int], float], whole: str, lacking: str, problem: str, seed: int) -> float:
    try:
        return finals[whole, problem, seed] - finals[lacking, problem, seed]
    except KeyError as error:
        raise ValueError(f"there is no trial of {error.args[0]!r}; try all contenders with the same seeds") from error


def _worth(mechanism: str, problem: str, added: Sequence[float]) -> Worth:
    rng = stream(0, "laboratory", mechanism, problem)
    return Worth(
        mechanism=mechanism,
        problem=problem,
        added=fmean(added),
        interval=bootstrap_interval(added, fmean, rng=rng),
        p_value=sign_flip_p(added, rng=rng),
    )
