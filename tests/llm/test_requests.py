"""One call against a server that goes wrong: how many requests are sent, and what comes of each."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from tests.llm.clocks import FakeTime

from thekla.core.errors import ConfigError
from thekla.core.protocols import ChatModel
from thekla.core.run import Completion, Prompt, Section
from thekla.llm import Caps, FaultKind, ModelFault, Models, ModelSettings, Patience, settings_of, within
from thekla.llm.faults import TOO_LONG, cleaned, fault_of_status, retry_after_s
from thekla.testing.model_server import FAULTS, ModelServer, Reply, Script
from thekla.testing.models import ChatModelConformance

PROMPT = Prompt(
    sections=(
        Section(name="rules", text="Be brief.", role="system"),
        Section(name="task", text="Write a function."),
        Section(name="limits", text="No imports."),
        Section(name="said", text="def f(): pass", role="assistant"),
        Section(name="more", text="Again."),
    )
)
PATIENCE = Patience(connect_s=5.0, idle_s=0.4, total_s=0.6)
"""For a server that makes one wait."""
CALM = Patience(connect_s=60.0, idle_s=60.0, total_s=60.0)
"""For one that answers at once, on a machine that may be busy."""


def ask(
    server: ModelServer,
    *,
    time: FakeTime | None = None,
    caps: Caps | None = None,
    calls: int = 1,
    temperature: float | None = 0.5,
    environment: Mapping[str, str] | None = None,
    patience: Patience = PATIENCE,
    **changes: Any,
) -> list[Completion | ModelFault]:
    """What comes of some calls, one after another."""

    async def asked() -> list[Completion | ModelFault]:
        found: list[Completion | ModelFault] = []
        clock = (time or FakeTime()).clock()
        async with Models(environment or {}, caps=caps, patience=patience, clock=clock) as models:
            model = models.chat(*settings_of([server.entry(**changes)]))
            for number in range(calls):
                try:
                    found.append(await model.complete(PROMPT, max_tokens=500, temperature=temperature, seed=number))
                except ModelFault as fault:
                    found.append(fault)
        return found

    return asyncio.run(asked())


def always(name: str) -> Script:
    return lambda number, body: FAULTS[name]("def f(): return 1")


class TestModelsConform(ChatModelConformance):
    def make_model(self) -> ChatModel:
        return _Fresh()


class _Fresh:
    """A model of a server of its own for each answer, so that it outlives no event loop."""

    async def complete(
        self, prompt: Prompt, *, max_tokens: int, temperature: float | None, seed: int | None
    ) -> Completion:
        with ModelServer(lambda number, body: Reply(text="def f(): return 1")) as server:
            async with Models({}) as models:
                model = models.chat(ModelSettings(**server.entry()))
                return await model.complete(prompt, max_tokens=max_tokens, temperature=temperature, seed=seed)


def test_request_carries_roles_and_settings_and_the_bill_is_the_servers() -> None:
    with ModelServer(lambda number, body: Reply(text="x = 1\n" * 10)) as server:
        (answer,) = ask(server, effort="high")
    assert isinstance(answer, Completion)
    (served,) = server.log
    assert served.request["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Write a function.\n\nNo imports."},
        {"role": "assistant", "content": "def f(): pass"},
        {"role": "user", "content": "Again."},
    ]
    sent = {name: served.request[name] for name in ("max_tokens", "temperature", "seed", "reasoning_effort")}
    assert sent == {"max_tokens": 500, "temperature": 0.5, "seed": 0, "reasoning_effort": "high"}
    assert answer.spending.cost_usd == pytest.approx(served.billed_usd, abs=1e-12)
    assert answer.spending.unknown_usd == 0.0


@pytest.mark.parametrize(
    ("name", "kind", "requests"),
    [
        ("bad request", FaultKind.REQUEST, 1),
        ("too long", FaultKind.REQUEST, 1),
        ("busy", FaultKind.BUSY, 5),
        ("overloaded", FaultKind.BUSY, 5),
        ("server error", FaultKind.SERVER, 5),
        ("bad gateway", FaultKind.SERVER, 5),
        ("cut body", FaultKind.NETWORK, 5),
        ("nothing", FaultKind.NETWORK, 5),
        ("reset", FaultKind.NETWORK, 5),
        ("not JSON", FaultKind.GARBLED, 5),
        ("error in 200", FaultKind.GARBLED, 5),
    ],
)
def test_a_failing_call_sends_as_many_requests_as_can_help(name: str, kind: FaultKind, requests: int) -> None:
    with ModelServer(always(name)) as server:
        (fault,) = ask(server, patience=CALM)
    assert isinstance(fault, ModelFault)
    assert fault.kind is kind
    assert len(server.log) == fault.spending.calls == requests


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_a_fault_of_access_is_asked_once_and_ends_the_run(status: int) -> None:
    with ModelServer(lambda number, body: Reply(status=status, envelope=b'{"error": {"message": "no"}}')) as server:
        (fault,) = ask(server)
    assert isinstance(fault, ModelFault)
    assert fault.ends_the_run
    assert f"HTTP {status}: no" in fault.message
    assert len(server.log) == 1


@pytest.mark.parametrize("name", ["hang", "drip"])
def test_an_answer_that_takes_too_long_is_given_up_at_its_most_expensive(name: str) -> None:
    def script(number: int, body: Mapping[str, Any]) -> Reply:
        return FAULTS[name]("slow") if number == 0 else Reply(text="quick")

    with ModelServer(script) as server:
        (answer,) = ask(server)
    assert isinstance(answer, Completion)
    assert answer.text == "quick"
    assert answer.spending.calls == 2
    assert answer.spending.unknown_usd > server.log[0].billed_usd


@pytest.mark.parametrize(
    ("name", "stop"),
    [("null", "empty"), ("empty", "empty"), ("no choices", "no_choices"), ("refusal", "content_filter")],
)
def test_an_answer_without_text_is_an_answer_with_a_reason(name: str, stop: str) -> None:
    with ModelServer(always(name)) as server:
        (answer,) = ask(server)
    assert isinstance(answer, Completion)
    assert (answer.text, answer.stop_reason) == ("", stop)
    assert answer.spending.cost_usd == pytest.approx(server.log[0].billed_usd)
    assert len(server.log) == 1


def test_a_flood_of_prose_is_cut_and_paid_for() -> None:
    with ModelServer(always("300 kB of prose")) as server:
        (answer,) = ask(server, max_tokens=200_000)
    assert isinstance(answer, Completion)
    assert answer.stop_reason == "too_long"
    assert len(answer.text) == 262_144
    assert answer.spending.cost_usd == pytest.approx(server.log[0].billed_usd)


@pytest.mark.parametrize("name", ["negative usage", "absurd usage", "usage in words", "no usage"])
def test_counts_of_tokens_that_cannot_be_leave_the_cost_unknown(name: str) -> None:
    with ModelServer(always(name)) as server:
        (answer,) = ask(server)
    assert isinstance(answer, Completion)
    assert answer.text == "def f(): return 1"
    assert answer.spending.cost_usd == 0.0
    assert answer.spending.unknown_usd >= server.log[0].billed_usd


def test_retry_after_is_honoured_and_other_waits_grow() -> None:
    def script(number: int, body: Mapping[str, Any]) -> Reply:
        return FAULTS["busy, wait 1 s"]("") if number == 0 else FAULTS["server error"]("")

    time = FakeTime()
    with ModelServer(script) as server:
        ask(server, time=time)
    assert time.waits[0] == 1.0
    assert [wait <= most for wait, most in zip(time.waits[1:], (2.0, 4.0, 8.0), strict=True)] == [True] * 3


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after_s("7", now_s=0.0) == 7.0
    assert retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", now_s=20.0) == 40.0
    assert retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", now_s=90.0) == 0.0
    assert [retry_after_s(words, now_s=0.0) for words in (None, "", "soon", "nan")] == [None] * 4


def test_no_wait_goes_beyond_the_deadline() -> None:
    async def asked(server: ModelServer, time: FakeTime) -> None:
        async with Models({}, patience=PATIENCE, clock=time.clock()) as models:
            model = models.chat(ModelSettings(**server.entry()))
            with within(30.0, time.clock()):
                await model.complete(PROMPT, max_tokens=10, temperature=None, seed=None)

    reply = Reply(status=429, headers={"retry-after": "31"}, envelope=b"{}")
    with ModelServer(lambda number, body: reply) as server, pytest.raises(ModelFault) as caught:
        asyncio.run(asked(server, FakeTime()))
    assert caught.value.kind is FaultKind.BUSY
    assert len(server.log) == 1


def test_a_refused_parameter_is_left_out_from_then_on() -> None:
    def script(number: int, body: Mapping[str, Any]) -> Reply:
        if "temperature" in body:
            return Reply(status=400, envelope=b'{"error": {"message": "temperature is not supported"}}')
        return Reply(text="fine")

    with ModelServer(script) as server:
        answers = ask(server, calls=3)
    assert [isinstance(answer, Completion) for answer in answers] == [True] * 3
    assert [served.status for served in server.log] == [400, 200, 200, 200]


def test_the_limit_of_tokens_has_two_names_and_is_never_left_out() -> None:
    def newer(number: int, body: Mapping[str, Any]) -> Reply:
        if "max_tokens" in body:
            return Reply(status=400, envelope=b'{"error": "max_tokens is not supported; use max_completion_tokens"}')
        return Reply(text="fine")

    with ModelServer(newer) as server:
        answers = ask(server, calls=2)
    assert [isinstance(answer, Completion) for answer in answers] == [True, True]
    assert [served.request.get("max_completion_tokens") for served in server.log] == [None, 500, 500]

    def stubborn(number: int, body: Mapping[str, Any]) -> Reply:
        name = "max_tokens" if "max_tokens" in body else "max_completion_tokens"
        return Reply(status=400, envelope=f'{{"error": "unknown field {name}"}}'.encode())

    with ModelServer(stubborn) as server:
        (fault,) = ask(server)
    assert isinstance(fault, ModelFault)
    assert fault.kind is FaultKind.REQUEST
    assert len(server.log) == 2


def test_a_prompt_that_is_too_long_is_no_refused_parameter() -> None:
    words = b'{"error": "prompt and max_tokens exceed the context of 8192"}'
    with ModelServer(lambda number, body: Reply(status=400, envelope=words)) as server:
        (fault,) = ask(server)
    assert isinstance(fault, ModelFault)
    assert fault.kind is FaultKind.REQUEST
    assert len(server.log) == 1


@pytest.mark.parametrize(
    ("status", "words", "too_long"),
    [
        (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens", True),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", True),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", True),
        (400, "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", True),
        (413, "Payload", True),
        (400, "messages: at least one message is required", False),
        (400, "this prompt is against our rules", False),
        (400, "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens", False),
        (429, "too many tokens per minute: the limit is 30000 tokens", False),
    ],
)
def test_a_prompt_that_is_too_long_is_told_from_other_refusals(status: int, words: str, too_long: bool) -> None:
    fault = fault_of_status(status, words, model="m", sent=frozenset({"max_tokens", "temperature"}))
    assert (fault.detail == TOO_LONG) == too_long


def test_keys_and_control_characters_of_a_provider_are_not_repeated() -> None:
    words = "Incorrect API key provided: sk-proj-abcdefghijklmnop1234\x1b[2J, and my own SECRET99"
    said = cleaned(words, "SECRET99")
    assert "abcdefghijklmnop" not in said
    assert "SECRET99" not in said
    assert "\x1b" not in said
    key = {"MY_KEY": "sk-verysecretkey123456"}
    with ModelServer(
        lambda number, body: Reply(status=401, envelope=b'{"error":"wrong key sk-verysecretkey123456"}')
    ) as server:
        (fault,) = ask(server, environment=key, key_env="MY_KEY")
    assert isinstance(fault, ModelFault)
    assert "verysecret" not in fault.message


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect key sk-ant-api03-{0}",
        "Invalid token: Bearer {0}",
        "wrong key sk-...{0}",
        "GET https://host/v1?key=AIzaSyB{0}{0}",
        "denied for hf_{0}{0} and ghp_{0}{0}{0}",
        "https://me:{0}@host/ refused",
    ],
)
def test_what_looks_like_a_key_is_not_repeated_whoever_s_it_is(said: str) -> None:
    part = "Abcd1234Efgh5678"
    assert part not in cleaned(said.format(part))


def test_a_key_of_no_known_shape_is_not_repeated_by_any_kind_of_error() -> None:
    key = "tops/3cret="
    environment = {"MY_KEY": key}
    words = f"no right for {key}, nor for tops%2F3cret%3D"
    for reply in (
        Reply(status=403, envelope=f'{{"error": {{"message": "{words}"}}}}'.encode()),
        Reply(status=400, envelope=f'{{"detail": "{words}"}}'.encode()),
        Reply(status=500, envelope=words.encode()),
        Reply(envelope=f'{{"error": {{"message": "{words}"}}}}'.encode()),
    ):
        with ModelServer(lambda number, body, reply=reply: reply) as server:  # type: ignore[misc]  # of this reply
            (fault,) = ask(server, environment=environment, key_env="MY_KEY")
        assert isinstance(fault, ModelFault)
        assert "no right for" in fault.message
        assert "3cret" not in fault.message


def test_a_model_that_never_answers_is_given_up() -> None:
    time = FakeTime()
    with ModelServer(always("server error")) as server:
        faults = ask(server, time=time, calls=10)
    kinds = [fault.kind for fault in faults if isinstance(fault, ModelFault)]
    assert kinds == [FaultKind.SERVER] * 8 + [FaultKind.OUTAGE] * 2
    assert len(server.log) == 8 * 5
    assert sum(wait == 60.0 for wait in time.waits) == 3


def test_no_connection_costs_nothing() -> None:
    with ModelServer(always("null")) as server:
        entry = server.entry()
    gone = ModelServer(always("null"))
    gone.entry = lambda **changes: {**entry, **changes}  # type: ignore[method-assign]  # a server that has left
    (fault,) = ask(gone)
    assert isinstance(fault, ModelFault)
    assert fault.kind is FaultKind.NETWORK
    assert (fault.spending.cost_usd, fault.spending.unknown_usd) == (0.0, 0.0)


@pytest.mark.slow  # the providers' libraries take seconds to import
def test_native_interfaces_speak_their_own_protocol() -> None:
    httpx2 = pytest.importorskip("httpx2")
    pytest.importorskip("pydantic_ai", reason="the extra llm is not installed")
    from thekla.llm.native import NativeModel

    seen: list[Any] = []

    def reply(request: Any) -> Any:
        seen.append(request)
        if "anthropic" not in str(request.url):
            return httpx2.Response(429, headers={"retry-after": "7"}, json={"error": {"message": "slow down"}})
        body = {
            **{"id": "m", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"},
            "content": [{"type": "text", "text": "hello"}],
            **{"stop_reason": "max_tokens", "stop_sequence": None},
            "usage": {"input_tokens": 10, "output_tokens": 3, "cache_read_input_tokens": 4},
        }
        return httpx2.Response(200, json=body)

    async def asked(name: str) -> Completion:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(reply), timeout=60.0) as client:
            model = NativeModel(ModelSettings(model=name), client=lambda: client, key="secret")
            return await model.complete(PROMPT, max_tokens=10, temperature=None, seed=3)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the providers' libraries
        answer = asyncio.run(asked("anthropic:claude-sonnet-4-5"))
        with pytest.raises(ModelFault) as caught:
            asyncio.run(asked("gemini:gemini-2.5-flash"))
    assert (answer.text, answer.stop_reason) == ("hello", "length")
    spending = answer.spending
    assert (spending.input_tokens, spending.cached_tokens, spending.output_tokens) == (14, 4, 3)
    assert (caught.value.kind, caught.value.retry_after_s) == (FaultKind.BUSY, 7.0)
    assert [request.url.path for request in seen] == [
        "/v1/messages",
        "/v1beta/models/gemini-2.5-flash:generateContent",
    ]


@pytest.mark.slow  # the providers' libraries take seconds to import
@pytest.mark.parametrize("name", ["anthropic:claude-sonnet-4-5", "gemini:gemini-2.5-flash"])
def test_native_interfaces_send_a_failing_request_once(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Their libraries would repeat it by themselves, and then each of ours is several."""
    httpx2 = pytest.importorskip("httpx2")
    pytest.importorskip("pydantic_ai", reason="the extra llm is not installed")
    from thekla.llm.native import NativeModel

    seen: list[Any] = []

    async def asked(status: int, words: str) -> ModelFault:
        def reply(request: Any) -> Any:
            seen.append(request)
            return httpx2.Response(status, json={"error": {"message": words}})

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(reply), timeout=60.0) as client:
            model = NativeModel(ModelSettings(model=name), client=lambda: client, key="secret")
            with pytest.raises(ModelFault) as caught:
                await model.complete(PROMPT, max_tokens=10, temperature=0.5, seed=None)
        return caught.value

    kinds = {
        429: FaultKind.BUSY,
        529: FaultKind.BUSY,
        500: FaultKind.SERVER,
        401: FaultKind.ACCESS,
        422: FaultKind.REQUEST,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the providers' libraries
        found = {status: asyncio.run(asked(status, "no")).kind for status in kinds}
        assert found == kinds
        assert len(seen) == len(kinds)
        refused = asyncio.run(asked(400, "temperature is not supported by this model"))
    assert (refused.kind, refused.detail, len(seen)) == (FaultKind.PARAMETER, "temperature", len(kinds) + 1)
    assert "refuses temperature; it is left out" in caplog.text


def test_settings_that_cannot_be_are_named() -> None:
    for entry, words in (
        ({"model": "gpt-5.2"}, "provider:model"),
        ({"model": "nobody:x"}, "openai, anthropic"),
        ({"model": "ollama:x", "role": "boss"}, "refine, leap, repair"),
        ({"model": "ollama:x", "colour": 1}, "colour"),
        ({"model": "ollama:x", "max_tokens": "many"}, "max_tokens"),
        ({"model": "ollama:x", "input_usd_per_mtok": 1.0}, "both"),
    ):
        with pytest.raises(ConfigError, match=words):
            settings_of([entry])  # type: ignore[list-item]  # as a file gives it


def test_missing_keys_and_unknown_prices_are_found_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        Models({}).chat(ModelSettings(model="openai:gpt-5.2"))
    with pytest.raises(ConfigError, match="input_usd_per_mtok"):
        Models({}, caps=Caps(cost_usd=1.0)).chat(ModelSettings(model="ollama:qwen3"))


def test_rules_fill_what_an_entry_leaves_open() -> None:
    rules = [{"models": "gpt-5*", "temperature": 1.0, "effort": "high"}, {"models": "*", "temperature": 0.7}]
    names = ("openai:gpt-5.2", "openrouter:openai/gpt-5.2", "anthropic:claude-sonnet-4-5")
    found = settings_of([{"model": name} for name in names], rules)  # type: ignore[arg-type]  # as a file gives it
    assert [(one.temperature, one.effort) for one in found] == [(1.0, "high"), (1.0, "high"), (0.7, "")]
    assert settings_of([{"model": names[0], "temperature": 0.2}], rules)[0].temperature == 0.2  # type: ignore[arg-type]


def test_requests_that_are_refused_for_what_they_say_hold_up_no_other() -> None:
    refused = Reply(status=400, envelope=b'{"error": "this prompt is against our rules"}')

    def script(number: int, body: Mapping[str, Any]) -> Reply:
        return refused if number < 12 else Reply(text="def f(): return 1")

    time = FakeTime()
    with ModelServer(script) as server:
        found = ask(server, calls=13, time=time)
    assert [isinstance(one, ModelFault) for one in found] == [True] * 12 + [False]
    assert len(server.log) == 13
    with ModelServer(lambda number, body: refused) as server:
        found = ask(server, calls=25)
    assert len(server.log) == 20
    kinds = [one.kind for one in found if isinstance(one, ModelFault)]
    assert kinds == [FaultKind.REQUEST] * 20 + [FaultKind.OUTAGE] * 5
