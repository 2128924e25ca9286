"""CPU time as an objective: a candidate's relative to a reference's, interleaved with it in the same slot.

A wall clock knows how busy the machine is, and CPU seconds know how fast it is; their ratio to a reference that takes
turns with the candidate knows neither. The host reads both from the kernel (`Guest.usage`), so nothing that a guest
says about time counts. See `docs/explanation/speed.md`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.problem import Measure, Objective
from thekla.core.protocols import CountingGuest, Guest

__all__ = ["OBJECTIVE", "RELATIVE_CPU", "TIMING_MEASURES", "RaceRules", "Timing", "race", "timing_of"]

RELATIVE_CPU = "relative_cpu"
"""Name of the objective."""

OBJECTIVE = Objective(name=RELATIVE_CPU, unit="reference", direction="minimize", bound=0.0)
"""CPU time of the candidate in units of the reference's; a suite replaces `baseline` by what its seed scores."""

TIMING_MEASURES = (
    Measure(name="cpu_ms", unit="ms", high=1000.0, description="CPU time of the candidate per turn"),
    Measure(name="reference_cpu_ms", unit="ms", high=1000.0, description="CPU time of the reference per turn"),
    Measure(name="timing_noise", unit="share", description="standard error of the ratio over the turns, as a share"),
    Measure(name="timing_turns", unit="count", high=100.0, description="turns of each that were counted"),
    Measure(name="relative_instructions", unit="reference", description="instructions, where the kernel counts them"),
)
"""What `Timing.measures` gives."""


@dataclass(frozen=True, kw_only=True)
class RaceRules:
    """How long a race goes on, and what differences it can tell.

    Args:
        warm_ups: Turns of each that are played first and not counted.
        least_turns, most_turns: Turns of each that are counted; the race ends in between as soon as the standard
            error of the ratio is at most half of `resolution`.
        resolution: Ratios are rounded to powers of `1 + resolution`: smaller differences are not told apart.

    Raises:
        ValueError: A number is out of range.
    """

    warm_ups: int = 1
    least_turns: int = 6
    most_turns: int = 24
    resolution: float = 0.02

    def __post_init__(self) -> None:
        if self.warm_ups < 0:
            raise ValueError(f"warm_ups is {self.warm_ups}; it must be at least 0")
        if not 2 <= self.least_turns <= self.most_turns:
            raise ValueError(
                f"turns are {self.least_turns} to {self.most_turns}; they must be at least 2 and in this order"
            )
        if not 0 < self.resolution < 1:
            raise ValueError(f"resolution is {self.resolution!r}; it must be between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What a race measured.

    Args:
        ratio: CPU time of the candidate over that of the reference, all turns together, rounded to the resolution.
        noise: Standard error of the unrounded ratio, by the jackknife over turns, as a share of it.
        cpu_s, reference_cpu_s: CPU seconds per turn.
        turns: Turns of each that were counted.
        relative_instructions: Instructions of the candidate over those of the reference, all turns together; None where
            the kernel counts none. No clock, cache or neighbour disturbs them, so they tell what a ratio within its
            noise does not; but instructions differ in what they cost, and machines in what they count, so they are no
            objective.
    """

    ratio: float
    noise: float
    cpu_s: float
    reference_cpu_s: float
    turns: int
    relative_instructions: float | None = None

    def measures(self) -> Mapping[str, float]:
        """The values of `TIMING_MEASURES`."""
        found = {
            "cpu_ms": 1000 * self.cpu_s,
            "reference_cpu_ms": 1000 * self.reference_cpu_s,
            "timing_noise": self.noise,
            "timing_turns": float(self.turns),
        }
        if self.relative_instructions is not None:
            found["relative_instructions"] = self.relative_instructions
        return found


def race(candidate: Guest, reference: Guest, play: Callable[[Guest, int], None], rules: RaceRules) -> Timing:
    """Lets two guests take turns, the first to move changing from turn to turn, and compares their CPU time.

    All that a guest spends between the start of its first counted turn and the end of its last is counted, so work
    cannot hide in threads that go on while the other plays. What it spends on loading and on warm-ups is not.

    Args:
        play: One turn of a guest. Equal numbers must be equal work, for both guests; different numbers must be
            different inputs, or a guest could remember its answers. It may raise `GuestFault`.

    Raises:
        GuestFault: The candidate failed.
        SandboxError: The reference failed, which is never the candidate's fault.
    """
    for turn in range(rules.warm_ups):
        play(candidate, turn)
        _play_reference(reference, play, turn)
    before = _instructions(candidate), _instructions(reference)
    own, other = [candidate.usage.cpu_s], [reference.usage.cpu_s]
    while True:
        turn = rules.warm_ups + len(own) - 1
        if turn % 2:
            _play_reference(reference, play, turn)
            play(candidate, turn)
        else:
            play(candidate, turn)
            _play_reference(reference, play, turn)
        own.append(candidate.usage.cpu_s)
        other.append(reference.usage.cpu_s)
        if len(own) > rules.least_turns:
            timing = timing_of(_differences(own), _differences(other), resolution=rules.resolution)
            if len(own) > rules.most_turns or timing.noise <= rules.resolution / 2:
                after = _instructions(candidate), _instructions(reference)
                return replace(timing, relative_instructions=_relative(before, after))


def timing_of(cpu_s: Sequence[float], reference_cpu_s: Sequence[float], *, resolution: float) -> Timing:
    """The comparison of CPU seconds per turn.

    It is a ratio of sums: one long turn among short ones counts in full, so work cannot be saved up for a few turns.

    Raises:
        ValueError: There are fewer than two turns, or the reference spent nothing in all turns but one.
    """
    turns, own, other = len(cpu_s), math.fsum(cpu_s), math.fsum(reference_cpu_s)
    if turns != len(reference_cpu_s) or turns < 2:
        raise ValueError(f"{turns} turns against {len(reference_cpu_s)}; both must play, equally often, at least twice")
    if other - max(reference_cpu_s) <= 0:
        raise ValueError("the reference used no CPU time that the kernel's clock can see; give it more work per turn")
    without = [(own - mine) / (other - its) for mine, its in zip(cpu_s, reference_cpu_s, strict=True)]
    centre = math.fsum(without) / turns
    error = math.sqrt((turns - 1) / turns * math.fsum((each - centre) ** 2 for each in without))
    ratio = own / other
    return Timing(
        ratio=_rounded(ratio, resolution),
        noise=error / ratio if ratio > 0 else 0.0,
        cpu_s=own / turns,
        reference_cpu_s=other / turns,
        turns=turns,
    )


def _instructions(guest: Guest) -> int | None:
    return guest.instructions() if isinstance(guest, CountingGuest) else None


def _relative(before: tuple[int | None, int | None], after: tuple[int | None, int | None]) -> float | None:
    """Instructions of the first guest over those of the second; None if one of them was not counted."""
    match before, after:
        case (int(own), int(other)), (int(own_end), int(other_end)) if other_end > other:
            return (own_end - own) / (other_end - other)
    return None


def _play_reference(reference: Guest, play: Callable[[Guest, int], None], turn: int) -> None:
    try:
        play(reference, turn)
    except GuestFault as fault:
        raise SandboxError(f"the reference of the race failed ({fault.kind}): {fault.message}") from fault


def _differences(readings: Sequence[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(readings)]


def _rounded(ratio: float, resolution: float) -> float:
    """The nearest power of `1 + resolution`; 0 stays 0."""
    step = math.log1p(resolution)
    return math.exp(step * round(math.log(ratio) / step)) if ratio > 0 else 0.0
