"""The trusted side: draws jobs, checks an assignment, and computes its score. Programs never see this file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from thekla.core.protocols import Guest
from thekla.core.values import Value
from thekla.problems.written import InvalidAnswer, Judged

__all__ = ["Jobs", "bound", "judge", "resized", "varied", "workload"]


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """A workload: seconds that each job takes, and how many machines there are."""

    sizes_s: tuple[float, ...]
    machines: int

    @property
    def least_s(self) -> float:
        """No assignment finishes earlier: the load is shared at best evenly, and no job is split."""
        return max(sum(self.sizes_s) / self.machines, max(self.sizes_s))


def workload(rng: Random, factor: float = 1.0) -> Jobs:
    """Many short jobs and a few long ones, two to five for each machine."""
    machines = round(factor * rng.randrange(3, 9))
    count = machines * rng.randrange(2, 6)
    sizes = (rng.uniform(20.0, 60.0) if rng.random() < 0.25 else rng.uniform(1.0, 20.0) for _ in range(count))
    return Jobs(sizes_s=tuple(round(size, 3) for size in sizes), machines=machines)


def judge(guest: Guest, jobs: Jobs) -> Judged:
    """One call with all jobs; the answer is checked, and its finish computed from the referee's own copy."""
    answer = guest.call("assign", list(jobs.sizes_s), jobs.machines)
    chosen = _checked(answer, jobs)
    load_s = [0.0] * jobs.machines
    for size_s, machine in zip(jobs.sizes_s, chosen, strict=True):
        load_s[machine] += size_s
    last = max(range(jobs.machines), key=load_s.__getitem__)
    return Judged(
        score=jobs.least_s / load_s[last],
        measures={"idle_share": 1 - sum(load_s) / (jobs.machines * load_s[last])},
        feedback=f"machine {last} finishes last, at {load_s[last]:.1f} s with {chosen.count(last)} jobs; "
        f"nothing finishes before {jobs.least_s:.1f} s",
    )


def bound(jobs: Jobs) -> float:
    """1: the score is relative to a time that no assignment can beat."""
    return 1.0


def resized(rng: Random, factor: float) -> Jobs:
    """Optional: that many times as many machines and jobs. A winner must hold there, too, when it is promoted."""
    return workload(rng, factor)


def varied(jobs: Jobs, rng: Random) -> Jobs:
    """Optional: a neighbour, in which one job takes another time."""
    sizes_s = list(jobs.sizes_s)
    sizes_s[rng.randrange(len(sizes_s))] = round(rng.uniform(1.0, 60.0), 3)
    return replace(jobs, sizes_s=tuple(sizes_s))


def _checked(answer: Value, jobs: Jobs) -> Sequence[int]:
    if not isinstance(answer, list) or len(answer) != len(jobs.sizes_s):
        raise InvalidAnswer(f"assign gave {str(answer)[:60]}; expected a list with a machine for each job")
    chosen = [each for each in answer if type(each) is int and 0 <= each < jobs.machines]
    if len(chosen) != len(answer):
        raise InvalidAnswer(f"assign named something else than the machines 0 to {jobs.machines - 1}")
    return chosen
