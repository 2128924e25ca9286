"""Bauplan's loop as the preset runs it, with a scripted model behind a server that also goes wrong."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from thekla import assembly
from thekla.cli.app import execute
from thekla.core.errors import ConfigError
from thekla.core.evaluation import Failed, Scored
from thekla.core.progress import Progress
from thekla.testing.model_server import FAULTS, ModelServer, Reply, Script

EXAMPLE = Path(__file__).parents[2] / "examples" / "bauplan_loop.py"
STEPS = [
    "Some thoughts, and no program.",
    "```python\ndef answer(:\n```",
    "```python\ndef answer():\n    return [1.0 / 0]\n```",
    *(f"```python\ndef answer():\n    return [0.5, {first}, 10.0, 0.1, 2.0]\n```" for first in (1.5, 3.0, 2.0, 4.0)),
]


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bauplan_loop", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def by_attempts(number: int, body: Mapping[str, Any]) -> Reply:
    """The step after as many attempts as the conversation shows, with a fault before every fourth request."""
    if number % 4 == 2:
        return FAULTS["server error" if number % 8 == 2 else "not JSON"]("")
    attempts = sum(message["role"] == "assistant" for message in body["messages"])
    return Reply(text=STEPS[min(attempts, len(STEPS) - 1)])


def loop(script: Script, runs: Path, **changes: Any) -> tuple[str, ModelServer]:
    """A run of the preset, over a server that has left by its end."""
    with ModelServer(script) as server:
        entry = server.entry(format="full")
        arguments = {"generator": {"ensemble": [entry]}}
        options = assembly.load_options(
            preset="bauplan-loop", sandbox="trusted", workers=1, arguments=arguments, cost_usd=5.0, **changes
        )
        run_id = assembly.run(options, runs=runs, observer=lambda progress: None).run_id
    return run_id, server


def test_preset_runs_the_published_loop(runs: Path) -> None:
    run_id, server = loop(by_attempts, runs, problem="toy", suite="single", proposals=7)
    view = assembly.view(run_id, runs)
    assert view.stop_reason == "proposals"
    scores = [view.score(candidate.outcome) for candidate in view.candidates]
    assert [score is None for score in scores] == [False, True, True, True, False, False, False, False]
    kinds = [str(one.outcome.kind) for one in view.candidates if isinstance(one.outcome, Failed)]
    assert kinds == ["no_program", "no_program", "crash"]
    assert view.leader is not None
    assert view.leader.ticket == "t7"

    answered = [served for served in server.log if served.reply == "answer"]
    assert [sum(one["role"] == "assistant" for one in served.request["messages"]) for served in answered] == [*range(7)]
    last = answered[-1].request["messages"]
    said = " ".join(one["content"] for one in last if one["role"] == "user")
    assert "could not be run (no_program)" in said
    assert "ran and failed (crash)" in said
    assert "That is better" in said
    assert "is no better than" in said
    assert {served.request["temperature"] for served in answered} == {0.7}

    (calls,) = view.models
    assert (calls.who, calls.answers, calls.programs) == ("refine scripted", 7, 5)
    assert calls.spending.calls == len(server.log)
    assert calls.spending.cost_usd == pytest.approx(sum(served.billed_usd for served in server.log if served.told))
    assert "Models" in [table.title for table in assembly.describe(run_id, runs).tables]


def test_the_example_tells_attempts_and_costs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id, _ = loop(by_attempts, runs, problem="toy", suite="single", proposals=4)
    example().tell(run_id, runs)
    said = capsys.readouterr().out
    assert "no_program: the answer holds no program" in said
    assert "refine scripted: 4 answers, 2 programs" in said
    assert (runs / f"{run_id}.html").exists()
    assert "Models" in (runs / f"{run_id}.html").read_text()


def test_a_prompt_can_be_looked_at_as_it_was_sent(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_id, server = loop(by_attempts, runs, problem="toy", suite="single", proposals=4)
    sent = next(one.request["messages"] for one in server.log[::-1] if one.reply == "answer")
    shown = assembly.prompt(run_id, "t4", runs)
    texts = [section.text for section in shown.sections]
    assert all(any(text in message["content"] for message in sent) for text in texts)
    assert sum(section.role == "assistant" for section in shown.sections) == 3
    assert shown.tokens > 0
    assert execute(["prompt", run_id, "t4", "--runs", str(runs)]) == 0
    printed = capsys.readouterr()
    assert "--- standing (system, about" in printed.err
    assert texts[-1] in printed.out
    with pytest.raises(ConfigError, match="t2, t3, t4"):
        assembly.prompt(run_id, "t99", runs)
    with pytest.raises(ConfigError, match="nobody was asked"):
        assembly.prompt(run_id, "s0", runs)


def test_richer_feedback_is_an_option(runs: Path) -> None:
    _, server = loop(by_attempts, runs, problem="toy", suite="single", proposals=5, feedback="trace")
    said = " ".join(one["content"] for one in server.log[-1].request["messages"])
    assert "ZeroDivisionError" in said
    assert "Per instance: x1.0" in said
    assert "<<diagnosis of x1.0>>" in said


class Closing(Exception):
    """The search is over."""


@pytest.mark.slow
def test_loop_goes_from_a_weak_to_a_good_policy_on_the_published_traces(runs: Path) -> None:
    """The example's script up to the end of the search: 8 of its 9 answers, faults among them."""
    seen: list[Progress] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if progress.phase != "search":
            raise Closing

    module = example()
    with ModelServer(module.scripted) as server:
        entry = server.entry(format="full", max_tokens=8000)
        options = assembly.load_options(
            preset="bauplan-loop",
            sandbox="trusted",
            workers=2,
            proposals=6,
            arguments={"generator": {"ensemble": [entry]}},
        )
        with pytest.raises(Closing):
            assembly.run(options, runs=runs, observer=watch)
    (row,) = assembly.list_runs(runs)
    view = assembly.view(row.run_id, runs)
    scores = [view.score(one.outcome) for one in view.candidates if isinstance(one.outcome, Scored)]
    assert scores[0] == pytest.approx(12999.69611111111)  # the published baseline
    assert scores[-1] is not None
    assert min(score for score in scores if score is not None) < 3000
    assert len(scores) >= 3
    assert sum(calls.answers for calls in view.models) == 6
