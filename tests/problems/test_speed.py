"""CPU time is compared turn by turn, all of it counts, and no more is told apart than can be."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Usage
from thekla.core.values import Value
from thekla.problems.speed import TIMING_MEASURES, RaceRules, race, timing_of

RULES = RaceRules(warm_ups=1, least_turns=4, most_turns=12, resolution=0.02)


class ClockedGuest:
    """A guest whose turns take the CPU seconds that it is given, by turn; `between` more pass until the next."""

    def __init__(self, cost_s: Callable[[int], float], *, between_s: float = 0.0) -> None:
        self._cost_s = cost_s
        self._between_s = between_s
        self._cpu_s = 5.0  # loading
        self.turns: list[int] = []

    def call(self, name: str, *args: Value) -> Value:
        (turn,) = args
        assert isinstance(turn, int)
        self.turns.append(turn)
        self._cpu_s += self._cost_s(turn)
        return None

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        raise AssertionError(name)

    def close(self) -> None:
        return None

    @property
    def usage(self) -> Usage:
        self._cpu_s += self._between_s
        return Usage(cpu_s=self._cpu_s)


def play(guest: object, turn: int) -> None:
    assert isinstance(guest, ClockedGuest)
    guest.call("work", turn)


def test_loading_and_warm_ups_are_not_counted() -> None:
    candidate = ClockedGuest(lambda turn: 100.0 if turn == 0 else 0.5)
    timing = race(candidate, ClockedGuest(lambda turn: 1.0), play, RULES)
    assert timing.ratio == pytest.approx(0.5, rel=0.01)
    assert timing.cpu_s == pytest.approx(0.5)
    assert timing.reference_cpu_s == pytest.approx(1.0)


def test_steady_guests_play_no_more_turns_than_needed_and_noisy_ones_all() -> None:
    steady = race(ClockedGuest(lambda turn: 0.5), ClockedGuest(lambda turn: 1.0), play, RULES)
    assert steady.turns == 4
    assert steady.noise == pytest.approx(0.0, abs=1e-12)
    noisy = race(ClockedGuest(lambda turn: 1.0 + turn % 3), ClockedGuest(lambda turn: 1.0), play, RULES)
    assert noisy.turns == 12
    assert noisy.noise > 0.01


def test_both_play_the_same_turns_and_move_first_in_turn() -> None:
    order: list[str] = []
    guests = {"candidate": ClockedGuest(lambda turn: 1.0), "reference": ClockedGuest(lambda turn: 1.0)}

    def watched(guest: object, turn: int) -> None:
        order.append(next(name for name, each in guests.items() if each is guest))
        play(guest, turn)

    race(guests["candidate"], guests["reference"], watched, RULES)
    assert guests["candidate"].turns == guests["reference"].turns == [0, 1, 2, 3, 4]
    assert order[2:6] == ["reference", "candidate", "candidate", "reference"]


def test_work_between_turns_is_counted() -> None:
    busy = race(ClockedGuest(lambda turn: 0.0, between_s=0.5), ClockedGuest(lambda turn: 1.0), play, RULES)
    assert busy.ratio == pytest.approx(0.5, rel=0.01)


def test_one_long_turn_counts_in_full() -> None:
    saved_up = timing_of([0.0, 0.0, 0.0, 8.0], [1.0] * 4, resolution=0.02)
    assert saved_up.ratio == pytest.approx(2.0, rel=0.01)
    assert saved_up.noise > 0.5


def test_a_failing_reference_is_not_the_candidates_fault() -> None:
    def breaks(turn: int) -> float:
        raise GuestFault("crash", "broken")

    with pytest.raises(SandboxError, match=r"the reference of the race failed.*broken"):
        race(ClockedGuest(lambda turn: 1.0), ClockedGuest(breaks), play, RULES)
    with pytest.raises(GuestFault, match="broken"):
        race(ClockedGuest(breaks), ClockedGuest(lambda turn: 1.0), play, RULES)


@given(
    ratio=st.floats(1e-4, 1e4), slower=st.floats(1.0, 5.0), scale=st.floats(1e-3, 1e3), resolution=st.floats(0.01, 0.3)
)
def test_order_is_kept_and_the_speed_of_the_machine_cancels(
    ratio: float, slower: float, scale: float, resolution: float
) -> None:
    def rounded(of: float, unit: float) -> float:
        return timing_of([of * unit] * 3, [unit] * 3, resolution=resolution).ratio

    assert rounded(ratio, 1.0) <= rounded(ratio * slower, 1.0) * (1 + 1e-9)
    assert rounded(ratio, scale) == pytest.approx(rounded(ratio * (1 + 1e-12), 1.0), rel=1.01 * resolution)
    assert abs(math.log(rounded(ratio, 1.0) / ratio)) <= math.log1p(resolution) / 2 + 1e-9


def test_measures_are_the_declared_ones() -> None:
    timing = replace(timing_of([0.5, 0.6], [1.0, 1.0], resolution=0.02), relative_instructions=0.5)
    assert set(timing.measures()) == {measure.name for measure in TIMING_MEASURES}


def test_a_reference_that_spends_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no CPU time"):
        timing_of([1.0, 1.0], [0.0, 1.0], resolution=0.02)
    with pytest.raises(ValueError, match="at least twice"):
        timing_of([1.0], [1.0], resolution=0.02)


@pytest.mark.parametrize(
    "bad", [{"warm_ups": -1}, {"least_turns": 1}, {"least_turns": 9, "most_turns": 8}, {"resolution": 0.0}]
)
def test_rules_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RaceRules(**bad)  # type: ignore[arg-type]  # some are floats on purpose


class CountedGuest(ClockedGuest):
    """One whose instructions are counted, a million for a CPU second; `None` where the kernel counts none."""

    def __init__(self, cost_s: Callable[[int], float], *, counts: bool = True) -> None:
        super().__init__(cost_s)
        self._counts = counts

    def instructions(self) -> int | None:
        return int(1e6 * self._cpu_s) if self._counts else None


@pytest.mark.parametrize(
    ("counts", "expected"), [((True, True), 0.25), ((True, False), None), ((False, True), None), ((False, False), None)]
)
def test_instructions_are_compared_where_both_are_counted(counts: tuple[bool, bool], expected: float | None) -> None:
    own, other = CountedGuest(lambda turn: 0.5, counts=counts[0]), CountedGuest(lambda turn: 2.0, counts=counts[1])
    timing = race(own, other, play, RULES)
    assert timing.relative_instructions == (None if expected is None else pytest.approx(expected))
    assert timing.measures().get("relative_instructions") == timing.relative_instructions
    assert set(timing.measures()) <= {measure.name for measure in TIMING_MEASURES}
