"""The ladder stands: its rungs are in order, bounds hold and can be reached, and scores tell programs apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from thekla.audit.bench import Bench, Trial
from thekla.audit.checks._wording import score_text
from thekla.audit.findings import Finding, Severity
from thekla.core.problem import Role, Split

__all__ = ["bounds_hold", "noise_is_small", "rungs_are_ordered", "scores_tell_apart", "seeds_leave_room"]

_ORDER: Sequence[Role] = ("trivial", "rule", "state_of_the_art")
_NAMES: Mapping[str, str] = {"trivial": "trivial", "rule": "simple rule", "state_of_the_art": "state of the art"}
_MUTANTS = 12
_COARSE = 0.1  # share of variants of a seed below which a search sees next to nothing of what it changes
_FAR_BELOW = 0.25  # of the way from floor to bound that not even the oracle goes
_FAR_ABOVE = 0.01  # of the way from floor to bound by which a stated bound may not exceed what is proven
_ROUNDING = 1e-6  # of the way from floor to bound: a stated bound may be rounded
_POWER = 2.8  # standard errors: found with a probability of 80 % at a level of 5 %, two-sided


def _gains(bench: Bench, ids: Iterable[str] | None = None) -> dict[str, float]:
    """The gain of every rung and seed that has one on all instances of the ladder, or on those of the ids."""
    found = {}
    chosen = list(next(iter(bench.ladder.values()), {}) if ids is None else ids)
    for name, results in bench.ladder.items():
        gain = bench.fold([results[id].scores.get(bench.objective.name) for id in chosen])
        if gain is not None:
            found[name] = gain
    return found


def rungs_are_ordered(bench: Bench) -> Iterator[Finding]:
    """Every rung runs; the state of the art beats the simple rules, and they beat the trivial rungs."""
    for rung in bench.package.baselines:
        fault = next((result.fault for result in bench.ladder[rung.name].values() if result.fault), None)
        if fault is not None:
            yield Finding(
                fault="failing_rung",
                severity=Severity.FATAL,
                message=f"rung {rung.name!r} fails ({fault.kind}): {fault.message}",
                remedy="a ladder whose rungs fail compares with nothing: repair the program, or take it out",
                subject=rung.name,
            )
    gains = _gains(bench)
    best: dict[str, tuple[str, float]] = {}
    for rung in bench.package.baselines:
        if rung.name in gains and rung.role in _ORDER and gains[rung.name] > best.get(rung.role, ("", -math.inf))[1]:
            best[rung.role] = (rung.name, gains[rung.name])
    if "state_of_the_art" not in best:
        yield Finding(
            fault="no_state_of_the_art",
            severity=Severity.INFO,
            message="no rung is a state of the art that runs: a result will be compared with simple rules only",
        )
    present = [role for role in _ORDER if role in best]
    for place, upper in enumerate(present):
        for lower in present[:place]:
            yield from _in_order(bench, (lower, *best[lower]), (upper, *best[upper]))


def _in_order(bench: Bench, lower: tuple[str, str, float], upper: tuple[str, str, float]) -> Iterator[Finding]:
    """Nothing, if the best rung of the upper role beats that of the lower one by more than noise."""
    (low_role, low_name, low), (high_role, high_name, high) = lower, upper
    if high > low + bench.margin:
        return
    idle = (low_role, high_role) == ("trivial", "state_of_the_art")
    yield Finding(
        fault="idle_state_of_the_art" if idle else "ladder_out_of_order",
        severity=Severity.FATAL if idle else Severity.WARNING,
        message=f"{_NAMES[high_role]} {high_name!r} ({score_text(bench, high)}) does not beat {_NAMES[low_role]} "
        f"{low_name!r} ({score_text(bench, low)})",
        remedy="find out whether the stronger rung is what it claims to be or the evaluator does not see what it does; "
        "then correct it or its role",
        evidence={"lower": low_name, "upper": high_name, "gains": [low, high], "margin": bench.margin},
    )


def bounds_hold(bench: Bench) -> Iterator[Finding]:
    """No program is better than a proven bound, and the stated bound is not further than the proven ones."""
    ids = next(iter(bench.ladder.values()), {})
    bounds = bench.affordable_bounds(one for one in bench.problem.instances[Split.TRAIN] if one.id in ids)
    yield from _broken_bounds(bench, bounds)
    proven = bench.fold(list(bounds.values()))
    stated = None if bench.objective.bound is None else bench.objective.gain(bench.objective.bound)
    if proven is not None and stated is not None and bench.floor is not None:
        scale = abs(stated - bench.floor) or 1.0
        if stated - proven > _ROUNDING * scale:
            yield Finding(
                fault="unreachable_bound",
                severity=Severity.FATAL if stated - proven > _FAR_ABOVE * scale else Severity.INFO,
                message=f"the stated bound is {score_text(bench, stated)}, and no program can have more than "
                f"{score_text(bench, proven)} on the instances judged",
                remedy="state what can be reached: reports measure what is left to gain by it",
                evidence={"stated": stated, "proven": proven},
            )
    yield from _distance_of_oracle(bench, bounds)


def _broken_bounds(bench: Bench, bounds: Mapping[str, float | None]) -> Iterator[Finding]:
    gain = bench.objective.gain
    for name, results in bench.ladder.items():
        for id, bound in bounds.items():
            score = results[id].scores.get(bench.objective.name)
            if bound is None or score is None:
                continue
            if gain(score) > gain(bound) + max(bench.margin, 1e-9 * abs(bound)):
                yield Finding(
                    fault="broken_bound",
                    severity=Severity.FATAL,
                    message=f"{name!r} scores {score:g} on {id}, better than the proven bound {bound:g}",
                    remedy="either the bound's proof or the score is wrong; both are relied on",
                    evidence={"rung": name, "instance": id, "score": score, "bound": bound},
                )
                return


def _distance_of_oracle(bench: Bench, bounds: Mapping[str, float | None]) -> Iterator[Finding]:
    """Whether a program that knows the hidden truth gets near the bound, on the instances whose bound is known."""
    bound = bench.fold(list(bounds.values()))
    gains = _gains(bench, bounds)
    oracles = [gains[rung.name] for rung in bench.package.baselines if rung.role == "oracle" and rung.name in gains]
    weak = [gains[name] for name, _ in bench.weak if name in gains]
    if bound is None or not oracles or not weak or bound <= max(weak):
        return
    share = (max(oracles) - max(weak)) / (bound - max(weak))
    if share < 1 - _FAR_BELOW:
        yield Finding(
            fault="distant_bound",
            severity=Severity.WARNING,
            message=f"the oracle goes {100 * share:.0f} % of the way from the floor to the bound: the rest may be out "
            "of reach for every program",
            remedy="tighten the bound, or say in the statement that it is loose",
            evidence={"share": share},
        )


def scores_tell_apart(bench: Bench) -> Iterator[Finding]:
    """Programs that act differently score differently, variants of a seed among them."""
    name = bench.objective.name
    ladder = {tuple(result.scores.get(name) for result in results.values()) for results in bench.ladder.values()}
    seed, instance = bench.problem.seeds[0], bench.sample[0]
    own = bench.trial(seed, instance)
    mutants = [bench.trial(mutant, instance, hasty=True) for mutant in bench.mutate(_MUTANTS)]
    scored = [trial for trial in mutants if trial.result.fault is None]
    acting = [trial for trial in scored if _answers(trial) != _answers(own)]
    moved = [trial for trial in acting if trial.result.scores != own.result.scores]
    if len(ladder) <= 1 and not moved and (len(bench.ladder) > 1 or acting):
        yield Finding(
            fault="constant_score",
            severity=Severity.FATAL,
            message=f"{len(bench.ladder)} rungs and seeds, and {len(acting)} variants that act differently, all score "
            "alike",
            remedy="a search needs a score that moves: check what the referee reads of an answer",
        )
    elif mutants:
        share = sum(trial.result.scores != own.result.scores for trial in scored) / len(mutants)
        yield Finding(
            fault="coarse_score" if share < _COARSE else "score_resolution",
            severity=Severity.WARNING if share < _COARSE else Severity.INFO,
            message=f"{100 * share:.0f} % of {len(mutants)} random variants of the seeds change the score "
            f"({len(mutants) - len(scored)} fail)",
            remedy="give partial credit where a program gets better without reaching the next step"
            if share < _COARSE
            else "",
            evidence={"share": share, "variants": len(mutants), "failed": len(mutants) - len(scored)},
        )


def _answers(trial: Trial) -> str:
    return repr([call.answer for call in trial.transcript.calls])


def seeds_leave_room(bench: Bench) -> Iterator[Finding]:
    """There is more to gain beyond the best seed than noise."""
    gains = _gains(bench)
    seeds = [gain for name, gain in gains.items() if name.startswith("seed ")]
    programs = {rung.name for rung in bench.package.baselines if rung.program is not None}
    others = [gain for name, gain in gains.items() if name in programs]
    bound = None if bench.objective.bound is None else bench.objective.gain(bench.objective.bound)
    known = [*others, *([bound] if bound is not None else [])]
    if seeds and known and max(known) <= max(seeds) + bench.margin:
        yield Finding(
            fault="no_room",
            severity=Severity.WARNING,
            message=f"the best seed ({score_text(bench, max(seeds))}) is as good as every rung"
            + (" and the bound" if bound is not None else ""),
            remedy="start from weaker seeds: a search that starts at the state of the art rarely leaves it",
        )


def noise_is_small(bench: Bench) -> Iterator[Finding]:
    """The smallest difference that the train split can show is below what separates the rungs."""
    name, count = bench.objective.name, len(bench.problem.instances[Split.TRAIN])
    gains = _gains(bench)
    ordered = sorted(gains, key=gains.__getitem__)
    if len(ordered) < 2:
        return
    low, high = bench.ladder[ordered[0]], bench.ladder[ordered[-1]]
    pairs = [
        bench.objective.gain(high[id].scores[name]) - bench.objective.gain(low[id].scores[name])
        for id in high
        if name in high[id].scores and name in low[id].scores
    ]
    if len(pairs) < 2:
        return
    spread = math.hypot(statistics.stdev(pairs), math.sqrt(2) * bench.noise)
    least = _POWER * spread / math.sqrt(count)
    gap = gains[ordered[-1]] - gains[ordered[0]]
    blind = gap > 0 and least > gap
    yield Finding(
        fault="blind_split" if blind else "detectable_difference",
        severity=Severity.WARNING if blind else Severity.INFO,
        message=f"noise of equal runs: {bench.noise:.3g}; {count} train instances show differences of about "
        f"{least:.3g} {bench.objective.unit} between programs that differ as {ordered[0]!r} and {ordered[-1]!r} do "
        f"(which are {gap:.3g} apart)",
        remedy="use more train instances, or instances that are more alike" if blind else "",
        evidence={"noise": bench.noise, "difference": least, "gap": gap},
    )
