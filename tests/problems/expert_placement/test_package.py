"""Expert placement keeps the promises of a problem package; its figures are known; cheating does not pay."""

import json
import math
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from thekla.core.errors import ConfigError, MissingExtraError, ProblemError, SandboxError
from thekla.core.evaluation import FailureKind, InstanceResult, Usage, fold_results
from thekla.core.problem import Block, Split
from thekla.core.program import Program
from thekla.core.protocols import PairedReferee, ProblemPackage, Sandbox
from thekla.core.values import Array, Value
from thekla.problems import expert_placement
from thekla.problems.datasets import MissingDataError
from thekla.problems.expert_placement import FOLDER, build
from thekla.problems.expert_placement.interface import VOCABULARY, interface
from thekla.problems.expert_placement.package import ExpertPlacementPackage
from thekla.problems.expert_placement.referee import BALANCE, BalanceReferee, SpeedReferee
from thekla.problems.expert_placement.workloads import instance, scene
from thekla.problems.speed import RELATIVE_CPU
from thekla.sandbox import StrictSandbox, TrustedSandbox
from thekla.testing.problems import PairedRefereeConformance, ProblemPackageConformance

HOLE = re.compile(r"\{(\w+): ([^{}]+)\}")
SMALL = "varied/small/s1000"
TINY = "tiny/windows"


class TestDefaultSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return ExpertPlacementPackage("default")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()


class TestCalibratedSuite(ProblemPackageConformance):
    def package(self) -> ProblemPackage:
        return ExpertPlacementPackage("calibrated")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()

    test_feedback_on_a_holdout_is_empty = None  # type: ignore[assignment]  # 58 layers; suite `default` shows it


class TestSpeedSuite(PairedRefereeConformance):
    def package(self) -> ProblemPackage:
        return ExpertPlacementPackage("speed")

    def sandbox(self) -> Sandbox:
        return TrustedSandbox()


def judge(
    program: Program | str, at: str = TINY, *, split: Split = Split.TRAIN, sandbox: Sandbox | None = None
) -> InstanceResult:
    text = Program.from_text(program) if isinstance(program, str) else program
    # Any module: the list refuses some exploits at once, and this is about what stands behind it.
    guest = (sandbox or TrustedSandbox()).open(text, replace(interface(), modules=None), FOLDER.limits)
    try:
        return BalanceReferee().judge(guest, instance(at, split), seed=0)
    finally:
        guest.close()


def race(sandbox: StrictSandbox, program: Program | str, reference: str = "baselines/lpt.py") -> InstanceResult:
    text = Program.from_text(program) if isinstance(program, str) else program
    referee = SpeedReferee(FOLDER.program(reference))
    guest, beside = (sandbox.open(each, interface(), FOLDER.limits) for each in (text, referee.reference))
    try:
        return referee.judge_beside(guest, beside, instance("tiny/pairs", Split.TRAIN), seed=0)
    finally:
        guest.close()
        beside.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("hierarchical", 0.7236), ("lpt", 0.7667), ("snake", 0.7678), ("forecast", 0.7895), ("clairvoyant", 0.9955)],
)
def test_calibrated_loads_give_the_known_balance(name: str, expected: float) -> None:
    package = build("calibrated")
    baseline = next(each for each in package.baselines if each.name == name)
    at = instance("calibrated/s0", Split.TRAIN)
    program = baseline.program
    result = package.judge_on_host(baseline, at, seed=0) if program is None else judge(program, at.id)
    assert result.scores[BALANCE] == pytest.approx(expected, abs=5e-5)


def test_all_three_programs_of_the_greedy_rules_make_equal_plans() -> None:
    behaviours = {
        judge(FOLDER.program(path), SMALL).behaviour for path in ("baselines/lpt.py", "baselines/loop_lpt.py")
    }
    assert len(behaviours) == 1
    scan = judge(FOLDER.program("seeds/loop_scan.py"), SMALL).behaviour
    assert behaviours == {scan}


def test_the_hierarchical_balancer_keeps_replicas_within_their_node() -> None:
    setting = scene(SMALL)
    guest = TrustedSandbox().open(FOLDER.program("baselines/hierarchical.py"), interface(), FOLDER.limits)
    layout = setting.layout
    guest.call("start", [layout.layers, layout.experts, layout.slots, layout.gpus, layout.nodes, layout.groups])
    window = setting.windows[0]
    answer = guest.call("plan", Array(dtype="int64", shape=window.shape, data=window.tobytes()))
    assert isinstance(answer, Array)
    slot_map = np.frombuffer(answer.data, dtype=f"<i{4 if answer.dtype == 'int32' else 8}").reshape(answer.shape)
    node_of_slot = np.arange(layout.slots) * layout.nodes // layout.slots
    for row in slot_map:
        for expert in range(layout.experts):
            group = row // (layout.experts // layout.groups) == expert // (layout.experts // layout.groups)
            assert len(set(node_of_slot[group])) == 1


