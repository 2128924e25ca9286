"""What an evaluation costs around an evaluator of microseconds: `python benchmarks/engine.py [--json]`.

`engine` runs the loop, the strategy and the journal on a real run file, with guests in this very process: what guest
and referee themselves take is measured beside it and left out. `waiting` is the same with 64 tickets in flight and
answers that take a second or so each, log-normally: `out` says how many calls were out at once on average,
and at the most (`--ahead 192` lets more be asked while a slow one is waited for). `isolated` adds worker processes and
the strict sandbox: the CPU time of all processes, from the ready workers to the closed run, one fresh confined process
per evaluation. The toy problem's suite `single` has one instance, so that an evaluation is one guest. Each case has a
process of its own.

`--bytes` makes programs longer by functions that nobody calls, `--strategy` and `--prompts` name other parts than the
smallest ones: `--strategy thekla --prompts chat` is what a search by a language model has.

Other load on the machine makes CPU time dear (shared cores, cold caches): `loop ns` is what one turn of a trivial loop
cost before and after the case, on average, to compare rows by. Quote figures from a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from thekla.assembly.build import ahead_of, build_prompts, build_strategy, real_clock, started_of
from thekla.assembly.options import RunOptions
from thekla.core.evaluation import EvaluationDone
from thekla.core.journal import Started
from thekla.core.problem import Problem, ProblemRef
from thekla.core.protocols import Backend
from thekla.core.rng import stream
from thekla.core.run import Prompt, Proposal, Ticket
from thekla.engine import Engine, Journal, Parts
from thekla.evaluation.backends import InlineBackend, LocalBackend
from thekla.evaluation.service import EvaluationService
from thekla.storage import RunFile
from thekla.testing.guests import InProcessSandbox
from thekla.testing.toy import ConstantMutator, ToyPackage

PLUGINS = Path(__file__).parent.parent / "tests" / "plugins"
PROBLEM = ProblemRef(name="toy", suite="single")
TICKS = os.sysconf("SC_CLK_TCK")
TARGETS_MS = {"engine": 1.0, "waiting": 1.0, "isolated": 5.0}
IN_FLIGHT = {"waiting": 64}
ANSWER_S, SPREAD = 1.0, 0.5  # median and sigma of a slow answer


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; CPU is of all processes, without that of start-up."""

    case: str
    strategy: str
    prompts: str
    program_bytes: int
    evaluations: int
    in_flight: int
    out: float
    most_out: int
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


class Proposer(ConstantMutator):
    """Programs of about a length, after a wait, counting the calls that are out.

    Args:
        answer_s: Median seconds of an answer.
    """

    def __init__(self, program_bytes: int, *, answer_s: float) -> None:
        super().__init__()
        count = max(0, program_bytes - 60) // 48  # bytes of the program itself, and of each of these
        self._spare = "".join(f"\n\ndef spare_{k:05}(a):\n    return a * 1{k:05} + 1234\n" for k in range(count))
        self._answer_s = answer_s
        self._out = self.most_out = 0
        self.waited_s = 0.0

    async def propose(self, problem: Problem, ticket: Ticket, prompt: Prompt, *, seed: int) -> Proposal:
        """The mutator's program with the spare functions behind it."""
        self._out += 1
        self.most_out = max(self.most_out, self._out)
        if self._answer_s:
            wait_s = stream(seed, "answer").lognormvariate(math.log(self._answer_s), SPREAD)
            self.waited_s += wait_s
            await asyncio.sleep(wait_s)
        self._out -= 1
        proposal = await super().propose(problem, ticket, prompt, seed=seed)
        program = proposal.program
        return proposal if program is None else replace(proposal, program=program.with_text(program.text + self._spare))


