"""The lakehouse's commands give the original's records, and say what is wrong with what they are given."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from thekla.cli import main
from thekla.core.problem import Split
from thekla.problems.lakehouse import build

GOLDEN = Path(__file__).parents[1] / "data" / "lakehouse" / "golden.jsonl.gz"
RECORDED = ("stats", "exception", "pipelines", "container_tick_times")
SMALL = {"duration": 20, "ticks_per_second": 100, "num_pools": 2, "num_pipelines": 2, "waiting_seconds_mean": 4.0}
DOING_NOTHING = "def schedule(s, results, pipelines):\n    return [], []\n"


def golden_runs() -> Iterator[dict[str, Any]]:
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def toml(values: dict[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / "small"
    folder.mkdir()
    path = folder / "params.toml"
    path.write_text(toml(SMALL))
    return path


def read_json(capsys: pytest.CaptureFixture[str]) -> Any:
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    return json.loads(out)


@pytest.mark.parametrize("every", [70, pytest.param(6, marks=pytest.mark.slow)])
def test_run_prints_the_records_of_the_original(every: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, trace = tmp_path / "params.toml", tmp_path / "trace.csv"
    for golden in list(golden_runs())[every // 2 :: every]:
        path.write_text(toml(golden["params"]))
        trace.write_text(golden["trace"])
        arguments = ["-w", str(trace), "--scheduler", golden["scheduler"], "--compat", "eudoxia-cur", "--json"]
        assert main(["lakehouse", "run", str(path), *arguments]) == 0
        found = read_json(capsys)
        assert found["scheduler"] == golden["scheduler"]
        if "exception" in golden and "transition" in golden["exception"]["message"]:
            del found["exception"]["message"], golden["exception"]["message"]  # they bear random ids
        consumed = [each["stats"].pop("mean_memory_consumed_percent") for each in (found, golden) if "stats" in each]
        assert consumed[:1] == pytest.approx(consumed[1:], rel=1e-9, abs=0)
        assert {name: found[name] for name in RECORDED if name in found} == {
            name: golden[name] for name in RECORDED if name in golden
        }


def test_gentrace_writes_the_original_s_bytes(tmp_path: Path) -> None:
    path, written = tmp_path / "params.toml", tmp_path / "written.csv"
    golden = next(run for run in golden_runs() if run["name"].startswith("pools_and_dags"))
    path.write_text(toml(golden["params"]))
    assert main(["lakehouse", "gentrace", str(path), "-o", str(written)]) == 0
    assert written.read_bytes() == golden["trace"].replace("\n", "\r\n").encode()
    assert main(["lakehouse", "gentrace", str(path), "-o", str(written)]) == 2
    assert main(["lakehouse", "gentrace", str(path), "-o", str(written), "--force"]) == 0


@pytest.mark.slow
def test_generated_workload_is_simulated_as_the_original_does_without_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The published loop's fourth trace: 79.87821 replayed from its file, 79.87834 on the fly (measured on the pin).
    loop = {"num_pools": 1, "ram_gb_per_pool": 500, "multi_operator_containers": False, "num_operators": 10}
    burst = {"num_pipelines": 20, "waiting_seconds_mean": 20.0, "random_seed": 11}
    path, trace = tmp_path / "params.toml", tmp_path / "trace.csv"
    path.write_text(toml({**loop, **burst}))
    assert main(["lakehouse", "gentrace", str(path), "-o", str(trace), "--compat", "eudoxia-pin"]) == 0
    capsys.readouterr()
    latencies = []
    for workload in (["-w", str(trace)], []):
        assert main(["lakehouse", "run", str(path), *workload, "--compat", "eudoxia-pin", "--json"]) == 0
        latencies.append(f"{read_json(capsys)['stats']['adjusted_latency_default']:.5f}")
    assert latencies == ["79.87821", "79.87834"]


def test_run_is_legible_in_eighty_columns(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lakehouse", "run", str(params), "--scheduler", "priority"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert max(map(len, lines)) <= 80
    assert any("interactive" in line for line in lines)
    assert any("adjusted latency" in line for line in lines)


def test_starter_policy_runs_at_once_in_the_sandbox(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lakehouse", "init", str(tmp_path / "mine"), "--json"]) == 0
    files = read_json(capsys)
    shorter = Path(files["params"]).read_text().replace("duration = 600 ", "duration = 120 ")
    Path(files["params"]).write_text(shorter)
    assert main(["lakehouse", "run", files["params"], "--scheduler", files["policy"], "--json"]) == 0
    assert read_json(capsys)["stats"]["containers_completed"] > 50
    assert main(["lakehouse", "init", str(tmp_path / "mine")]) == 2
    assert "--force" in capsys.readouterr().err


EUDOXIA_POLICY = """
from eudoxia.executor.assignment import Assignment
from eudoxia.scheduler.decorators import register_scheduler, register_scheduler_init

