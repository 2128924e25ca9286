"""What a policy is told of the needs of operators, and nothing besides."""

import math
from statistics import median

import pytest

from thekla.simulators.lakehouse import (
    Estimator,
    Params,
    RunResult,
    Work,
    eudoxia_imports,
    load_estimator,
    load_policy,
    noisy_estimator,
    read_trace,
    simulate,
)

numpy = pytest.importorskip("numpy")

# In visiting order `b` comes before `c`, and after the roots `a` and `d`.
TRACE = read_trace(
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\n"
    "p1,0,QUERY,a,,1,const,,20\np1,,,b,a,1,const,3.5,20\np1,,,c,b,1,const,,5\np1,,,d,,1,const,,7\n"
    "p2,1,QUERY,a,,1,const,,9\n"
)
VISITED = [20, 7, 3.5, 5, 9]
SEEN = """
def init(s):
    s.seen = []

def schedule(s, results, pipelines):
    s.seen += [op.estimate.mem_peak_gb for p in pipelines for op in p.operators]
    return [], []
"""


def seen(estimator: Estimator | None) -> list[float | None]:
    session = load_policy(SEEN)
    simulate(TRACE, session, Params(duration=5, ticks_per_second=10), estimator=estimator)
    estimates: list[float | None] = session.scheduler.seen
    return estimates


def test_without_an_estimator_there_is_no_hint() -> None:
    assert seen(None) == [None] * 5


def test_without_noise_the_hint_is_the_peak() -> None:
    assert seen(noisy_estimator()) == VISITED


def test_noise_is_one_draw_per_operator_in_visiting_order() -> None:
    rng = numpy.random.default_rng(7)
    assert seen(noisy_estimator(sigma=0.5, seed=7)) == [peak * rng.lognormal(0, 0.5) for peak in VISITED]


def test_noise_has_median_one_and_the_given_spread() -> None:
    # n = 4000: the standard errors are 0.006 for the mean logarithm and 0.004 for its deviation.
    estimate = noisy_estimator(sigma=0.4, seed=1)
    work = Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=10)
    logs = [math.log((estimate(work) or 0) / 10) for _ in range(4000)]
    assert median(logs) == pytest.approx(0, abs=0.03)
    assert numpy.std(logs) == pytest.approx(0.4, abs=0.02)


def test_an_estimator_may_know_nothing_of_some_operators() -> None:
    assert seen(lambda work: work.memory_gb) == [None, None, 3.5, None, None]


def test_the_truth_decides_and_not_the_hint() -> None:
    source = """
def schedule(s, results, pipelines):
    ops = [p.operators[0] for p in pipelines]
    return [], [Assignment([op], 1, op.estimate.mem_peak_gb, 1, 0) for op in ops]
"""

    def run(factor: float) -> RunResult:
        params = Params(duration=10, ticks_per_second=10)
        return simulate(TRACE, load_policy(source), params, estimator=lambda work: work.peak_memory_gb * factor)

    assert run(1).statistics.failures == 0
    assert run(0.9).statistics.failure_error_counts == {"OOM": 2}


@pytest.mark.parametrize("arguments", [{"sigma": -0.1}, {"sigma": math.nan}, {"seed": -1}])
def test_impossible_noise_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        noisy_estimator(**arguments)  # type: ignore[arg-type]  # wrong on purpose


PROGRAM = """
@register_estimator_init(key="peak")
def start(e):
    e.asked = 0

@register_estimator(key="peak")
def estimate(e, operator):
    e.asked += 1
    peak = max(each.storage_read_gb if each.memory_gb is None else each.memory_gb for each in operator.get_segments())
    RETURN
"""


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("return e.params['factor'] * peak", [2 * peak for peak in VISITED]),
        ("return Estimate(peak)", VISITED),
        ("operator.estimate.mem_peak_gb = peak", VISITED),
        ("operator.estimate = Estimate(peak)", VISITED),
        ("return e.asked", [1, 2, 3, 4, 5]),
        ("return None", [None] * 5),
    ],
)
def test_a_registered_estimator_hints(end: str, expected: list[float | None]) -> None:
    assert seen(load_estimator(PROGRAM.replace("RETURN", end), params={"factor": 2})) == expected


def test_a_registered_estimator_with_the_original_s_imports_runs_unmodified() -> None:
    imports = "from eudoxia.estimator.decorators import register_estimator, register_estimator_init\n"
    with eudoxia_imports():
        estimator = load_estimator(imports + PROGRAM.replace("RETURN", "return peak"))
    assert seen(estimator) == VISITED


def test_a_program_without_an_estimator_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mine.py registers no estimator; decorate one"):
        load_estimator("x = 1", filename="mine.py")
