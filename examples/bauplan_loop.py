"""Bauplan's sampling loop, end to end: thirty programs by one model that sees the whole history.

With a model (its key in the environment), this is the published loop on the published traces:

    python examples/bauplan_loop.py anthropic:claude-sonnet-4-5 openai:gpt-5.2

Without one, a scripted model answers, faults and all: no key, no network. Each program is simulated on ten traces of
600 s, so a run takes minutes; most of them are the judging of the finalists and the ladder after the search.

    python examples/bauplan_loop.py

Each model gets a run; at the end stand a table of all attempts, what each model cost, and the reports with the best so
far on a logarithmic axis.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from thekla import assembly
from thekla.core.evaluation import Scored
from thekla.core.visible import duration, number
from thekla.testing.model_server import FAULTS, ModelServer, Reply

SIZED = '''
"""First in, first out, with a share of the pool for each operator: {share} of the memory."""


def init(s):
    s.waiting = []


def schedule(s, results, pipelines):
    s.waiting.extend(pipelines)
    {order}
    assignments = []
    for pool in s.executor.pools:
        cpu, ram = pool.avail_cpu_pool, pool.avail_ram_pool
        want_cpu, want_ram = pool.max_cpu_pool * {share}, pool.max_ram_pool * {share}
        for pipeline in list(s.waiting):
            status = pipeline.runtime_status()
            if status.is_pipeline_successful():
                s.waiting.remove(pipeline)
                continue
            for op in status.get_ops(ASSIGNABLE_STATES, require_parents_complete=True):
                ram_gb = want_ram if op.last_ram_gb is None else 2 * op.last_ram_gb
                if want_cpu <= cpu and ram_gb <= ram:
                    assignments.append(Assignment([op], want_cpu, ram_gb, pipeline.priority, pool.pool_id))
                    cpu -= want_cpu
                    ram -= ram_gb
    return [], assignments
'''


def answers() -> Sequence[str]:
    """What the scripted model answers, from weak to good."""
    by_class = "s.waiting.sort(key=lambda pipeline: pipeline.priority)"
    shortest = "s.waiting.sort(key=lambda pipeline: (pipeline.remaining_operators, pipeline.priority))"
    baseline = files("thekla.problems.lakehouse").joinpath("baselines/shortest_first.py").read_text(encoding="utf-8")
    programs = [
        SIZED.format(share=0.5, order="pass"),
        SIZED.format(share=0.5, order="s.backlog.sort()"),
        SIZED.format(share=0.25, order="pass"),
        SIZED.format(share=0.12, order=by_class),
        SIZED.format(share=0.11, order=shortest),
        baseline,
    ]
    first, *others = [f"A step further.\n\n```python\n{program.strip()}\n```\n" for program in programs]
    prose = "I would first sort the queue by class, and then look at memory."
    return [prose, first, "```python\ndef (:\n```", *others]


def scripted(number: int, body: Mapping[str, Any]) -> Reply:
    """The reply to a request: an answer by the length of the conversation, and now and then a fault before it."""
    attempts = sum(message["role"] == "assistant" for message in body["messages"])
    script = answers()
    if number % 4 == 1:
        return FAULTS["busy"](script[0])
    return Reply(text=script[min(attempts, len(script) - 1)])


def run(model: Mapping[str, Any] | str, *, runs: Path, proposals: int, sandbox: str) -> str:
    """One run of the loop; returns its id."""
    given: dict[str, Any] = {"model": model} if isinstance(model, str) else {}
    if not given:
        given["arguments"] = {"generator": {"ensemble": [model]}}
    options = assembly.load_options(preset="bauplan-loop", proposals=proposals, sandbox=sandbox, **given)
    return assembly.run(options, runs=runs, observer=lambda progress: None).run_id


def tell(run_id: str, runs: Path) -> None:
    """Print the attempts of a run, its models and where its report is."""
    view = assembly.view(run_id, runs)
    print(f"\n{run_id}: {view.objective.name} in {view.objective.unit}, {view.objective.direction}")
    best: float | None = None
    for candidate in view.candidates:
        outcome = candidate.outcome
        score = view.score(outcome)
        if score is not None and (best is None or view.objective.gain(score) > view.objective.gain(best)):
            best = score
        said = number(score) if isinstance(outcome, Scored) else f"{outcome.kind}: {outcome.message[:60]}"
        print(f"  {candidate.ticket:>4}  {said:<72}  best {number(best)}")
    for calls in view.models:
        spent = calls.spending
        cost = "no price known" if spent.cost_usd is None else f"${spent.cost_usd:.4f}"
        print(
            f"  {calls.who}: {calls.answers} answers, {calls.programs} programs, {spent.calls} requests, "
            f"{spent.input_tokens:,} tokens in, {spent.output_tokens:,} out, {cost}, {duration(spent.wall_s)}"
        )
    (report,) = assembly.write_report(run_id, runs, html=None, markdown=None)
    print(f"  report: {report}")


def main() -> None:
    """Run the loop for each model that is named, or for the scripted one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="as in provider:model; none for the scripted model")
    parser.add_argument("--proposals", type=int, default=None, help="iterations; 30, or 10 for the scripted model")
    parser.add_argument("--runs", type=Path, default=None, help="folder of the run files; a temporary one")
    parser.add_argument("--sandbox", default="strict", help="`trusted` runs the programs without protection")
    given = parser.parse_args()
    runs = given.runs or Path(tempfile.mkdtemp(prefix="bauplan-loop-"))
    if given.models:
        for model in given.models:
            tell(run(model, runs=runs, proposals=given.proposals or 30, sandbox=given.sandbox), runs)
        return
    with ModelServer(scripted) as server:
        entry = server.entry(format="full", max_tokens=8000)
        tell(run(entry, runs=runs, proposals=given.proposals or 10, sandbox=given.sandbox), runs)


if __name__ == "__main__":
    main()