def test_moving_costs_what_the_statement_says() -> None:
    still = "def plan(s, load):\n    return [[slot % s.experts for slot in range(s.slots)] for _ in range(s.layers)]\n"
    # Whole GPUs change places: the balance stays, and every slot of another expert counts as moved.
    turning = (
        "def plan(s, load):\n    turn = s.slots_per_gpu * s.step\n"
        "    return [[(slot + turn) % s.slots % s.experts for slot in range(s.slots)] for _ in range(s.layers)]\n"
    )
    one, other = judge(still), judge(turning)
    assert one.measures["moved_share"] == 0.0
    assert other.measures["moved_share"] == 1.0
    assert other.measures["next_balance"] == pytest.approx(one.measures["next_balance"])
    assert one.scores[BALANCE] - other.scores[BALANCE] == pytest.approx(0.05)


@pytest.mark.parametrize("suite", ["default", "calibrated"])
def test_declared_baseline_is_what_the_first_seed_scores(suite: str) -> None:
    problem = build(suite).problem
    results = {each.id: judge(problem.seeds[0], each.id) for each in problem.instances[Split.TRAIN]}
    outcome = fold_results(problem.objectives, results, stage="train", tier="trusted", cost=Usage())
    assert outcome.scores[problem.objective.name] == problem.objective.baseline  # type: ignore[union-attr]  # Scored


def test_what_is_to_come_is_not_told() -> None:
    """A plan is asked for with the window that ended; a changed last window changes no message."""
    setting = scene(TINY)
    asked: list[Value] = []

    class Recorder:
        def __init__(self) -> None:
            self.inner = TrustedSandbox().open(build("default").problem.seeds[0], interface(), FOLDER.limits)

        def call(self, name: str, *args: Value) -> Value:
            asked.append(args[0])
            return self.inner.call(name, *args)

        serve, close, usage = None, None, Usage()

    BalanceReferee().judge(Recorder(), instance(TINY, Split.TRAIN), seed=0)  # type: ignore[arg-type]  # enough of one
    told = [np.frombuffer(each.data, dtype="<i4").reshape(each.shape) for each in asked if isinstance(each, Array)]
    assert len(told) == len(setting.windows) - 1
    assert all((one == other).all() for one, other in zip(told, setting.windows, strict=False))


FAULTS = {
    "add_slots": FailureKind.INVALID,
    "drop_idle": FailureKind.INVALID,
    "float_replicas": FailureKind.INVALID,
    "negative_expert": FailureKind.INVALID,
    "share_slots": FailureKind.CRASH,
    "wrap_around": FailureKind.INVALID,
}
SCORED = ("find_future", "mutate_load", "remember_answers")


@pytest.fixture(scope="module")
def strict() -> Iterator[StrictSandbox]:
    with StrictSandbox() as made:
        yield made


def test_every_exploit_is_listed_here() -> None:
    assert set(build().exploits) == {*FAULTS, *SCORED}


@pytest.mark.parametrize("name", FAULTS)
def test_an_illegal_exploit_gets_no_score(name: str, strict: StrictSandbox) -> None:
    fault = judge(build().exploits[name], SMALL, sandbox=strict).fault
    assert fault is not None
    assert fault.kind is FAULTS[name], fault


@pytest.mark.parametrize("name", SCORED)
def test_a_legal_exploit_scores_no_better_than_the_better_seed(name: str, strict: StrictSandbox) -> None:
    best = max(judge(seed, SMALL).scores[BALANCE] for seed in build("default").problem.seeds)
    assert judge(build().exploits[name], SMALL, sandbox=strict).scores[BALANCE] <= best


def test_remembering_answers_wins_no_race(strict: StrictSandbox) -> None:
    fault = race(strict, build().exploits["remember_answers"]).fault
    assert fault is not None
    assert re.search(r"mean balance 0\.\d+; at least 0\.\d+ is asked for", fault.message)


def test_a_race_is_measured_against_the_reference(strict: StrictSandbox) -> None:
    slow = race(
        strict,
        "import numpy as np\n"
        + FOLDER.program("baselines/lpt.py").text.replace(
            "    return lpt(load", "    for _ in range(9):\n        lpt(load, s.slots, s.gpus)\n    return lpt(load"
        ),
    )
    assert slow.fault is None
    assert slow.scores[RELATIVE_CPU] > 2  # ten times the work, less what messages cost both
    assert slow.measures["cpu_ms"] > 2 * slow.measures["reference_cpu_ms"]
    assert slow.measures["timing_turns"] >= 6


def test_a_reference_with_a_forbidden_plan_is_no_fault_of_the_candidate(strict: StrictSandbox) -> None:
    with pytest.raises(SandboxError, match="plan 0: a slot map of shape"):
        race(strict, FOLDER.program("baselines/lpt.py"), "exploits/add_slots.py")


