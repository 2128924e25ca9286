"""The account's promises: caps hold, nothing is lost, nothing is paid twice; and the decorators around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.llm.clocks import FakeTime

from thekla.core.errors import ConfigError, ProviderError
from thekla.core.protocols import ChatModel
from thekla.core.run import Completion, Prompt, Section, Spending
from thekla.llm import (
    Account,
    Caps,
    Ensemble,
    FaultKind,
    Limited,
    Member,
    Metered,
    ModelFault,
    ModelSettings,
    Price,
    RecordingModel,
    ReplayedModel,
)
from thekla.storage import MemoryRun
from thekla.testing.models import ChatModelConformance, ScriptedModel

PROMPT = Prompt(sections=(Section(name="task", text="Write."),))
PRICE = Price(input_usd_per_mtok=1000.0, output_usd_per_mtok=1000.0)  # 0.001 USD a token


class PricedModel:
    """Answers with 10 tokens in and as many out as its script says; -1 is a broken connection, -2 a busy provider."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = list(tokens)
        self.sent = 0
        self.at_once = 0
        self.most_at_once = 0

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        number, self.sent = self.sent, self.sent + 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        out = self.tokens[number % len(self.tokens)]
        if out < 0:
            raise ModelFault(FaultKind.NETWORK if out == -1 else FaultKind.BUSY, "broken")
        spending = Spending(cost_usd=None, input_tokens=10, output_tokens=out, calls=1)
        return Completion(text=f"answer {number}", stop_reason="stop", model="m", spending=spending)


def metered(model: ChatModel, caps: Caps, book: MemoryRun | None = None) -> tuple[Metered, Account]:
    account = Account(caps, book)
    return Metered(model, name="m", price=PRICE, account=account), account


async def ask(model: ChatModel, seed: int = 0, *, max_tokens: int = 50) -> Completion | ModelFault:
    try:
        return await model.complete(PROMPT, max_tokens=max_tokens, temperature=None, seed=seed)
    except ModelFault as fault:
        return fault


@settings(max_examples=40)
@given(
    tokens=st.lists(st.integers(-2, 50), min_size=1, max_size=12),
    cap=st.floats(0.05, 3.0),
    calls=st.integers(1, 12),
)
def test_no_cap_is_ever_broken_however_many_are_in_flight(tokens: list[int], cap: float, calls: int) -> None:
    async def all_at_once() -> Account:
        model, account = metered(PricedModel(tokens), Caps(cost_usd=cap, calls=10))
        await asyncio.gather(*(ask(model, number) for number in range(calls)))
        return account

    spent = asyncio.run(all_at_once()).spent
    assert (spent.cost_usd or 0.0) + spent.unknown_usd <= cap + 1e-12
    assert spent.calls <= 10


def test_a_call_waits_for_those_on_their_way_before_it_is_refused() -> None:
    async def run() -> tuple[list[Completion | ModelFault], Account]:
        most_usd = PRICE.worst_usd(input_tokens=6 + 128, output_tokens=50)
        model, account = metered(PricedModel([1]), Caps(cost_usd=1.05 * most_usd))
        return list(await asyncio.gather(ask(model, 0), ask(model, 1))), account

    answers, account = asyncio.run(run())
    refused = [answer for answer in answers if isinstance(answer, ModelFault)]
    assert len(refused) == 1
    assert (refused[0].kind, refused[0].detail) == (FaultKind.BUDGET, "cost_usd")
    assert account.spent.calls == 1


@pytest.mark.parametrize(("caps", "name"), [(Caps(tokens=100), "tokens"), (Caps(calls=0), "calls")])
def test_caps_on_tokens_and_calls_are_hard_too(caps: Caps, name: str) -> None:
    async def run() -> Completion | ModelFault:
        return await ask(metered(PricedModel([5]), caps)[0])

    fault = asyncio.run(run())
    assert isinstance(fault, ModelFault)
    assert fault.detail == name


def test_an_answer_is_paid_for_once_however_often_the_account_is_opened() -> None:
    book = MemoryRun()

    async def run(model: PricedModel) -> list[Completion | ModelFault]:
        priced, _ = metered(model, Caps(), book)
        return [await ask(priced, seed) for seed in range(3)]

    first, second = PricedModel([3]), PricedModel([3])
    before, after = asyncio.run(run(first)), asyncio.run(run(second))
    assert (first.sent, second.sent) == (3, 0)
    assert before == after
    account = Account(Caps(), book)
    assert account.spent.cost_usd == pytest.approx(3 * 0.013)


