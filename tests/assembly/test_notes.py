"""A model writes notes on the search: later prompts show them, and they are paid for once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from thekla.assembly import Progress, RunOptions, prompt, resume, run, view
from thekla.core.errors import ConfigError
from thekla.core.events import EventKind
from thekla.storage import RunFile
from thekla.testing.model_server import ModelServer, Reply

pytestmark = pytest.mark.usefixtures("evaluated_here")

WANTED = "Write no program now"
SHOWN = "## Notes on the search so far"


def silent(progress: object) -> None:
    """Hears nothing."""


def answer(number: int, body: Mapping[str, Any]) -> Reply:
    """A note if one is asked for, else a program that the seed of the request decides."""
    if WANTED in body["messages"][-1]["content"]:
        return Reply(text="The third number pays. <<end of notes>>")
    drawn = 1 + int(str(body["seed"])) % 1000 / 100
    return Reply(text=f"A step.\n```python\ndef answer():\n    return [0.5, {drawn}, 10.0, 0.1, 2.0]\n```")


def options(server: ModelServer, **changes: Any) -> RunOptions:
    given: dict[str, Any] = {
        "problem": "toy",
        "generator": "rewrite",
        "strategy": "greedy",
        "evaluations": 10,
        "sandbox": "trusted",
        "workers": 1,
        "in_flight": 1,
        "notes_every": 3,
        "arguments": {"generator": {"ensemble": [server.entry(format="full")]}},
    }
    return RunOptions.model_validate({**given, **changes})


def texts(server: ModelServer) -> list[str]:
    """All that each request said."""
    return ["\n".join(one["content"] for one in served.request["messages"]) for served in server.log]


def chain(path: Path) -> str:
    with RunFile.open(path, read_only=True) as store:
        return list(store.events(store.run_id))[-1].chain


def test_notes_are_asked_for_at_intervals_and_shown_from_then_on(runs: Path) -> None:
    with ModelServer(answer) as server:
        ended = run(options(server), runs=runs, observer=silent)
    said = texts(server)
    asking = [number for number, text in enumerate(said) if WANTED in text]
    assert asking == [3, 7]
    assert [SHOWN in text for text in said] == [False] * 4 + [True] * (len(said) - 4)
    assert "The third number pays" in said[4]
    assert said[4].count("<<end of notes>>") == 1  # what a model wrote cannot close its own block
    assert "## The latest programs" in said[7]
    assert SHOWN in prompt(ended.run_id, "n2", runs).text
    assert WANTED in prompt(ended.run_id, "n2", runs).text


def test_a_note_costs_what_it_costs_and_is_no_evaluation_and_no_failure(runs: Path) -> None:
    heard: list[Progress] = []
    with ModelServer(answer) as server:
        ended = run(options(server), runs=runs, observer=heard.append)
    seen = view(ended.run_id, runs)
    assert seen.ledger.evaluations == 10
    assert seen.ledger.cost_usd == pytest.approx(sum(served.billed_usd for served in server.log), abs=1e-9)
    assert heard[-1].failures == 0
    assert seen.failures == ()
    models = {one.who: one for one in seen.models}
    assert models["note scripted"].answers == 2
    assert models["refine scripted"].answers == models["refine scripted"].programs


@pytest.mark.parametrize("end", [4, 8])
def test_a_resumed_run_pays_for_no_note_twice(end: int, runs: Path) -> None:
    class Stopped(Exception):
        """Ends a session in the middle."""

    def stop_at(last: int) -> Callable[[Progress], None]:
        def observer(progress: Progress) -> None:
            seen.append(progress.run_id)
            if progress.proposals == last:
                raise Stopped

        return observer

    seen: list[str] = []
    with ModelServer(answer) as server:
        whole = run(options(server), runs=runs, observer=silent)
        asked = sum(WANTED in text for text in texts(server))
        before = len(server.log)
        with pytest.raises(Stopped):
            run(options(server), runs=runs, observer=stop_at(end))
        again = resume(seen[-1], runs=runs, workers=1, observer=silent)
    assert chain(again.path) == chain(whole.path)
    assert sum(WANTED in text for text in texts(server)[before:]) == asked
    assert len(server.log) == 2 * before


def test_an_empty_note_is_none(runs: Path) -> None:
    def silent_writer(number: int, body: Mapping[str, Any]) -> Reply:
        return Reply(text=" ") if WANTED in body["messages"][-1]["content"] else answer(number, body)

    with ModelServer(silent_writer) as server:
        ended = run(options(server), runs=runs, observer=silent)
    assert not any(SHOWN in text for text in texts(server))
    with RunFile.open(ended.path, read_only=True) as store:
        reasons = [event.data["reason"] for event in store.events(store.run_id) if event.kind is EventKind.ANSWERED]
    assert "the model sent an empty answer" in reasons


def test_notes_need_a_model_that_writes_and_prompts_that_show_them(runs: Path) -> None:
    for changes in ({"generator": "constants", "prompts": "plain"}, {"generator": "asktell"}):
        wrong = RunOptions(problem="toy", sandbox="trusted", notes_every=5, **changes)  # type: ignore[arg-type]  # texts
        with pytest.raises(ConfigError, match=r"notes_every is 5.*--model"):
            run(wrong, runs=runs, observer=silent)