def test_the_suite_speed_compares_with_the_vectorised_reference() -> None:
    package = build("speed")
    assert isinstance(package.referee, PairedReferee)
    assert package.referee.reference == FOLDER.program("baselines/lpt.py")
    assert package.problem.objective.direction == "minimize"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 7", "shape ()"),
        ("return [[0, 1], [2]]", "inhomogeneous"),
        ("1 / 0", "division by zero"),
        ("return load * 0.5", "float64"),
        ("return load > 0", "float64"),
        ("return [[0] * s.slots] * s.layers", "has no slot"),
    ],
)
def test_faults_say_what_was_found(body: str, words: str) -> None:
    fault = judge(f"def plan(s, load):\n    {body}\n").fault
    assert fault is not None
    assert words in fault.message


def test_feedback_tells_the_worst_window_and_a_holdout_has_none() -> None:
    seed = build("default").problem.seeds[0]
    assert "on average, least" in judge(seed).feedback
    assert judge(seed, split=Split.HOLDOUT).feedback == ""


def test_state_and_init_serve() -> None:
    program = (
        "def init(s):\n    s.seen = 0\n\ndef plan(s, load):\n    assert s.seen == s.step\n    s.seen += 1\n"
        "    assert (s.last is None) == (s.step == 0)\n    assert s.rows(load) == load.tolist()\n"
        "    return [[slot % s.experts for slot in range(s.slots)] for _ in range(s.layers)]\n"
    )
    assert judge(program).fault is None


def test_unknown_suites_and_oracles_are_refused() -> None:
    with pytest.raises(ConfigError, match="no suite 'hard'"):
        build("hard")
    package = build("default")
    with pytest.raises(ProblemError, match="no oracle"):
        package.judge_on_host(package.baselines[0], instance(TINY, Split.TRAIN), seed=0)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the public log is looked for."""
    monkeypatch.setenv("THEKLA_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "moe").mkdir()
    scene.cache_clear()
    yield tmp_path / "moe" / "expert-load.json"
    scene.cache_clear()


def written(log: Path, steps: int, experts: int) -> NDArray[np.int64]:
    """Loads of two layers, as a log of that shape."""
    loads = np.random.default_rng(0).integers(0, 50, (steps, 2, experts))
    log.write_text(json.dumps({"load_history": [{"logical_expert_load": step.tolist()} for step in loads]}))
    return loads


def test_the_public_log_is_read_in_windows_and_judged(log: Path) -> None:
    loads = written(log, 250, 256)
    found = scene("log/public")
    assert [window.tolist() for window in found.windows] == [
        loads[:100].sum(axis=0).tolist(),
        loads[100:200].sum(axis=0).tolist(),
    ]
    package = build("public")
    (only,) = package.problem.instances[Split.TRAIN]
    result = judge(package.problem.seeds[0], only.id)
    assert result.fault is None
    assert 0 < result.scores[BALANCE] <= package.bound(only)[BALANCE]


def test_an_absent_log_names_the_command_and_another_file_is_refused(log: Path) -> None:
    with pytest.raises(MissingDataError, match=r"run: thekla data fetch moe/expert-load\.json"):
        scene("log/public")
    written(log, 100, 300)
    with pytest.raises(ProblemError, match="not what was published: 288 slots cannot hold 300 experts"):
        scene("log/public")
    log.write_text("[]")
    with pytest.raises(ProblemError, match=r"not what was published: .* is no load log"):
        scene("log/public")


def test_without_numpy_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        each for each in sys.modules if each.startswith(("thekla.problems.expert_placement.", "thekla.simulators.moe"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delattr(expert_placement, "package", raising=False)
    with pytest.raises(MissingExtraError, match=r'pip install "thekla\[problems\]"'):
        build("default")


def test_every_suite_has_a_line_and_published_figures_have_a_source() -> None:
    assert set(build().suites) == {"default", "calibrated", "public", "speed", "tensors"}
    for suite in ("calibrated", "public"):
        assert all(source for _, source in build(suite).problem.published.values())
    assert build("default").problem.published == {}


def test_the_example_of_the_statement_runs_and_names_stand_in_it() -> None:
    statement = build("default").problem.statement
    example = re.findall(r"```python\n(.*?)```", statement, re.DOTALL)[0]
    result = judge(example, SMALL)
    assert result.scores[BALANCE] == judge(build("default").problem.seeds[0], SMALL).scores[BALANCE]
    for field in interface().types[0].fields:
        assert f"s.{field.name}" in statement


@pytest.mark.parametrize("block", VOCABULARY.blocks, ids=lambda block: block.name)
def test_blocks_parse_and_their_holes_have_known_types(block: Block) -> None:
    declared = {record.name for record in interface().types} | set(interface().numbers)
    for _, hole_type in HOLE.findall(block.text):
        assert set(re.findall(r"\w+", hole_type)) - {"list"} <= declared, hole_type
    text = HOLE.sub(r"hole_\1", block.text)
    compile(text, block.name, "eval" if block.kind == "expression" else "exec")
    assert block.doc


def test_scores_and_measures_are_finite() -> None:
    result = judge(build("default").problem.seeds[0])
    assert all(math.isfinite(value) for value in (*result.scores.values(), *result.measures.values()))
