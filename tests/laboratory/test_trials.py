"""Trials are repeatable, give all contenders the same proposals, and their summary says what they did."""

from __future__ import annotations

import math
from statistics import median

import pytest

from thekla.analysis.comparison import sign_flip_p
from thekla.core.rng import stream
from thekla.core.run import TUNE
from thekla.generation.tuned import Tuned
from thekla.laboratory.figure import summary_svg
from thekla.laboratory.problems import barren, deceptive, fmin5
from thekla.laboratory.summary import summarise
from thekla.laboratory.trial import Contender, Trial, run_trial
from thekla.search import Annealing, Greedy, RandomSearch, Thekla, Tuning

GREEDY = Contender(name="greedy", make=lambda problem, seed, proposals: Greedy(problem, seed=seed))
RANDOM = Contender(name="random", make=lambda problem, seed, proposals: RandomSearch(problem, seed=seed))
THEKLA = Contender(
    name="thekla", make=lambda problem, seed, proposals: Thekla(problem, seed=seed, evaluations=proposals)
)
TUNED = Contender(
    name="thekla+tune",
    make=lambda problem, seed, proposals: Tuning(Thekla(problem, seed=seed, evaluations=proposals), problem, seed=seed),
    around=Tuned,
)


def trial(contender: str, seed: int, *best: float, problem: str = "p") -> Trial:
    return Trial(contender=contender, problem=problem, seed=seed, best=best)


def test_a_trial_depends_on_its_seed_alone_and_never_gets_worse() -> None:
    lab = deceptive()
    one = run_trial(GREEDY, lab, seed=3, proposals=60, in_flight=4)
    assert one == run_trial(GREEDY, deceptive(), seed=3, proposals=60, in_flight=4)
    assert one.best != run_trial(GREEDY, lab, seed=4, proposals=60, in_flight=4).best
    assert len(one.best) == 61
    assert list(one.best) == sorted(one.best)


def test_a_trial_without_proposals_is_refused() -> None:
    for proposals, in_flight in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="needs proposals"):
            run_trial(GREEDY, fmin5(), seed=1, proposals=proposals, in_flight=in_flight)


def test_contenders_that_ask_alike_get_equal_proposals() -> None:
    """Annealing that is cold is greedy search under another name."""
    cold = Contender(
        name="cold", make=lambda problem, seed, proposals: Annealing(problem, seed=seed, start=1e-9, end=1e-9)
    )
    lab = deceptive()
    assert run_trial(cold, lab, seed=5, proposals=80).best == run_trial(GREEDY, lab, seed=5, proposals=80).best


def test_selection_beats_its_absence_on_the_smooth_problem() -> None:
    """Seeds 1 to 5, 100 proposals: the published gap is wide, 0.77 against 0.07 after 200."""
    finals = {
        one.name: median(run_trial(one, fmin5(), seed=seed, proposals=100).final for seed in range(1, 6))
        for one in (GREEDY, RANDOM)
    }
    assert finals["greedy"] > 2 * finals["random"]


@pytest.mark.slow
def test_the_default_climbs_as_greedy_search_does_on_the_smooth_problem() -> None:
    """Seeds 1 to 5: at least the greedy median after 200 proposals."""
    finals = {
        one.name: median(run_trial(one, fmin5(), seed=seed, proposals=200).final for seed in range(1, 6))
        for one in (GREEDY, THEKLA)
    }
    assert finals["thekla"] >= finals["greedy"]


@pytest.mark.slow
def test_tuning_reaches_what_is_asked_of_it_on_the_smooth_problem() -> None:
    """Seeds 1 to 5, trials counted: a median of 0.85 after 200 proposals and of 0.95 after 400."""
    trials = [run_trial(TUNED, fmin5(), seed=seed, proposals=400) for seed in range(1, 6)]
    assert median(one.best[200] for one in trials) >= 0.85
    assert median(one.best[400] for one in trials) >= 0.95


@pytest.mark.slow
def test_the_second_line_finds_the_better_form_of_the_deceptive_problem() -> None:
    """Seeds 1 to 10, 200 proposals: greedy search stays at the first form's ceiling of 0.5."""
    lab = deceptive()
    finals = {
        one.name: median(run_trial(one, lab, seed=seed, proposals=200).final for seed in range(1, 11))
        for one in (GREEDY, THEKLA)
    }
    assert finals["greedy"] <= 0.51
    assert finals["thekla"] >= 0.65


@pytest.mark.slow
def test_the_default_is_not_significantly_worse_than_climbing_where_most_edits_lead_nowhere() -> None:
    """Seeds 1 to 10, 200 proposals: second lines at whatever was farthest cost it a third (p = 0.006)."""
    finals = {
        one.name: [run_trial(one, barren(), seed=seed, proposals=200).final for seed in range(1, 11)]
        for one in (GREEDY, THEKLA)
    }
    lost = [mine - theirs for mine, theirs in zip(finals["greedy"], finals["thekla"], strict=True)]
    assert sum(lost) <= 0 or sign_flip_p(lost, rng=stream(0)) > 0.05


def test_trials_of_constants_go_through_the_same_meter() -> None:
    strategy = TUNED.make(fmin5().problem, 1, 40)
    lab = fmin5()
    kept = Contender(name="kept", make=lambda problem, seed, proposals: strategy, around=Tuned)
    ended = run_trial(kept, lab, seed=1, proposals=40)
    assert len(ended.best) == 41
    assert any(candidate.operator == TUNE for candidate, _ in strategy.best(40))


def test_a_summary_ranks_by_final_scores_and_profiles_by_speed() -> None:
    trials = [
        *(trial("fast", seed, 0.0, 1.0, 1.0, 1.0, 1.0) for seed in (1, 2)),
        *(trial("slow", seed, 0.0, 0.0, 0.0, 1.0, 1.0) for seed in (1, 2)),
        *(trial("never", seed, 0.0, 0.1, 0.1, 0.1, 0.1) for seed in (1, 2)),
    ]
    found = summarise(trials)
    assert list(found.ranks.values()) == [1.5, 1.5, 3.0]
    assert found.profiles["fast"] == (1.0,) * 6
    assert found.profiles["slow"] == (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
    assert found.profiles["never"] == (0.0,) * 6
    standings = {one.contender: one for one in found.standings}
    assert standings["slow"].area == 0.5
    assert standings["never"].median == 0.1
    assert standings["fast"].p_value == 1.0
    assert standings["never"].p_value == 0.5  # two seeds can say no more
    assert found.critical_difference == pytest.approx(2.343 * math.sqrt(3 * 4 / 12), abs=2e-3)


def test_a_summary_needs_every_contender_in_every_block() -> None:
    with pytest.raises(ValueError, match="same methods"):
        summarise([trial("a", 1, 0.0, 1.0), trial("b", 2, 0.0, 1.0)])


def test_the_figure_has_a_panel_for_each_problem_and_a_name_for_each_curve() -> None:
    trials = [trial(name, 1, 0.0, 0.5, 1.0, problem=problem) for name in ("a<b", "c") for problem in ("p", "q")]
    svg = summary_svg(summarise(trials))
    assert svg.startswith("<svg")
    assert svg.count("median of 1 seeds") == 2
    assert svg.count("a&lt;b") == 2