def test_a_request_without_an_end_counts_at_its_most_and_is_sent_again() -> None:
    book = MemoryRun()

    class Killed(PricedModel):
        async def complete(self, *arguments: object, **named: object) -> Completion:
            raise KeyboardInterrupt

    async def killed() -> None:
        with pytest.raises(KeyboardInterrupt):
            await metered(Killed([1]), Caps(), book)[0].complete(PROMPT, max_tokens=50, temperature=None, seed=0)

    asyncio.run(killed())
    model, account = metered(PricedModel([3]), Caps(), book)
    lost = account.spent.unknown_usd
    assert lost == pytest.approx(PRICE.worst_usd(input_tokens=6 + 128, output_tokens=50))
    answer = asyncio.run(ask(model))
    assert isinstance(answer, Completion)
    assert answer.spending.cost_usd == pytest.approx(0.013)
    assert answer.spending.unknown_usd == pytest.approx(lost)


def test_a_run_keeps_the_prices_of_its_first_session() -> None:
    book = MemoryRun()
    assert Account(Caps(), book).price("m", PRICE) == PRICE
    dearer = Price(input_usd_per_mtok=1e6, output_usd_per_mtok=1e6)
    assert Account(Caps(), book).price("m", dearer) == PRICE
    assert Account(Caps(), book).price("free", None) is None
    assert Account(Caps(), book).price("free", PRICE) is None


def test_long_prompts_have_their_own_price() -> None:
    price = Price(
        input_usd_per_mtok=1.0,
        output_usd_per_mtok=2.0,
        cached_usd_per_mtok=0.1,
        long_from_tokens=1000,
        long_input_usd_per_mtok=10.0,
        long_output_usd_per_mtok=20.0,
    )
    assert price.cost_usd(Spending(input_tokens=1000, output_tokens=10, cached_tokens=500)) == pytest.approx(570e-6)
    assert price.cost_usd(Spending(input_tokens=1001, output_tokens=10)) == pytest.approx(10_210e-6)


def test_concurrency_halves_when_busy_and_grows_again() -> None:
    async def run() -> tuple[int, int, int]:
        model = PricedModel([-2, -2, 1])
        limited = Limited(model, most=8, clock=FakeTime().clock())
        await ask(limited)
        await ask(limited)
        narrow = limited.limit
        model.tokens = [1]
        await asyncio.gather(*(ask(limited, number) for number in range(20)))
        return narrow, limited.limit, model.most_at_once

    narrow, wide, most = asyncio.run(run())
    assert narrow == 2
    assert 2 < wide < 8
    assert most <= wide


def test_members_are_drawn_by_share_and_named_by_role() -> None:
    names = {"refine": "ollama:fast", "leap": "ollama:deep", "repair": "ollama:cheap"}
    members = [
        Member(settings=ModelSettings(model=name, role=role), model=ScriptedModel(["x"]))
        for role, name in names.items()
    ]
    ensemble = Ensemble(members)
    drawn = [ensemble.choose(seed=seed).settings.role for seed in range(1000)]
    assert 750 < drawn.count("refine") < 850
    assert drawn.count("repair") == 0
    assert ensemble.choose(seed=0, role="leap").settings.name == "deep"
    assert ensemble.repairer(members[0]).settings.name == "cheap"
    assert [ensemble.choose(seed=seed) for seed in range(9)] == [ensemble.choose(seed=seed) for seed in range(9)]
    with pytest.raises(ConfigError, match="positive share"):
        Ensemble(members[2:])


def test_more_than_two_models_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    models = [ModelSettings(model=f"ollama:{name}") for name in "abc"]
    Ensemble([Member(settings=one, model=ScriptedModel(["x"])) for one in models])
    assert "3 models take turns" in caplog.text


class TestCassettesConform(ChatModelConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_model(self) -> ChatModel:
        path = self.folder / "answers.jsonl"
        recording = RecordingModel(ScriptedModel(["first", "second", "third"]), path)
        asyncio.run(self._record(recording))
        return ReplayedModel(path)

    async def _record(self, model: ChatModel) -> None:
        for temperature, seed in ((0.0, 0), (0.0, 0), (None, None)):
            await model.complete(self.prompt(), max_tokens=256, temperature=temperature, seed=seed)


def test_a_cassette_refuses_what_it_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    asyncio.run(ask(RecordingModel(ScriptedModel(["x = 1"]), path)))
    with pytest.raises(ProviderError, match="no answer to this request"):
        asyncio.run(ask(ReplayedModel(path), seed=5))
    answer = asyncio.run(ask(ReplayedModel(path, in_order=True), seed=5))
    assert isinstance(answer, Completion)
    assert answer.text == "x = 1"
    path.write_text("{")
    with pytest.raises(ConfigError, match="no cassette"):
        ReplayedModel(path)
