"""What an evaluation costs around an evaluator of microseconds: `python benchmarks/engine.py [--json]`.

`engine` runs the loop, the strategy and the journal on a real run file, with guests in this very process: what guest
and referee themselves take is measured beside it and left out. `isolated` adds worker processes and the strict sandbox:
the CPU time of all processes, from the ready workers to the closed run, one fresh confined process per evaluation. The
toy problem's suite `single` has one instance, so that an evaluation is one guest. Each case has a process of its own.

Other load on the machine makes CPU time dear (shared cores, cold caches): `loop ns` is what one turn of a trivial loop
cost before and after the case, on average, to compare rows by. Quote figures from a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from thekla.assembly.build import real_clock, started_of
from thekla.assembly.options import RunOptions
from thekla.core.evaluation import EvaluationDone
from thekla.core.journal import Started
from thekla.core.problem import ProblemRef
from thekla.core.protocols import Backend
from thekla.core.rng import derive_seed
from thekla.engine import Engine, Journal, Parts
from thekla.evaluation.backends import InlineBackend, LocalBackend
from thekla.evaluation.service import EvaluationService
from thekla.search import Islands
from thekla.storage import RunFile
from thekla.testing.guests import InProcessSandbox
from thekla.testing.toy import ConstantMutator, PlainPrompts, ToyPackage

PLUGINS = Path(__file__).parent.parent / "tests" / "plugins"
PROBLEM = ProblemRef(name="toy", suite="single")
TICKS = os.sysconf("SC_CLK_TCK")
TARGETS_MS = {"engine": 1.0, "isolated": 5.0}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; CPU is of all processes, without that of start-up."""

    case: str
    evaluations: int
    cpu_ms: float
    evaluator_ms: float
    wall_ms: float
    disk_bytes: float
    engine_mb: float
    worker_mb: float
    loop_ns: float


class TimedInlineBackend(InlineBackend):
    """Counts the CPU time of guests and referee, which run in its thread."""

    spent_s = 0.0

    def completed(self, timeout_s: float | None = None) -> Iterator[EvaluationDone]:
        begun_s = time.thread_time()
        yield from list(super().completed(timeout_s))
        self.spent_s += time.thread_time() - begun_s


def measure(case: str, evaluations: int, folder: Path) -> Row:
    """One run to its end."""
    package = ToyPackage(PROBLEM.suite)
    backend: Backend = (
        TimedInlineBackend(package, InProcessSandbox())
        if case == "engine"
        else LocalBackend(PROBLEM, sandbox="strict", workers=2)
    )
    options = RunOptions(
        problem="toy", suite="single", generator="constants", prompts="plain", evaluations=evaluations, seed=1
    )
    started = started_of(options, package, tier="trusted" if case == "engine" else "strict")
    path = folder / f"{case}-{evaluations}.thekla"
    costs: list[tuple[float, float]] = []
    loop_ns = loop_cost_ns()
    with RunFile.create(path, path.stem) as store:
        before, begun_s = cpu_s(), time.monotonic()
        asyncio.run(search(package, backend, store, options, started, costs))
        cpu, worker_mb = costs[0]
        wall_s = time.monotonic() - begun_s
    disk = path.stat().st_size
    evaluator_s = backend.spent_s if isinstance(backend, TimedInlineBackend) else 0.0
    return Row(
        case=case,
        evaluations=evaluations,
        cpu_ms=(cpu - before[0] - evaluator_s) * 1000 / evaluations,
        evaluator_ms=evaluator_s * 1000 / evaluations,
        wall_ms=wall_s * 1000 / evaluations,
        disk_bytes=disk / evaluations,
        engine_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        worker_mb=worker_mb,
        loop_ns=(loop_ns + loop_cost_ns()) / 2,
    )


def loop_cost_ns(turns: int = 2_000_000) -> float:
    """CPU nanoseconds of one turn of a trivial loop, at this moment."""
    begun_s, total = time.process_time(), 0
    for turn in range(turns):
        total += turn
    return (time.process_time() - begun_s) * 1e9 / turns


async def search(
    package: ToyPackage,
    backend: Backend,
    store: RunFile,
    options: RunOptions,
    started: Started,
    costs: list[tuple[float, float]],
) -> None:
    """The run; what it cost is read before its workers are gone."""
    service = EvaluationService(package, backend, store, reference=PROBLEM, tier=started.tier)
    parts = Parts(
        problem=package.problem,
        strategy=Islands(package.problem, seed=derive_seed(options.seed, "strategy")),
        prompts=PlainPrompts(),
        generator=ConstantMutator(),
        evaluator=service,
        baselines=package.baselines,
    )
    journal = Journal(store, store.run_id, real_clock())
    async with service:
        await Engine(parts, store, journal, run_id=store.run_id, started=started).run()
        costs.append(cpu_s())


def cpu_s() -> tuple[float, float]:
    """CPU seconds of this process and all that it started, alive or reaped, and the largest peak memory among these."""
    total, peak_mb = time.process_time(), 0.0
    for pid in family(os.getpid()):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15]) / TICKS  # user, system, and those of reaped children
            status = Path(f"/proc/{pid}/status").read_text()
            peak_mb = max(peak_mb, int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    return total, peak_mb


def family(pid: int) -> Iterator[int]:
    """All descendants of a process that are alive."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield int(child)
                yield from family(int(child))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--evaluations", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--cases", nargs="+", choices=list(TARGETS_MS), default=list(TARGETS_MS))
    parser.add_argument("--here", action="store_true", help="measure the one case in this process")
    options = parser.parse_args()
    if options.here:
        with TemporaryDirectory() as folder:
            print(json.dumps(asdict(measure(options.cases[0], options.evaluations[0], Path(folder)))))
        return
    rows = [measured_apart(case, count) for case in options.cases for count in options.evaluations]
    if options.json:
        print(json.dumps({"at": datetime.now(UTC).isoformat(), "rows": rows}, indent=2))
        return
    print(f"{'case':<10}{'evals':>7}{'CPU ms':>9}{'target':>8}{'guest ms':>10}{'wall ms':>9}{'disk B':>8}", end="")
    print(f"{'engine MB':>11}{'worker MB':>11}{'loop ns':>9}")
    for row in rows:
        print(
            f"{row['case']:<10}{row['evaluations']:>7}{row['cpu_ms']:>9.2f}{TARGETS_MS[str(row['case'])]:>8.0f}"
            f"{row['evaluator_ms']:>10.2f}{row['wall_ms']:>9.2f}{row['disk_bytes']:>8.0f}"
            f"{row['engine_mb']:>11.0f}{row['worker_mb']:>11.0f}{row['loop_ns']:>9.0f}"
        )


def measured_apart(case: str, evaluations: int) -> dict[str, float | str]:
    """A row, measured in a process of its own."""
    command = [sys.executable, __file__, "--here", "--cases", case, "--evaluations", str(evaluations)]
    environment = {**os.environ, "PYTHONPATH": str(PLUGINS)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    row: dict[str, float | str] = json.loads(done.stdout)
    return row


if __name__ == "__main__":
    main()
