"""Candidates that do nothing, cheat or do harm: none may score better than honest work does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from thekla.audit.bench import Bench
from thekla.audit.checks._wording import score_text
from thekla.audit.findings import Finding, Severity
from thekla.audit.programs import meddling, raising, spoiling, worthless
from thekla.core.program import Program
from thekla.core.protocols import WithExploits

__all__ = ["exploits_gain_nothing", "harm_changes_nothing", "raising_fails", "seeds_run", "worthless_scores_nothing"]

_FACTORS = (0.0, 1e6)  # of a spoiled argument: extreme, so that no honest decision made from it is a good one


def seeds_run(bench: Bench) -> Iterator[Finding]:
    """Every seed scores; seeds differ; the search has more than one to start from."""
    behaviours = set()
    for number, seed in enumerate(bench.problem.seeds, 1):
        trials = bench.trials(seed)
        for trial in trials:
            if trial.result.fault is not None:
                fault = trial.result.fault
                yield Finding(
                    fault="failing_seed",
                    severity=Severity.FATAL,
                    message=f"seed {number} fails on {trial.instance.id} ({fault.kind}): {fault.message}",
                    remedy="a search starts from its seeds: make each run on every instance",
                )
                break
        behaviours.add(tuple(repr(call.answer) for trial in trials for call in trial.transcript.calls))
    if len(behaviours) < len(bench.problem.seeds):
        yield Finding(
            fault="equal_seeds",
            severity=Severity.WARNING,
            message=f"{len(bench.problem.seeds)} seeds decide in only {len(behaviours)} different ways on the sample",
            remedy="replace seeds that decide alike: what a search can reach depends on how its seeds differ",
        )
    if len(bench.problem.seeds) == 1:
        yield Finding(
            fault="one_seed",
            severity=Severity.INFO,
            message="there is one seed; three to five that work differently reach further",
        )


def worthless_scores_nothing(bench: Bench) -> Iterator[Finding]:
    """A program that does no work scores at or below the floor, or fails."""
    yield from _at_most_the_floor(
        bench,
        worthless(bench.problem.interface),
        fault="worthless_scores",
        remedy="let the referee refuse answers that leave work undone, or score them below every program that works",
    )


def exploits_gain_nothing(bench: Bench) -> Iterator[Finding]:
    """The cheats that the problem ships score at or below the floor, or fail."""
    if not isinstance(bench.package, WithExploits):
        yield Finding(
            fault="no_exploits",
            severity=Severity.INFO,
            message="the problem ships no programs that cheat; add those that you can think of to exploits/",
        )
        return
    yield from _at_most_the_floor(
        bench,
        bench.package.exploits,
        fault="exploit_pays",
        remedy="repair the referee so that this program is refused or scores what its honest part deserves",
    )


def _at_most_the_floor(bench: Bench, programs: Mapping[str, Program], *, fault: str, remedy: str) -> Iterator[Finding]:
    floor = bench.floor
    for name, program in programs.items():
        gain = bench.gain(bench.trials(program, hasty=True))
        if gain is None or floor is None or not bench.beats_the_floor(program, gain):
            continue
        yield Finding(
            fault=fault,
            severity=Severity.FATAL,
            message=f"program {name!r} scores {score_text(bench, gain)}, better than every trivial rung and seed "
            f"({score_text(bench, floor)})",
            remedy=remedy,
            subject=name,
            evidence={"program": name, "gain": gain, "floor": floor},
        )


def raising_fails(bench: Bench) -> Iterator[Finding]:
    """A program that raises has no score."""
    for trial in bench.trials(raising(bench.problem.interface), hasty=True):
        score = trial.score(bench.objective)
        if score is not None:
            yield Finding(
                fault="skipped_failures",
                severity=Severity.FATAL,
                message=f"a program that raises in every call scores {score:g} on {trial.instance.id}",
                remedy="let the referee return a fault when a call raises GuestFault; a failure is never a number",
                evidence={"score": score, "instance": trial.instance.id},
            )
            return


def harm_changes_nothing(bench: Bench) -> Iterator[Finding]:
    """Changing its inputs, clocks, random numbers or modules gains a program nothing."""
    seed, interface, instance = bench.problem.seeds[0], bench.problem.interface, bench.sample[0]
    ceiling = bench.ceiling(instance)
    if ceiling is None:
        return
    harmful = {f"multiplies its inputs by {each:g}": spoiling(seed, interface, factor=each) for each in _FACTORS}
    if bench.confined:  # else the clocks would be this process's own
        harmful["changes clocks, random numbers and modules"] = meddling(seed)
    for name, program in harmful.items():
        score = bench.trial(program, instance, hasty=True).score(bench.objective)
        gain = None if score is None else bench.objective.gain(score)
        if gain is not None and gain > ceiling + bench.margin:
            spoils = name.startswith("multiplies")
            yield Finding(
                fault="mutable_inputs" if spoils else "reachable_evaluator",
                severity=Severity.FATAL,
                message=f"a seed that {name} after answering scores {score_text(bench, gain)} on {instance.id}; "
                f"the best rung there has {score_text(bench, ceiling)}",
                remedy="let only decisions cross back (an order, an assignment, a number of a thing), and compute the "
                "score from the referee's own copy of the instance",
                evidence={"gain": gain, "ceiling": ceiling},
            )