@register_scheduler_init(key="greedy")
def prepare(s):
    s.waiting = []

@register_scheduler(key="greedy")
def decide(s, results, pipelines):
    from eudoxia.workload.runtime_status import ASSIGNABLE_STATES
    s.waiting += pipelines
    pool, orders = s.executor.pools[0], []
    for pipeline in s.waiting:
        ready = pipeline.runtime_status().get_ops(ASSIGNABLE_STATES, require_parents_complete=True)
        if ready and not orders and pool.avail_cpu_pool == pool.max_cpu_pool:
            orders.append(Assignment(ready[:1], pool.avail_cpu_pool, pool.avail_ram_pool, pipeline.priority, 0, ""))
    return [], orders
"""


def test_policy_of_eudoxia_runs_alike_in_and_out_of_the_sandbox(
    params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = params.with_name("greedy.py")
    policy.write_text(EUDOXIA_POLICY)
    records = []
    for tier in ("strict", "trusted"):
        assert main(["lakehouse", "run", str(params), "-s", str(policy), "--sandbox", tier, "--json"]) == 0
        records.append(read_json(capsys))
    assert records[0] == records[1]
    assert records[0]["stats"]["containers_completed"] > 0


def test_policy_that_fails_is_told_with_its_line(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = params.with_name("broken.py")
    policy.write_text("def schedule(s, results, pipelines):\n    return 1 / 0\n")
    assert main(["lakehouse", "run", str(params), "-s", str(policy)]) == 1
    said = capsys.readouterr()
    assert "ZeroDivisionError" in said.out
    assert "line 2" in said.err


def test_lenient_run_refuses_and_counts_and_goes_on(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = params.with_name("greedy.py")
    greedy = "Assignment(p.runtime_status().get_ops(ASSIGNABLE_STATES)[:1], 999, 9, p.priority, 0) for p in pipelines"
    policy.write_text(f"def schedule(s, results, pipelines):\n    return [], [{greedy}]\n")
    command = ["lakehouse", "run", str(params), "-s", str(policy), "--sandbox", "trusted"]
    assert main(command) == 1
    assert "line 2" in capsys.readouterr().out
    assert main([*command, "--lenient"]) == 0
    assert "refused, overallocated_cpu" in capsys.readouterr().out


def test_rest_asks_the_address_of_the_parameters(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        params.write_text(toml({**SMALL, "scheduler_algo": "rest", "rest_scheduler_addr": address}))
        assert main(["lakehouse", "run", str(params)]) == 1
    assert "ConnectionRefusedError" in capsys.readouterr().out


def test_list_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lakehouse", "list", "--json"]) == 0
    found = read_json(capsys)
    groups = {"policies", "oracles", "estimators", "compat", "calls", "trace suites", "suites"}
    assert set(found) == groups
    assert {"naive", "priority", "priority-pool", "overbook"} <= set(found["policies"])
    assert all(about for names in found.values() for about in names.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_pool": 2}, "did you mean 'num_pools'"),
        ({"duration": "long"}, "give a number"),
        ({"duration": -1}, "duration is -1"),
        ({"estimator_algo": "exact"}, "'noisy'"),
        ({"multi_operator_containers": 1}, "true or false"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_parameter_is_named_with_its_remedy(
    change: dict[str, Any], said: str, params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params.write_text(toml({**SMALL, **change}))
    assert main(["lakehouse", "run", str(params)]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "params.toml" in message


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scheduler", "prioritty"], "built-in ones are"),
        (["--compat", "eudoxia"], "eudoxia-pin"),
        (["--calls", "often"], "exact"),
        (["--sandbox", "none"], "strict or trusted"),
        (["-w", "missing.csv"], "missing.csv"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_option_is_bad_input(
    arguments: list[str], said: str, params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lakehouse", "run", str(params), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_compare_ranks_policies_by_paired_differences(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    idle, broken = params.with_name("idle.py"), params.with_name("broken.py")
    idle.write_text(DOING_NOTHING)
    broken.write_text("def schedule(s, results, pipelines):\n    return 1 / 0\n")
    names = ["naive", "priority", str(idle), str(broken)]
    arguments = ["lakehouse", "compare", *names, "--params", str(params), "--seeds", "4", "--objective", "mean_all"]
    arguments += ["--sandbox", "trusted"]
    assert main([*arguments, "--json"]) == 0
    found = read_json(capsys)
    assert found["workloads"] == ["seed-42", "seed-43", "seed-44", "seed-45"]
    rows = {row["name"]: row for row in found["policies"]}
    assert [row["name"] for row in found["policies"]] == ["naive", "priority", "idle", "broken"]
    assert rows["broken"]["score"] is None
    assert "ZeroDivisionError" in rows["broken"]["failed"]
    assert rows["idle"]["score"] == 40.0  # twice the length: nothing completed
    differences = [rows["naive"]["instances"][name] - rows["idle"]["instances"][name] for name in found["workloads"]]
    paired = rows["idle"]["against_best"]
    assert paired["mean"] == pytest.approx(sum(differences) / 4)
    assert (paired["wins"], paired["ties"], paired["losses"]) == (0, 0, 4)
    assert rows["naive"]["against_best"] is None
    assert found["verdict"].startswith("naive ")
    assert main(arguments) == 0
    table, _, said = capsys.readouterr().out.partition("naive ")
    assert max(map(len, table.split("\n"))) <= 80
    assert "broken failed on seed-42" in said


@pytest.mark.slow
def test_suite_becomes_a_folder_that_a_run_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lakehouse", "list", "--json"]) == 0
    name = next(iter(read_json(capsys)["trace suites"]))
    folder = tmp_path / "suite"
    assert main(["lakehouse", "suite", name, "-o", str(folder), "--json"]) == 0
    assert read_json(capsys)["traces"] == len(list(folder.glob("*/*.csv"))) > 5
    package = build(traces=str(folder), objective="p95_query")
    assert package.problem.instances[Split.TRAIN]
    assert main(["lakehouse", "suite", name, "-o", str(folder)]) == 2
    assert main(["lakehouse", "suite", "no-such", "-o", str(tmp_path / "x")]) == 2


def test_oracle_can_be_compared(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["lakehouse", "compare", "exact-fifo", "naive", "--params", str(params), "--seeds", "2", "--json"]
    assert main(arguments) == 0
    assert {row["name"]: row["failed"] for row in read_json(capsys)["policies"]} == {"exact-fifo": "", "naive": ""}


def test_compare_takes_traces_and_tells_equal_policies_apart_from_none(
    params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    traces = [params.with_name(f"{name}.csv") for name in ("one", "two", "three")]
    for number, trace in enumerate(traces):
        params.write_text(toml({**SMALL, "random_seed": number}))
        assert main(["lakehouse", "gentrace", str(params), "-o", str(trace)]) == 0
    copy = params.with_name("copy.py")
    copy.write_text(DOING_NOTHING)
    other = params.with_name("other.py")
    other.write_text(DOING_NOTHING)
    workloads = [word for trace in traces for word in ("-w", str(trace))]
    capsys.readouterr()
    arguments = [
        "lakehouse",
        "compare",
        str(copy),
        str(other),
        "--params",
        str(params),
        *workloads,
        "--sandbox",
        "trusted",
        "--json",
    ]
    assert main(arguments) == 0
    found = read_json(capsys)
    assert found["workloads"] == ["one", "two", "three"]
    assert "cannot be told apart" in found["verdict"]
    assert main(["lakehouse", "compare", "naive", "naive", "--params", str(params)]) == 2
    assert "same name" in capsys.readouterr().err


def test_timeline_writes_a_page_a_drawing_and_an_event_log(params: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, drawing, log = (params.with_name(name) for name in ("t.html", "t.svg", "t.json"))
    command = ["lakehouse", "timeline", str(params), "--scheduler", "priority"]
    assert main([*command, "-o", str(page), "--perfetto", str(log)]) == 0
    assert capsys.readouterr().out.split() == [str(page), str(log)]
    assert main([*command, "-o", str(drawing), "--from", "2", "--until", "6"]) == 0
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    assert "Content-Security-Policy" in text
    assert "<svg" in text
    assert drawing.read_text().startswith("<svg")
    assert len(drawing.read_text()) < len(text)
    assert json.loads(log.read_text())["traceEvents"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a file to write"),
        (["-o", "t.png"], ".svg nor .html"),
        (["-o", "t.svg", "--from", "9", "--until", "3"], "nothing is to be drawn"),
    ],
    ids=["no file", "suffix", "window"],
)
def test_timeline_says_what_it_cannot_draw(
    arguments: list[str], said: str, params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lakehouse", "timeline", str(params), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_sensitivity_draws_different_workloads_for_different_seeds(
    params: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for seeds in (1, 2):
        arguments = ["--scheduler", "priority", "--seeds", str(seeds), "--objective", "mean_all", "--json"]
        assert main(["lakehouse", "sensitivity", str(params), *arguments]) == 0
        found.append(read_json(capsys))
    assert [row["ticks_per_second"] for row in found[0]["rows"]][::3] == [1, 10, 100]
    assert found[1]["workloads"] == ["seed-42", "seed-43"]
    assert found[0]["rows"] != found[1]["rows"]
