"""A pilot compares in short searches, opens no hold-out, and says when it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from thekla.assembly import RunOptions, list_runs, pilot, view
from thekla.assembly.piloting import Trial, _recommended
from thekla.core.errors import ConfigError

pytestmark = pytest.mark.usefixtures("evaluated_here")

OPTIONS = RunOptions(problem="toy", generator="constants", evaluations=8, sandbox="trusted", workers=1)


def silent(progress: object) -> None:
    """Hears nothing."""


def trial(model: str, percent: float, *, cost_usd: float | None = 0.0) -> Trial:
    return Trial(
        run_id="r", model=model, strategy="s", seed=0, evaluations=9, percent=percent, failed=0.0, cost_usd=cost_usd
    )


def test_each_pair_is_tried_as_often_as_asked_and_no_holdout_is_opened(runs: Path) -> None:
    found = pilot(OPTIONS, models=[], strategies=["greedy", "random"], repeats=2, runs=runs, observer=silent)
    assert [(one.strategy, one.seed) for one in found.trials] == [
        *(("greedy", 0), ("random", 0)),
        *(("greedy", 1), ("random", 1)),
    ]
    assert {row.status for row in list_runs(runs)} == {"interrupted"}
    for one in found.trials:
        seen = view(one.run_id, runs)
        assert (seen.holdout, seen.ledger.evaluations, one.evaluations) == (None, 8, 8)
    assert found.strategy in ("greedy", "random")


def test_the_largest_median_is_recommended_and_clear_only_if_nothing_overlaps() -> None:
    found = _recommended([trial("a", 10.0), trial("b", 30.0), trial("a", 12.0), trial("b", 11.0)])
    assert (found.model, found.clear) == ("b", False)
    found = _recommended([trial("a", 10.0), trial("b", 30.0), trial("a", 12.0), trial("b", 21.0)])
    assert (found.model, found.clear) == ("b", True)
    equal = _recommended([trial("a", 10.0, cost_usd=2.0), trial("b", 10.0, cost_usd=1.0)])
    assert (equal.model, equal.clear) == ("b", False)


def test_one_pair_is_nothing_to_compare(runs: Path) -> None:
    with pytest.raises(ConfigError, match="at least two"):
        pilot(OPTIONS, models=[], strategies=["greedy"], repeats=3, runs=runs, observer=silent)
