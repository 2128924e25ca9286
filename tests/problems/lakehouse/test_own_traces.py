"""A user's own traces are split for ever by their content, checked with a remedy, and scored by the user's goal."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from thekla.core.errors import ConfigError
from thekla.core.problem import Instance, Split
from thekla.core.protocols import ProblemPackage
from thekla.problems.lakehouse import build
from thekla.problems.lakehouse.goals import GOALS, penalty_seconds
from thekla.problems.lakehouse.package import OwnTracesPackage
from thekla.simulators.lakehouse import (
    BUILTIN_POLICIES,
    OperatorSpec,
    PipelineSpec,
    PriorityClass,
    Trace,
    Work,
    builtin_policy,
    simulate,
    write_trace,
)
from thekla.testing.guests import InProcessSandbox
from thekla.testing.problems import ProblemPackageConformance

PARAMS = "duration = 40\nticks_per_second = 20\nnum_pools = 2\ncpus_per_pool = 16\nram_gb_per_pool = 120\n"
IDLE = "def schedule(s, results, pipelines):\n    return [], []\n"


def trace_of(number: int, *, classes: tuple[PriorityClass, ...] = tuple(PriorityClass)) -> Trace:
    """Nine pipelines, different for every number."""
    work = Work(cpu_seconds=1 + number, cpu_scaling="linear3", storage_read_gb=10 + number)
    step = OperatorSpec(name="op1", parents=(), work=work)
    return Trace(
        name=f"day{number}",
        pipelines=tuple(
            PipelineSpec(
                id=f"p{each}", arrival_seconds=float(each), priority=classes[each % len(classes)], operators=(step,)
            )
            for each in range(9)
        ),
    )


def write(path: Path, trace: Trace) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(write_trace(trace))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten traces and a cluster."""
    mine = tmp_path / "mine"
    for number in range(10):
        write(mine / f"day{number}.csv", trace_of(number))
    (mine / "params.toml").write_text(PARAMS)
    return mine


def splits_of(package: ProblemPackage) -> Mapping[str, set[str]]:
    """Names by split, the hold-out among them."""
    found = {str(split): {each.id for each in of} for split, of in package.problem.instances.items()}
    return {**found, "holdout": {each.id for each in package.holdout(b"key")}}


class TestOwnTraces(ProblemPackageConformance):
    @pytest.fixture(autouse=True)
    def _keep(self, folder: Path) -> None:
        self.folder = folder

    def package(self) -> ProblemPackage:
        return build(traces=str(self.folder))

    def sample(self) -> tuple[Instance, ...]:
        return self.package().problem.instances[Split.TRAIN][:2]


def test_files_are_divided_three_to_one_to_one(folder: Path) -> None:
    assert {split: len(names) for split, names in splits_of(build(traces=str(folder))).items()} == {
        "train": 6,
        "validation": 2,
        "holdout": 2,
    }


def test_split_depends_on_content_alone(folder: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed"
    for number, path in enumerate(sorted(folder.glob("*.csv"), reverse=True)):
        text = path.read_text()
        (renamed / "x").parent.mkdir(exist_ok=True)
        (renamed / f"file{number}.csv").write_text(text.replace("\n", "\r\n"), newline="")
    (renamed / "params.toml").write_text(PARAMS)

    def digests(of: Path) -> list[list[str]]:
        package = build(traces=str(of))
        opened = [*package.problem.instances.values(), package.holdout(b"")]
        return [sorted(each.digest for each in instances) for instances in opened]

    assert digests(folder) == digests(renamed)


def test_sub_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "train", "validation", "holdout")):
        write(tmp_path / split / f"day{number}.csv", trace_of(number))
    (tmp_path / "params.toml").write_text(PARAMS)
    assert splits_of(build(traces=str(tmp_path))) == {
        "train": {"train/day0.csv", "train/day1.csv"},
        "validation": {"validation/day2.csv"},
        "holdout": {"holdout/day3.csv"},
    }


def _few(folder: Path) -> None:
    for number in range(4, 10):
        (folder / f"day{number}.csv").unlink()


def _equal(folder: Path) -> None:
    (folder / "copy.csv").write_text((folder / "day3.csv").read_text())


def _no_parameters(folder: Path) -> None:
    (folder / "params.toml").unlink()


def _wrong_parameter(folder: Path) -> None:
    (folder / "params.toml").write_text("num_pool = 2\n")


def _broken(folder: Path) -> None:
    (folder / "day3.csv").write_text((folder / "day3.csv").read_text() + "p9,soon,QUERY,op1,,1,const,,1\n")


def _late(folder: Path) -> None:
    (folder / "params.toml").write_text(PARAMS.replace("duration = 40", "duration = 0.5"))
    text = (folder / "day3.csv").read_text().split("\n")
    (folder / "day3.csv").write_text("\n".join([text[0], *text[2:]]))


def _no_queries(folder: Path) -> None:
    write(folder / "day3.csv", trace_of(3, classes=(PriorityClass.BATCH_PIPELINE,)))


def _both_ways(folder: Path) -> None:
    write(folder / "train" / "more.csv", trace_of(30))


