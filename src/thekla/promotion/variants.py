"""Is it new, and does it know the problem or only its instances? Likeness to the known, other names, near workloads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thekla.analysis.similarity import Likeness, likeness
from thekla.analysis.tables import Table
from thekla.core.codec import encode
from thekla.core.problem import Instance
from thekla.core.protocols import WorkloadSpace
from thekla.core.values import Data
from thekla.core.visible import number, visible
from thekla.promotion.checks import Check, Judge, Rivals, finite, met_on, percent, relative_gain, text_of

__all__ = ["Variant", "rediscovery", "variants"]

ALIKE = 0.9  # from here on it is a known program with other names and numbers
_LOST = 0.5  # of the gain over the baseline: with less of it left, the program knew the instances


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The instances as they are, or changed, and what program and baseline make of them.

    Args:
        gain: Relative to the baseline; None if the baseline has no score.
    """

    name: str
    instances: int
    score: str
    baseline_score: str
    gain: float | None


def rediscovery(rivals: Rivals, *, alike: float = ALIKE) -> Check:
    """How like the named, known programs it is."""
    found = [likeness(rivals.program, known, name=name) for name, known in rivals.known.items()]
    if not found:
        return Check(name="rediscovery", passed=None, summary="The problem names no known program to compare with.")
    found.sort(key=lambda each: -each.structure)
    nearest = found[0]
    share = f"{number(100 * nearest.structure, digits=3)} %"
    summary = (
        f"Names and numbers apart, it shares {share} of its structure with {nearest.name}, the nearest known program."
    )
    return Check(
        name="rediscovery", passed=nearest.structure < alike, summary=summary, table=_known(found), data=encode(found)
    )


async def variants(
    rivals: Rivals, judge: Judge, instances: Sequence[Instance], space: WorkloadSpace | None, *, seed: int
) -> Check:
    """The program on the instances that the search knew, on the same under other names, and on near ones.

    It fails if half of its gain over the baseline goes with the names, or with the very instances; without a gain there
    is nothing to keep.
    """
    ways: Mapping[str, list[Instance | None]] = {
        "other names": [space.relabelled(one, seed=seed) for one in instances] if space else [],
        "near workloads": [space.varied(one, seed=seed) for one in instances] if space else [],
    }
    whole = await _variant(rivals, judge, "as they are", instances)
    met = [whole]
    for name, changed in ways.items():
        kept = [each for each in changed if each is not None]
        if kept and len(kept) == len(instances):
            met.append(await _variant(rivals, judge, name, kept))
    if len(met) == 1:
        summary = "The problem declares neither other names nor neighbours for its instances."
        return Check(name="variants", passed=None, summary=summary)
    lost = [each.name for each in met[1:] if _is_lost(whole, each)]
    gains = ", ".join(f"{each.name} {percent(each.gain)}" for each in met)
    summary = f"Gain over {rivals.baseline_name}: {gains}."
    if lost:
        summary += f" Half of it or more goes with {' and '.join(lost)}: it knows the instances."
    led = whole.gain is not None and whole.gain > 0
    if not led:
        summary += " There is no gain that it could keep."
    data: Data = finite(encode(met))
    return Check(name="variants", passed=not lost if led else None, summary=summary, table=_table(met), data=data)


async def _variant(rivals: Rivals, judge: Judge, name: str, instances: Sequence[Instance]) -> Variant:
    pair = await met_on(rivals, judge, instances)
    return Variant(
        name=name,
        instances=len(instances),
        score=text_of(pair.program, rivals.objective),
        baseline_score=text_of(pair.baseline, rivals.objective),
        gain=relative_gain(pair, rivals.objective),
    )


def _is_lost(whole: Variant, changed: Variant) -> bool:
    if whole.gain is None or changed.gain is None:
        return False
    return whole.gain > 0 and changed.gain < _LOST * whole.gain


def _known(found: Sequence[Likeness]) -> Table:
    rows = [(visible(each.name), percent(each.structure), percent(each.tokens)) for each in found]
    note = "Structure: pieces of the syntax tree without names and numbers; tokens: with them."
    return Table(
        title="Likeness to known programs", columns=("program", "structure", "tokens"), rows=tuple(rows), note=note
    )


def _table(met: Sequence[Variant]) -> Table:
    rows = [(each.name, str(each.instances), each.score, each.baseline_score, percent(each.gain)) for each in met]
    heads = ("instances", "how many", "score", "baseline", "gain")
    return Table(title="Variants of the search's instances", columns=heads, rows=tuple(rows))
