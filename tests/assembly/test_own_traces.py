"""A run over a user's own traces: found again in the journal, resumed on the same files only, its hold-out counted."""

from pathlib import Path

import pytest

from thekla.analysis import RunView
from thekla.assembly import Progress, RunOptions, describe, ladder, resume, run, view
from thekla.core.errors import ConfigError
from thekla.core.evaluation import Scored
from thekla.core.problem import Split
from thekla.simulators.lakehouse import WorkloadParams, generate_trace, write_trace

PARAMS = "duration = 20\nticks_per_second = 20\nnum_pools = 1\nram_gb_per_pool = 500\n"


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for seed in range(5):
        trace = generate_trace(
            WorkloadParams(
                duration=20, num_operators=2, waiting_seconds_mean=4, random_seed=seed, query_prob=0.4, batch_prob=0.3
            ),
            revision="eudoxia-cur",
        )
        (folder / f"day{seed}.csv").write_text(write_trace(trace))
    (folder / "params.toml").write_text(PARAMS)
    return folder


def options(traces: Path, objective: str = "mean_all") -> RunOptions:
    return RunOptions(
        problem="lakehouse",
        evaluations=2,
        in_flight=1,
        sandbox="trusted",
        workers=1,
        arguments={"problem": {"traces": str(traces), "objective": objective}},
    )


class Stop(Exception):
    """The test has seen enough."""


def stop_in_search(progress: Progress) -> None:
    if progress.evaluations:
        raise Stop


def quiet(progress: Progress) -> None: ...


@pytest.mark.slow
def test_run_names_traces_and_goal_and_opens_its_fixed_holdout_once(traces: Path, runs: Path) -> None:
    first = run(options(traces), runs=runs, observer=quiet)
    seen = view(first.run_id, runs)
    assert seen.settings.problem.arguments == {"traces": str(traces), "objective": "mean_all"}
    assert seen.objective.name == "mean_all"
    assert {split: len(of) for split, of in seen.settings.instances.items()} == {"train": 3, "validation": 1}
    assert seen.holdout is not None
    assert (seen.holdout.fixed, len(seen.holdout.instances), seen.earlier_openings) == (True, 1, 0)
    assert any("opened it: 0" in caveat for caveat in describe(first.run_id, runs).caveats)
    second = run(options(traces, "mean_query"), runs=runs, observer=quiet)
    assert view(second.run_id, runs).earlier_openings == 1
    assert any("opened it: 1" in caveat for caveat in describe(second.run_id, runs).caveats)


def test_interrupted_run_is_resumed_on_the_same_traces_only(traces: Path, runs: Path) -> None:
    asked = options(traces).model_copy(update={"readable": True, "tolerance": 0.05})
    with pytest.raises(Stop):
        run(asked, runs=runs, observer=stop_in_search)
    run_id = next(runs.glob("*.thekla")).stem
    train = view(run_id, runs).settings.instances["train"][0].id
    original = (traces / train).read_text()
    (traces / train).write_text(original.replace(",const,", ",sqrt,"))
    with pytest.raises(ConfigError, match="have changed"):
        resume(run_id, runs=runs, workers=1, observer=quiet)
    (traces / train).write_text(original)
    assert resume(run_id, runs=runs, workers=1, observer=quiet).finished
    _is_readable_and_fixed(view(run_id, runs))


def _is_readable_and_fixed(seen: RunView) -> None:
    """The run kept what it asked for: a goal, complexity with its tolerance, and one hold-out for all runs."""
    assert [each.name for each in seen.settings.objectives] == ["mean_all", "complexity"]
    assert seen.settings.objectives[0].tolerance == 0.05
    assert seen.holdout is not None
    assert seen.holdout.fixed
    scored = [each.outcome for each in seen.candidates if isinstance(each.outcome, Scored)]
    assert scored
    assert all(each.scores["complexity"] > 50 for each in scored)


@pytest.mark.slow
def test_ladder_scores_every_rung_on_own_traces(traces: Path) -> None:
    rows = ladder(
        "lakehouse",
        split=Split.VALIDATION,
        sandbox="trusted",
        workers=1,
        arguments={"traces": str(traces), "objective": "throughput"},
    )
    assert {"fifo", "exact-fifo", "priority", "shortest-first"} <= {row.name for row in rows}
    assert all(row.objective == "throughput" and row.score is not None for row in rows)
    assert not any(row.role == "published" for row in rows)
