"""A second line begins where no line has been, in structure and in behaviour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.evaluation import InstanceResult, Scored
from thekla.core.program import Candidate, CandidateId, Program
from thekla.core.rng import stream
from thekla.search.distance import behaviour_of, size_of
from thekla.search.elites import Elite
from thekla.search.starts import Starts
from thekla.testing.strategies import search_problem

COST = search_problem().objective


def elite(name: str, text: str, *costs: float) -> Elite:
    instances = {str(place): InstanceResult(scores={"cost": cost}) for place, cost in enumerate(costs)}
    mean = sum(costs) / len(costs)
    candidate = Candidate(id=CandidateId(name), program=Program.from_text(text))
    return Elite(candidate=candidate, outcome=Scored(scores={"cost": mean}, instances=instances), gain=-mean)


def drawn(starts: Starts, here: Elite, *, draws: int = 40) -> set[str]:
    found = (starts.draw(here, stream(seed)) for seed in range(draws))
    return {one.candidate.id for one in found if one is not None}


HERE = elite("here", "a()\nb()\n", 10.0, 20.0)


@pytest.mark.parametrize(
    ("text", "costs", "found"),
    [
        ("a()\nc()\n", (30.0, 20.0), {"other"}),
        ("a()\nb()  # another comment\n", (30.0, 20.0), set()),  # its structure is known
        ("a()\nb()\na()\nb()\n", (30.0, 20.0), set()),  # more of what is there is nothing else
        ("a()\nc()\n", (10.0, 20.0001), set()),  # its behaviour is known
        ("a()\nc()\n", (20.0, 10.0), {"other"}),  # the mean is not the behaviour
    ],
)
def test_a_start_differs_in_structure_and_in_behaviour(text: str, costs: tuple[float, ...], found: set[str]) -> None:
    starts = Starts(COST)
    starts.add(HERE, leads=True)
    starts.add(elite("other", text, *costs), leads=False)
    assert drawn(starts, HERE) == found


def test_what_was_visited_is_no_start_again() -> None:
    starts, other = Starts(COST), elite("other", "c()\n", 30.0, 20.0)
    starts.add(other, leads=False)
    starts.visit(other)
    assert drawn(starts, HERE) == set()


def test_turns_alternate_between_former_leaders_and_good_programs() -> None:
    starts = Starts(COST)
    starts.add(elite("first", "start()\n", 900.0, 900.0), leads=True)
    for number in range(10):
        starts.add(elite(f"good{number}", f"other{'abcdefghij'[number]}()\n", 20.0 + number, 30.0), leads=False)
    turns = [starts.draw(HERE, stream(seed)) for seed in range(6)]
    assert [one is not None and one.candidate.id == "first" for one in turns] == [True, False] * 3


def test_of_equal_behaviours_the_latest_is_kept() -> None:
    starts = Starts(COST)
    for name in ("early", "late"):
        starts.add(elite(name, f"{name}()\n", 30.0, 20.0), leads=False)
    assert drawn(starts, HERE) == {"late"}


@given(st.lists(st.floats(0.001, 1e9), min_size=1, max_size=5), st.floats(-1e-5, 1e-5))
def test_a_difference_that_counts_for_nothing_is_none(costs: list[float], part: float) -> None:
    one, other = elite("one", "a()\n", *costs), elite("other", "b()\n", *(cost * (1 + part) for cost in costs))
    pairs = zip(behaviour_of(one, COST), behaviour_of(other, COST), strict=True)
    assert all(float(a) == pytest.approx(float(b), rel=0.011) for a, b in pairs)


def test_numbers_blanks_and_comments_make_no_program_longer() -> None:
    assert size_of("x = 1\n\n") == size_of("  x  =  123.456  # why\n") == 3


@given(st.lists(st.integers(0, 99), min_size=3, max_size=30))
def test_a_longer_list_of_numbers_is_no_other_structure(numbers: list[int]) -> None:
    here = elite("here", "answer([1, 2, 3])\n", 10.0, 20.0)
    starts = Starts(COST)
    starts.add(elite("longer", f"answer({numbers})  # {len(numbers)}\n", 30.0, 20.0), leads=True)
    assert drawn(starts, here, draws=4) == set()
