"""Policies with the original's imports, which resolve only where that was asked for."""

import sys
from types import ModuleType

import pytest

from thekla.simulators.lakehouse import Params, RunResult, eudoxia_imports, load_policy, read_trace, simulate

TRACE = read_trace(
    "pipeline_id,arrival_seconds,priority,operator_id,parents,baseline_cpu_seconds,cpu_scaling,memory_gb,"
    "storage_read_gb\np1,0,QUERY,a,,1,const,,20\n"
)
POLICY = """
from typing import List, Tuple

from eudoxia.executor.assignment import Assignment, ExecutionResult, Suspend
from eudoxia.scheduler import Scheduler
from eudoxia.scheduler.decorators import register_scheduler, register_scheduler_init
from eudoxia.utils import Priority
from eudoxia.workload import OperatorState, Pipeline
from eudoxia.workload.runtime_status import ASSIGNABLE_STATES


@register_scheduler_init(key="mine")
def start(s: Scheduler):
    s.urgent = Priority.QUERY


@register_scheduler(key="mine")
def decide(
    s: Scheduler, results: List[ExecutionResult], pipelines: List[Pipeline]
) -> Tuple[List[Suspend], List[Assignment]]:
    assignments = []
    for pipeline in pipelines:
        assert pipeline.priority == s.urgent
        ops = pipeline.runtime_status().get_ops(ASSIGNABLE_STATES)
        assert [op.state for op in ops] == [OperatorState.PENDING]
        assignments.append(Assignment(ops, 1, 20, pipeline.priority, 0, pipeline.pipeline_id))
    return [], assignments
"""


def run(source: str) -> RunResult:
    return simulate(TRACE, load_policy(source), Params(duration=5, ticks_per_second=10))


def test_a_policy_with_the_original_s_imports_runs_unmodified() -> None:
    with eudoxia_imports():
        result = run(POLICY)
    assert result.fault is None
    assert result.pipelines == (("p1", 0, 19),)


def test_an_import_inside_a_function_is_found_during_the_simulation() -> None:
    source = "def schedule(s, results, pipelines):\n    import eudoxia.utils\n    return [], []"
    with eudoxia_imports():
        assert run(source).fault is None
    fault = run(source).fault
    assert fault is not None
    assert "No module named 'eudoxia'" in fault.message


def test_nothing_stays_behind() -> None:
    before = set(sys.modules)
    with eudoxia_imports():
        load_policy(POLICY)
        import_within = {name for name in sys.modules if name.startswith("eudoxia")}
    assert "eudoxia.scheduler.decorators" in import_within
    assert not {name for name in set(sys.modules) - before if name.startswith("eudoxia")}
    with pytest.raises(ModuleNotFoundError, match="eudoxia"):
        load_policy(POLICY)


def test_it_leaves_even_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), eudoxia_imports():
        load_policy("1 / 0")
    assert "eudoxia" not in sys.modules


def test_an_unknown_path_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"eudoxia\.simulator"), eudoxia_imports():
        load_policy("import eudoxia.simulator")


def test_it_does_not_replace_eudoxia_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    original = ModuleType("eudoxia")
    monkeypatch.setitem(sys.modules, "eudoxia", original)
    with pytest.raises(RuntimeError, match="'eudoxia' is imported already"), eudoxia_imports():
        pass
    assert sys.modules["eudoxia"] is original


@pytest.mark.parametrize(
    "line",
    [
        "from eudoxia.executor.container import Container",
        "from eudoxia.executor import Executor, Assignment",
        "from eudoxia.scheduler.scheduler import Scheduler",
        "from eudoxia.utils.consts import Priority",
        "from eudoxia.workload.pipeline import Operator, Pipeline, Segment",
        "import eudoxia.workload.runtime_status as status; status.ASSIGNABLE_STATES",
        "from eudoxia import register_scheduler",
    ],
)
def test_every_path_below_the_packages_offers_every_name(line: str) -> None:
    with eudoxia_imports():
        load_policy(line)


def test_a_name_that_is_not_offered_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Simulator'"), eudoxia_imports():
        load_policy("from eudoxia.executor import Simulator")
