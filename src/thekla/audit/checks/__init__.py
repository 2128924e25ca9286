"""The checks of an audit, by name, in the order in which they run: the cheapest and gravest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from thekla.audit.bench import Bench
from thekla.audit.checks import answers, candidates, ladder, leaks, practice, repeats, splits, stages
from thekla.audit.findings import Finding

__all__ = ["CHECKS", "Check"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A named check; the first line of `run`'s docstring is the promise that it tests.

    Args:
        quick: Whether it is among those that `thekla run` asks for: fatal faults, found on one cheap instance.
    """

    run: Callable[[Bench], Iterator[Finding]]
    quick: bool = False

    @property
    def about(self) -> str:
        """The promise, in one line."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


CHECKS: Mapping[str, Check] = MappingProxyType(
    {
        "splits": Check(run=splits.splits_are_disjoint, quick=True),
        "seeds": Check(run=candidates.seeds_run, quick=True),
        "twins": Check(run=repeats.twins_agree, quick=True),
        "raising": Check(run=candidates.raising_fails, quick=True),
        "failures": Check(run=answers.failures_stay_failures, quick=True),
        "worthless": Check(run=candidates.worthless_scores_nothing, quick=True),
        "harm": Check(run=candidates.harm_changes_nothing, quick=True),
        "numbers": Check(run=answers.numbers_are_recomputed, quick=True),
        "omissions": Check(run=answers.nothing_is_left_out, quick=True),
        "truth": Check(run=leaks.declared_truth_stays_hidden, quick=True),
        "replay": Check(run=repeats.decisions_make_the_score),
        "statement": Check(run=practice.statement_is_complete),
        "isolated": Check(run=practice.change_is_isolated),
        "cost": Check(run=practice.evaluation_is_cheap),
        "ladder": Check(run=ladder.rungs_are_ordered),
        "stages": Check(run=stages.stages_rank_alike),
        "bounds": Check(run=ladder.bounds_hold),
        "room": Check(run=ladder.seeds_leave_room),
        "noise": Check(run=ladder.noise_is_small),
        "exploits": Check(run=candidates.exploits_gain_nothing),
        "echoes": Check(run=leaks.answers_are_not_in_arguments),
        "resolution": Check(run=ladder.scores_tell_apart),
        "contents": Check(run=splits.contents_differ),
        "variants": Check(run=repeats.declared_variants_score_alike),
    }
)
