"""ShinkaEvolve's preset asks again for what nearly equals a program of the island, and pays once for each answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from thekla.assembly import prompt, resume, run, view
from thekla.assembly.build import components_of
from thekla.assembly.options import RunOptions, load_options
from thekla.core.errors import ConfigError, ProviderError
from thekla.core.journal import Answered, Asked, Started, Stopping, ToldFact, payload_of, program_from_blob
from thekla.core.registry import Component
from thekla.generation.novelty import similarity
from thekla.prompting.island import rejections_in
from thekla.storage import RunFile
from thekla.testing.model_server import ModelServer, Reply

pytestmark = pytest.mark.usefixtures("evaluated_here")

FIGURES = {"threshold": 0.99, "attempts": 3, "resamples": 3}
TOLD = "The program was nearly equal to one that is there"


def silent(progress: object) -> None:
    """Hears nothing."""


def repeating(number: int, body: Mapping[str, Any]) -> Reply:
    """The seed program, unless the request says that it was rejected; then a program that its seed decides."""
    if not any(TOLD in one["content"] for one in body["messages"]):
        return Reply(text="```python\ndef answer():\n    # as it was\n    return [1.0, 1.0, 1.0, 1.0, 1.0]\n```")
    drawn = 1 + int(str(body["seed"])) % 1000 / 100
    return Reply(text=f"```python\ndef answer():\n    return [0.5, {drawn}, 10.0, 0.1, 2.0]\n```")


def stubborn(number: int, body: Mapping[str, Any]) -> Reply:
    """Always the seed program, with a comment so that it is not the very same text."""
    return Reply(text="```python\ndef answer():\n    # new\n    return [1.0, 1.0, 1.0, 1.0, 1.0]\n```")


def options(server: ModelServer, **changes: Any) -> RunOptions:
    given: dict[str, Any] = {
        "preset": "shinka@0.0.7",
        "problem": "toy",
        "generator": "rewrite",
        "evaluations": 6,
        "sandbox": "trusted",
        "workers": 1,
        "in_flight": 2,
        "arguments": {"generator": {"ensemble": [server.entry(format="full")]}},
    }
    return load_options(None, **{**given, **changes})


def payloads(path: Path) -> list[Any]:
    with RunFile.open(path, read_only=True) as store:
        return [payload_of(event) for event in store.events(store.run_id)]


def chain_of(path: Path) -> str:
    with RunFile.open(path, read_only=True) as store:
        return list(store.events(store.run_id))[-1].chain


def answers_of(path: Path) -> list[Answered]:
    return [one for one in payloads(path) if isinstance(one, Answered)]


def test_the_preset_rejects_by_the_published_figures_and_says_so_in_the_journal(runs: Path) -> None:
    with ModelServer(repeating) as server:
        ended = run(options(server), runs=runs, observer=silent)
    events = payloads(ended.path)
    (started,) = (one for one in events if isinstance(one, Started))
    assert started.components["novelty"] == Component(name="novelty", version="1", arguments=FIGURES)
    answers = [one for one in answers_of(ended.path) if one.generator.startswith("rewrite")]
    assert {rejections_in(one.operator) for one in answers} <= {1, 2, 3}
    assert sum(one.program is not None for one in answers) >= 5
    assert sum(one.spending.calls for one in answers) == len(server.log)
    assert all(one.spending.calls == 1 + rejections_in(one.operator) for one in answers if one.program is not None)
    assert "rejected-1" in {row.operator for row in view(ended.run_id, runs).operators}


def test_what_is_accepted_is_new_on_its_island_when_it_is_asked_for(runs: Path) -> None:
    with ModelServer(repeating) as server:
        ended = run(options(server, evaluations=12, in_flight=1), runs=runs, observer=silent)
    islands: dict[str, object] = {}
    texts: list[tuple[object, str]] = []
    for one in payloads(ended.path):
        if isinstance(one, Asked):
            islands[one.ticket] = one.route.get("island")
        elif isinstance(one, ToldFact) and one.program is not None:
            with RunFile.open(ended.path, read_only=True) as store:
                text, island = program_from_blob(store.blob(one.program)).text, islands[one.ticket]
            same = [other for number, other in texts if number in (None, island) and island is not None]
            assert max((similarity(text, other) for other in same), default=0.0) <= 0.99
            texts.append((island, text))
    assert {island for island, _ in texts} == {None, 0, 1}


def test_a_model_that_only_repeats_itself_loses_its_tickets_and_no_evaluation(runs: Path) -> None:
    with ModelServer(stubborn) as server:
        ended = run(options(server, proposals=4), runs=runs, observer=silent)
        assert len(server.log) == 4 * 3
    seen = view(ended.run_id, runs)
    assert (seen.ledger.evaluations, seen.ledger.proposals) == (1, 1 + 4)  # the seed and the tickets
    assert seen.ledger.cost_usd == pytest.approx(sum(served.billed_usd for served in server.log), abs=1e-9)
    assert {one.reason for one in answers_of(ended.path) if one.program is None} == {
        "too like a program of its island (similarity 1.0000, above 0.99); 3 of 3 answers rejected"
    }


def test_a_cap_on_requests_holds_between_the_answers_to_one_ticket(runs: Path) -> None:
    with ModelServer(stubborn) as server:
        ended = run(options(server, calls=4, in_flight=1), runs=runs, observer=silent)
        assert len(server.log) == 4
    spent = [one.spending.calls for one in answers_of(ended.path)]
    assert spent == [0, 3, 1]
    assert next(one.reason for one in payloads(ended.path) if isinstance(one, Stopping)) == "calls"


def test_a_run_that_stops_between_two_answers_to_a_ticket_pays_for_none_twice(runs: Path) -> None:
    def locked(number: int, body: Mapping[str, Any]) -> Reply:
        return Reply(status=401, text="no") if number == 3 else repeating(number, body)

    with ModelServer(repeating) as server:
        whole = run(options(server, in_flight=1), runs=runs, observer=silent)
        asked = len(server.log)
    with ModelServer(locked) as server:
        seen: list[str] = []
        with pytest.raises(ProviderError):
            run(options(server, in_flight=1), runs=runs, observer=lambda progress: seen.append(progress.run_id))
        assert len(server.log) == 4
        again = resume(seen[-1], runs=runs, workers=1, observer=silent)
        assert len(server.log) == asked + 1  # what was refused is the only request that was sent twice
    assert [one.program for one in answers_of(again.path)] == [one.program for one in answers_of(whole.path)]


def test_the_prompt_of_a_ticket_is_shown_as_it_is_first_sent(runs: Path) -> None:
    with ModelServer(repeating) as server:
        ended = run(options(server), runs=runs, observer=silent)
    sent = {one["content"] for served in server.log for one in served.request["messages"]}
    assert any(prompt(ended.run_id, "t1", runs).sections[-1].text in content for content in sent)
    assert "island" not in {section.name for section in prompt(ended.run_id, "t1", runs).sections}


def test_it_can_be_left_off_and_had_by_any_strategy(runs: Path) -> None:
    with ModelServer(stubborn) as server:
        run(options(server, novelty=False, proposals=3), runs=runs, observer=silent)
        assert len(server.log) == 3
        tried = {"preset": None, "strategy": "greedy", "novelty": True, "proposals": 3}
        ended = run(options(server, **tried), runs=runs, observer=silent)
        assert len(server.log) == 3 + 3 * 3
    (started,) = (one for one in payloads(ended.path) if isinstance(one, Started))
    assert started.components["novelty"].arguments == {}


def test_a_mutator_draws_another_edit_and_an_equal_seed_gives_an_equal_run(runs: Path) -> None:
    given: dict[str, Any] = {"generator": "constants", "prompts": "plain", "arguments": {"novelty": {"threshold": 0.9}}}
    options = load_options(
        None, preset="shinka@0.0.7", problem="toy", evaluations=20, sandbox="trusted", workers=1, **given
    )
    first, second = (run(options, runs=runs, observer=silent).path for _ in range(2))
    answers = answers_of(first)
    assert any(rejections_in(one.operator) for one in answers if one.program is not None)
    assert chain_of(first) == chain_of(second)


@pytest.mark.parametrize("given", [{"generator": "asktell"}, {"agent": "claude"}])
def test_who_answers_once_is_not_asked_again(given: dict[str, Any], runs: Path) -> None:
    with pytest.raises(ConfigError, match="asked for once; leave it out"):
        run(RunOptions(problem="toy", sandbox="trusted", novelty=True, **given), runs=runs, observer=silent)


def test_the_preset_serves_who_answers_once_too() -> None:
    options = load_options(None, preset="shinka@0.0.7", problem="toy", generator="asktell")
    assert "novelty" not in components_of(options)
