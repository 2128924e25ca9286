"""The score is the published one, cannot be argued with, and never misses a trace."""

import math
from dataclasses import replace

import pytest

from thekla.core.evaluation import FailureKind, InstanceResult
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.referee import DIVISION, PENALTY, LakehouseReferee, judge_scheduler, penalty_seconds
from thekla.problems.lakehouse.workloads import Scene, instance, scene
from thekla.simulators.lakehouse import PipelineSpec, Trace, load_policy, policy_source
from thekla.testing.guests import InProcessGuest

IDLE = "def schedule(s, results, pipelines):\n    return [], []\n"
SMALL = "varied/query-rush/s1000"


def judge(text: str, at: str | Instance, *, suite: str = "default") -> InstanceResult:
    package = build(suite)
    where = instance(at, Split.TRAIN) if isinstance(at, str) else at
    guest = InProcessGuest(Program.from_text(text), package.problem.interface, package.limits)
    return package.referee.judge(guest, where, seed=0)


def seed_text() -> str:
    return build("default").problem.seeds[0].text


@pytest.mark.slow
def test_priority_gives_its_published_median_on_the_public_traces() -> None:
    public = build("public").problem.instances[Split.TRAIN]
    scores = sorted(judge(policy_source("priority"), each, suite="public").scores[DIVISION] for each in public)
    assert (scores[4] + scores[5]) / 2 == 90.6275796101095


@pytest.mark.parametrize("suite", ["default", "public"])
def test_running_nothing_scores_worse_than_the_seed(suite: str) -> None:
    objective = build(suite).problem.objective.name
    at = "loop/b0/s10" if suite == "public" else SMALL
    assert judge(IDLE, at, suite=suite).scores[objective] > judge(seed_text(), at, suite=suite).scores[objective]


def test_a_trace_without_completions_scores_above_all_that_can_be_achieved() -> None:
    setting = scene("loop/b0/s10")
    arrived = len(setting.trace.pipelines)
    worst = judge_scheduler(load_policy(IDLE), setting, DIVISION).scores[DIVISION]
    # The worst achievable: one pipeline completes on the last tick, having arrived on the first.
    assert worst == setting.params.duration * (arrived + 1) > setting.params.duration * arrived
    assert judge_scheduler(load_policy(IDLE), setting, PENALTY).scores[PENALTY] == penalty_seconds(setting.params)


def test_penalty_is_twice_the_trace() -> None:
    assert penalty_seconds(scene(SMALL).params) == 600.0


@pytest.mark.parametrize("objective", [DIVISION, PENALTY])
@pytest.mark.parametrize("text", [seed_text(), policy_source("priority")], ids=["seed", "priority"])
def test_relabelling_pipelines_changes_no_score(text: str, objective: str) -> None:
    setting = scene("varied/long-tails/s1000")
    renamed = tuple(replace(pipeline, id=f"z{-i}") for i, pipeline in enumerate(setting.trace.pipelines))
    other = Scene(trace=Trace(name="renamed", pipelines=renamed), params=setting.params)
    assert judge_scheduler(load_policy(text), setting, objective) == judge_scheduler(
        load_policy(text), other, objective
    )


def test_what_has_not_arrived_yet_cannot_change_what_happened() -> None:
    """Two traces with an equal past and another future: equal messages up to the fork."""
    setting = scene(SMALL)
    fork = setting.params.duration / 2

    def later(pipeline: PipelineSpec) -> PipelineSpec:
        return pipeline if pipeline.arrival_seconds < fork else replace(pipeline, arrival_seconds=fork + 60)

    changed = Trace(name="other", pipelines=tuple(map(later, setting.trace.pipelines)))
    before = [_Recorder(), _Recorder()]
    judge_scheduler(before[0], setting, PENALTY)
    judge_scheduler(before[1], Scene(trace=changed, params=setting.params), PENALTY)
    last = int(fork * setting.params.ticks_per_second)
    past = [[said for tick, said in recorder.said if tick < last] for recorder in before]
    assert past[0] == past[1] != []


class _Recorder:
    """The seed, and all that it was told."""

    def __init__(self) -> None:
        self._inner = load_policy(seed_text())
        self.said: list[tuple[int, str]] = []

    def start(self, message: dict[str, object]) -> dict[str, object]:
        self.said.append((-1, repr(message)))
        return self._inner.start(message)

    def step(self, message: dict[str, object]) -> dict[str, object]:
        tick = message["t"]
        assert isinstance(tick, int)
        self.said.append((tick, repr(message)))
        return self._inner.step(message)


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("1 / 0", FailureKind.CRASH, "division by zero"),
        ("pipelines[0].operators[0].segments", FailureKind.FORBIDDEN, "hidden"),
        ("return 7", FailureKind.INVALID, r"must return \(suspensions, assignments\), got 7"),
        ("return [], [Assignment(pipelines[0].operators[:1], 1, -3, 1, 0)]", FailureKind.INVALID, r"-3.*> 0"),
        ("return [], [Assignment(pipelines[0].operators[:1], 1, 1, 1, 9)]", FailureKind.INVALID, "0 to 0"),
        ("return [], [Assignment(pipelines[0].operators[:1], 99, 1, 1, 0)]", FailureKind.INVALID, "99.*64"),
        ("return [Suspend('c1', 0)], []", FailureKind.INVALID, "no active container"),
    ],
)
def test_faults_name_the_tick_the_value_and_what_is_allowed(statement: str, kind: FailureKind, words: str) -> None:
    result = judge(f"def schedule(s, results, pipelines):\n    {statement}\n    return [], []\n", SMALL)
    assert result.fault is not None
    assert result.fault.kind is kind
    assert result.fault.message.startswith("tick ")
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(result.fault.message)


def test_scores_and_measures_are_finite_floats() -> None:
    for text in (seed_text(), IDLE):
        result = judge(text, SMALL)
        assert all(type(value) is float and math.isfinite(value) for value in result.scores.values())
        assert all(math.isfinite(value) for value in result.measures.values())


def test_the_seed_keeps_one_container_with_all_memory() -> None:
    measures = judge(seed_text(), "varied/heavy-fans/s1000").measures
    assert measures["ram_share"] == 1.0
    # What ended is told one tick later, so the two may differ by a tick per container.
    assert measures["containers"] == pytest.approx(measures["memory_given"], rel=0.01)
    assert 0.8 < measures["containers"] <= 1.0


def test_feedback_counts_what_completed_and_names_no_need() -> None:
    feedback = judge(seed_text(), SMALL).feedback
    assert "pipelines completed" in feedback
    assert "killed out of memory" in feedback


def test_unknown_objective_is_refused() -> None:
    with pytest.raises(ValueError, match="'speed'"):
        LakehouseReferee("speed")
