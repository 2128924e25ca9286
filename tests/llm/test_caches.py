"""What providers may keep of a prompt is marked where they want a mark, and billed at its own price."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Mapping
from typing import Any

import pytest

from thekla.core.run import Completion, Prompt, Section, Spending
from thekla.llm import ModelSettings, Patience, Price, WireModel, price_of
from thekla.llm.settings import Endpoint
from thekla.testing.model_server import ModelServer, Reply

MARK = {"type": "ephemeral"}
SYSTEM = (Section(name="rules", text="Be brief.", role="system"), Section(name="api", text="def f", role="system"))
FRESH = Prompt(sections=(*SYSTEM, Section(name="parent", text="def f(): pass")), stable=2)
TALK = Prompt(
    sections=(
        *SYSTEM,
        Section(name="start", text="Improve this."),
        Section(name="attempt", text="def f(): return 1", role="assistant"),
        Section(name="feedback", text="Better."),
        Section(name="task", text="Go on."),
    ),
    stable=5,
)


def test_models_that_want_a_mark_are_those_of_one_provider_on_openrouter() -> None:
    named = {
        "openrouter:anthropic/claude-sonnet-4.5": True,
        "openrouter:openai/gpt-5.2": False,
        "openai:gpt-5.2": False,
        "http://localhost:1/v1#anthropic/claude": False,
    }
    assert {name: ModelSettings(model=name).endpoint.marks_cache for name in named} == named
    assert not ModelSettings(model="openrouter:anthropic/claude-sonnet-4.5", cache=False).endpoint.marks_cache


def over_the_wire(prompt: Prompt, *, marks: bool, usage: Mapping[str, Any] | None = None) -> tuple[Any, Completion]:
    """The messages that arrive, and the answer."""

    async def asked(server: ModelServer) -> Completion:
        import httpx2

        endpoint = Endpoint(
            base_url=server.url,
            model="m",
            provider="openrouter",
            key_env="",
            tokens_parameter="max_tokens",
            marks_cache=marks,
        )
        async with httpx2.AsyncClient() as client:
            model = WireModel(endpoint, client=lambda: client, patience=Patience())
            return await model.complete(prompt, max_tokens=9, temperature=None, seed=None)

    with ModelServer(lambda number, body: Reply(text="fine", usage=usage or "true")) as server:
        answer = asyncio.run(asked(server))
    return server.log[0].request["messages"], answer


def test_the_mark_stands_behind_what_the_next_prompt_begins_with_too() -> None:
    messages, _ = over_the_wire(FRESH, marks=True)
    assert messages == [
        {"role": "system", "content": [{"type": "text", "text": "Be brief.\n\ndef f", "cache_control": MARK}]},
        {"role": "user", "content": "def f(): pass"},
    ]
    messages, _ = over_the_wire(TALK, marks=True)
    assert messages[-1] == {
        "role": "user",
        "content": [
            {"type": "text", "text": "Better.", "cache_control": MARK},
            {"type": "text", "text": "Go on."},
        ],
    }
    assert messages[0] == {"role": "system", "content": "Be brief.\n\ndef f"}
    unmarked = Prompt(sections=FRESH.sections)
    assert over_the_wire(unmarked, marks=True)[0] == over_the_wire(FRESH, marks=False)[0]


def test_tokens_read_from_and_written_to_a_cache_are_counted_if_they_can_be() -> None:
    told = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 60}}
    _, answer = over_the_wire(FRESH, marks=True, usage=told)
    assert (answer.spending.cached_tokens, answer.spending.cache_write_tokens) == (60, 0)
    details = {"cached_tokens": 60, "cache_write_tokens": 30}
    _, answer = over_the_wire(FRESH, marks=True, usage={**told, "prompt_tokens_details": details})
    assert (answer.spending.cached_tokens, answer.spending.cache_write_tokens) == (60, 30)
    _, answer = over_the_wire(FRESH, marks=True, usage={**told, "prompt_tokens_details": {"cached_tokens": 101}})
    assert answer.spending.cached_tokens == 0


def test_tokens_of_a_cache_have_their_own_prices_and_the_most_is_never_exceeded() -> None:
    price = price_of(ModelSettings(model="anthropic:claude-sonnet-4-5"))
    assert price is not None
    # 3, 0.3 and 3.75 dollars for a million input tokens, 15 for output: Anthropic's list of September 2025
    spent = Spending(input_tokens=3000, cached_tokens=1000, cache_write_tokens=1500, output_tokens=100)
    bill = (500 * 3.0 + 1000 * 0.3 + 1500 * 3.75 + 100 * 15.0) / 1e6
    assert price.cost_usd(spent) == pytest.approx(bill, abs=1e-12)
    all_written = Spending(input_tokens=3000, cache_write_tokens=3000, output_tokens=100)
    assert price.worst_usd(input_tokens=3000, output_tokens=100) == pytest.approx(price.cost_usd(all_written))


def test_beyond_the_step_of_a_price_the_cache_costs_more_in_proportion() -> None:
    price = Price(
        input_usd_per_mtok=2.0,
        output_usd_per_mtok=10.0,
        cached_usd_per_mtok=0.2,
        cache_write_usd_per_mtok=2.5,
        long_from_tokens=1000,
        long_input_usd_per_mtok=4.0,
        long_output_usd_per_mtok=15.0,
    )
    spent = Spending(input_tokens=2000, cached_tokens=500, cache_write_tokens=500, output_tokens=10)
    assert price.cost_usd(spent) == pytest.approx((1000 * 4.0 + 500 * 0.4 + 500 * 5.0 + 150) / 1e6)
    free = Price(input_usd_per_mtok=0.0, output_usd_per_mtok=0.0)
    assert free.cost_usd(spent) == 0.0


@pytest.mark.slow  # the providers' libraries take seconds to import
def test_the_native_interface_marks_the_same_places() -> None:
    httpx2 = pytest.importorskip("httpx2")
    pytest.importorskip("pydantic_ai", reason="the extra llm is not installed")
    from thekla.llm.native import NativeModel

    sent: list[Any] = []

    def reply(request: Any) -> Any:
        sent.append(json.loads(request.content))
        body = {
            **{"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"},
            "content": [{"type": "text", "text": "hello"}],
            **{"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                **{"input_tokens": 10, "output_tokens": 3},
                **{"cache_read_input_tokens": 4, "cache_creation_input_tokens": 7},
            },
        }
        return httpx2.Response(200, json=body)

    async def asked(prompt: Prompt, *, cache: bool = True) -> Completion:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(reply), timeout=60.0) as client:
            settings = ModelSettings(model="anthropic:claude-sonnet-4-5", cache=cache)
            model = NativeModel(settings, client=lambda: client, key="secret")
            return await model.complete(prompt, max_tokens=10, temperature=None, seed=None)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the providers' libraries
        answer = asyncio.run(asked(FRESH))
        asyncio.run(asked(TALK))
        asyncio.run(asked(TALK, cache=False))
    fresh, talk, unmarked = sent
    assert [block.get("cache_control", {}).get("type") for block in fresh["system"]] == ["ephemeral"]
    assert "cache_control" not in json.dumps(fresh["messages"])
    last = talk["messages"][-1]["content"]
    assert [(block["text"], "cache_control" in block) for block in last] == [("Better.", True), ("Go on.", False)]
    assert json.dumps(talk).count("cache_control") == 1
    assert "cache_control" not in json.dumps(unmarked)
    spending = answer.spending
    assert (spending.input_tokens, spending.cached_tokens, spending.cache_write_tokens) == (21, 4, 7)
