"""A forecast asks no model, and its figures follow from the options."""

from __future__ import annotations

from typing import Any

import pytest

from thekla.analysis import read_run
from thekla.analysis.price import price_of_improvement
from thekla.assembly import Forecast, RunOptions, forecast
from thekla.testing.journals import example_journal

pytestmark = pytest.mark.usefixtures("evaluated_here")

MODEL: dict[str, Any] = {"model": "llamacpp:small", "input_usd_per_mtok": 1.0, "output_usd_per_mtok": 10.0}


def with_model(*, model: dict[str, Any] | None = None, **changes: Any) -> Forecast:
    arguments = {"generator": {"ensemble": [model or MODEL]}}
    options: dict[str, Any] = {"problem": "toy", "generator": "rewrite", "sandbox": "trusted", "arguments": arguments}
    return forecast(RunOptions(**{**options, "evaluations": 100, **changes}))


def test_the_cost_is_that_of_the_tokens() -> None:
    found = with_model()
    assert found.cost_usd is not None
    for at in ("low", "expected", "high"):
        tokens = getattr(found.input_tokens, at) * 1.0 + getattr(found.output_tokens, at) * 10.0
        assert getattr(found.cost_usd, at) == pytest.approx(tokens / 1e6, rel=0.02)
    assert found.cost_usd.low < found.cost_usd.expected < found.cost_usd.high
    assert (found.ends_by, found.evaluations.expected, found.priced) == ("evaluations", 100, True)
    assert found.proposals.low >= 99
    assert found.requests.expected > found.proposals.expected


def test_twice_the_evaluations_cost_twice_as_much_with_a_prompt_of_limited_length_and_more_with_a_conversation() -> (
    None
):
    chat = [with_model(evaluations=n).input_tokens.expected for n in (100, 200)]
    talk = [with_model(evaluations=n, prompts="conversation").input_tokens.expected for n in (100, 200)]
    assert chat[1] / chat[0] == pytest.approx(2.0, rel=0.1)
    assert talk[1] / talk[0] > 3.0


def test_the_cap_that_ends_the_search_is_named_and_kept() -> None:
    free = with_model()
    assert free.cost_usd is not None
    capped = with_model(cost_usd=free.cost_usd.expected / 4)
    assert capped.ends_by == "cost_usd"
    assert capped.cost_usd is not None
    assert capped.cost_usd.high <= free.cost_usd.expected / 4
    assert capped.evaluations.expected == pytest.approx(25, rel=0.2)


def test_an_unknown_price_is_unknown_and_not_nothing() -> None:
    found = with_model(model={"model": "http://localhost:1/v1#small"})
    assert (found.cost_usd, found.priced) == (None, False)
    assert any("price" in note for note in found.notes)
    assert forecast(RunOptions(problem="toy", generator="asktell", sandbox="trusted")).cost_usd is None


def test_more_at_once_takes_less_time_and_no_less_money() -> None:
    one, many = with_model(in_flight=1), with_model(in_flight=8)
    assert many.wall_s.expected < one.wall_s.expected
    assert many.cost_usd == one.cost_usd


def test_the_price_of_improvement_is_what_was_spent_by_percent() -> None:
    journal = example_journal(evaluations=30)
    view = read_run(journal.events, journal.blob)
    price = price_of_improvement(view)
    assert price is not None
    assert price.percent * price.evaluations == pytest.approx(view.ledger.evaluations)
    assert price.percent * price.cpu_s == pytest.approx(view.ledger.search_cpu_s)
    assert view.seed is not None
    assert view.leader is not None
    before, after = view.score(view.seed.outcome), view.score(view.leader.outcome)
    assert before is not None
    assert after is not None
    assert price.percent == pytest.approx(100 * abs(before - after) / before)