def _empty_split(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        path.unlink()
    write(folder / "train" / "more.csv", trace_of(30))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_few, "holds 4 traces.*at least 5.*sub-folders"),
        (_equal, "copy.csv and day3.csv are equal.*remove one"),
        (_no_parameters, "params.toml.*init.*--params"),
        (_wrong_parameter, "params.toml.*num_pool.*num_pools"),
        (_broken, "day3.csv.*line 11.*soon"),
        (_late, "day3.csv.*within the 0.5 s"),
        (_no_queries, "day3.csv has no query pipeline.*p99_query"),
        (_both_ways, "beside them.*day0.csv.*move"),
        (_empty_split, "validation holds no trace"),
    ],
)
def test_wrong_folder_is_refused_with_a_remedy(folder: Path, damage: Callable[[Path], None], said: str) -> None:
    build(traces=str(folder), objective="p99_query")
    damage(folder)
    with pytest.raises(ConfigError, match=said):
        build(traces=str(folder), objective="p99_query")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"traces": "mine"}, "absolute"),
        ({"traces": "/nowhere/at/all"}, "does not exist"),
        ({"objective": "p99_query"}, "--traces"),
        ({"traces": "/nowhere", "objective": "p99"}, "p99_query"),
        ({"traces": "/nowhere", "suite": "public"}, "leave the suite out"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(**arguments)


@pytest.mark.parametrize("objective", sorted(GOALS))
def test_every_goal_gives_finite_scores_from_nothing_done_to_all_done(folder: Path, objective: str) -> None:
    package = OwnTracesPackage(str(folder), objective)
    setting = package._scene("day0.csv")
    goal, scores = GOALS[objective], []
    for policy in (IDLE, "priority"):
        scheduler = builtin_policy(policy) if policy in BUILTIN_POLICIES else _idle()
        result = simulate(setting.trace, scheduler, setting.params, setting.compat)
        scores.append(goal.score(result, setting))
    assert all(map(math.isfinite, scores))
    assert goal.objective.gain(scores[1]) > goal.objective.gain(scores[0])
    assert (
        goal.objective.unit != "s"
        or goal.objective.name == "adjusted_latency"
        or (scores[0] == penalty_seconds(setting.params))
    )


def _idle() -> Any:
    class Idle:
        def start(self, message: object) -> dict[str, object]:
            return {}

        def step(self, message: object) -> dict[str, object]:
            return {}

    return Idle()


def test_percentile_goal_is_the_percentile_of_its_class(folder: Path) -> None:
    setting = OwnTracesPackage(str(folder), "p50_query")._scene("day0.csv")
    result = simulate(setting.trace, builtin_policy("priority"), setting.params, setting.compat)
    queries = sorted(
        (finish - arrival) / 20
        for (_, arrival, finish), each in zip(result.pipelines, setting.trace.pipelines, strict=True)
        if each.priority is PriorityClass.QUERY and finish is not None
    )
    assert len(queries) == 3
    assert GOALS["p50_query"].score(result, setting) == queries[1]
    assert GOALS["mean_query"].score(result, setting) == pytest.approx(sum(queries) / 3)


@pytest.mark.parametrize(
    ("more", "policies"),
    [("", ("naive", "priority", "priority-pool")), ("allow_memory_overcommit = true\n", ("naive", "overbook"))],
    ids=["usual", "overcommit"],
)
def test_bound_holds_for_own_traces(folder: Path, more: str, policies: tuple[str, ...]) -> None:
    (folder / "params.toml").write_text(PARAMS + more)
    package = OwnTracesPackage(str(folder), "penalised_latency")
    for instance in package.problem.instances[Split.TRAIN]:
        setting = package._scene(instance.id)
        (bound,) = package.bound(instance).values()
        for policy in policies:
            result = simulate(setting.trace, builtin_policy(policy), setting.params, setting.compat)
            assert GOALS["penalised_latency"].score(result, setting) >= bound > 0
        assert OwnTracesPackage(str(folder), "p99_query").bound(instance) == {}


def test_evaluator_digest_covers_goal_cluster_and_holdout(folder: Path) -> None:
    digests = {build(traces=str(folder)).evaluator_digest, build(traces=str(folder)).evaluator_digest}
    assert len(digests) == 1
    digests.add(build(traces=str(folder), objective="p99_query").evaluator_digest)
    held = build(traces=str(folder)).holdout(b"")[0].id
    original = (folder / held).read_text()
    (folder / held).write_text(original.replace("linear3", "const"))
    digests.add(build(traces=str(folder)).evaluator_digest)
    (folder / held).write_text(original)
    (folder / "params.toml").write_text(PARAMS.replace("120", "121"))
    digests.add(build(traces=str(folder)).evaluator_digest)
    assert len(digests) == 4


def test_statement_says_goal_and_cluster(folder: Path) -> None:
    statement = build(traces=str(folder), objective="p99_query").problem.statement
    assert "99th percentile" in statement
    assert "16 CPUs and 120 GB" in statement


def test_own_traces_are_offered_under_other_names_alone(folder: Path) -> None:
    package = build(traces=str(folder))
    given = package.problem.instances[Split.TRAIN][0]
    renamed = package.relabelled(given, seed=3)
    assert renamed is not None
    assert renamed.digest != given.digest
    program = package.problem.seeds[0]

    def scores(instance: Instance) -> Mapping[str, float]:
        guest = InProcessSandbox().open(program, package.problem.interface, package.limits)
        return package.referee.judge(guest, instance, seed=0).scores

    assert scores(renamed) == scores(given)
    assert package.resized(given, 2) is package.varied(given, seed=1) is package.relabelled(renamed, seed=1) is None