def measure(case: str, evaluations: int, asked: RunOptions, program_bytes: int, folder: Path) -> Row:
    """One run to its end."""
    package = ToyPackage(PROBLEM.suite)
    backend: Backend = (
        LocalBackend(PROBLEM, sandbox="strict", workers=2)
        if case == "isolated"
        else TimedInlineBackend(package, InProcessSandbox())
    )
    options = asked.model_copy(update={"evaluations": evaluations, "in_flight": IN_FLIGHT.get(case, asked.in_flight)})
    started = started_of(options, package, tier="strict" if case == "isolated" else "trusted")
    proposer = Proposer(program_bytes, answer_s=ANSWER_S if case == "waiting" else 0.0)
    path = folder / f"{case}-{evaluations}.thekla"
    costs: list[tuple[float, float]] = []
    loop_ns = loop_cost_ns()
    with RunFile.create(path, path.stem) as store:
        before, begun_s = cpu_s(), time.monotonic()
        asyncio.run(search(package, backend, store, proposer, started, costs))
        cpu, worker_mb = costs[0]
        wall_s = time.monotonic() - begun_s
    disk = path.stat().st_size
    evaluator_s = backend.spent_s if isinstance(backend, TimedInlineBackend) else 0.0
    return Row(
        case=case,
        strategy=options.strategy,
        prompts=options.prompts,
        program_bytes=program_bytes,
        evaluations=evaluations,
        in_flight=started.in_flight,
        out=proposer.waited_s / wall_s,
        most_out=proposer.most_out,
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
    proposer: Proposer,
    started: Started,
    costs: list[tuple[float, float]],
) -> None:
    """The run; what it cost is read before its workers are gone."""
    service = EvaluationService(package, backend, store, reference=PROBLEM, tier=started.tier)
    parts = Parts(
        problem=package.problem,
        strategy=build_strategy(started.components["strategy"], package.problem, seed=started.seed),
        prompts=build_prompts(started.components["prompts"]),
        generator=proposer,
        evaluator=service,
        baselines=package.baselines,
    )
    journal = Journal(store, store.run_id, real_clock())
    async with service:
        engine = Engine(parts, store, journal, run_id=store.run_id, started=started, ahead=ahead_of(started))
        await engine.run()
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--evaluations", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--cases", nargs="+", choices=list(TARGETS_MS), default=list(TARGETS_MS))
    parser.add_argument("--bytes", type=int, nargs="+", default=[60])
    parser.add_argument("--ahead", type=int, default=0)
    parser.add_argument("--strategy", default="islands")
    parser.add_argument("--prompts", default="plain")
    parser.add_argument("--here", action="store_true", help="measure the one case in this process")
    given = parser.parse_args()
    if given.here:
        options = RunOptions(
            problem="toy",
            suite=PROBLEM.suite,
            generator="constants",
            strategy=given.strategy,
            prompts=given.prompts,
            ahead=given.ahead,
            seed=1,
        )
        with TemporaryDirectory() as folder:
            found = measure(given.cases[0], given.evaluations[0], options, given.bytes[0], Path(folder))
        print(json.dumps(asdict(found)))
        return
    parts = ["--strategy", given.strategy, "--prompts", given.prompts, "--ahead", str(given.ahead)]
    rows = [
        measured_apart(case, count, length, parts)
        for case in given.cases
        for length in given.bytes
        for count in given.evaluations
    ]
    if given.json:
        print(json.dumps({"at": datetime.now(UTC).isoformat(), "rows": rows}, indent=2))
        return
    print(f"{'case':<10}{'bytes':>7}{'evals':>8}{'CPU ms':>9}{'target':>8}{'guest ms':>10}{'wall ms':>9}", end="")
    print(f"{'out':>12}{'disk B':>8}{'engine MB':>11}{'worker MB':>11}{'loop ns':>9}")
    for row in rows:
        out = f"{row['out']:.1f}, {row['most_out']}"
        print(
            f"{row['case']:<10}{row['program_bytes']:>7}{row['evaluations']:>8}{row['cpu_ms']:>9.2f}"
            f"{TARGETS_MS[str(row['case'])]:>8.0f}{row['evaluator_ms']:>10.2f}{row['wall_ms']:>9.2f}{out:>12}"
            f"{row['disk_bytes']:>8.0f}{row['engine_mb']:>11.0f}{row['worker_mb']:>11.0f}{row['loop_ns']:>9.0f}"
        )


def measured_apart(case: str, evaluations: int, program_bytes: int, parts: Sequence[str]) -> dict[str, float | str]:
    """A row, measured in a process of its own."""
    asked = ["--cases", case, "--evaluations", str(evaluations), "--bytes", str(program_bytes), *parts]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PLUGINS), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, __file__, "--here", *asked], env=environment, stdout=subprocess.PIPE, check=True
    )
    row: dict[str, float | str] = json.loads(done.stdout)
    return row


if __name__ == "__main__":
    main()
