"""Slow answers wait side by side: as many requests are out as the run has tickets in flight."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thekla import assembly
from thekla.analysis.report.html import command_of
from thekla.assembly.build import ahead_of, build_package, started_of
from thekla.core.evaluation import Scored
from thekla.core.problem import ProblemRef
from thekla.testing.model_server import ModelServer, Reply

IN_FLIGHT = 64


def test_a_model_gets_as_many_requests_at_once_as_there_are_tickets_in_flight(runs: Path) -> None:
    """The server answers nothing before it has 64 requests, so that with fewer at once none would be answered."""

    def script(number: int, body: Mapping[str, Any]) -> Reply:
        text = f"```python\ndef answer():\n    return [0.5, {4 + number % 5 / 7}, 10.0, 0.1, 2.0]\n```"
        return Reply(text=text, after=IN_FLIGHT)

    with ModelServer(script) as server:
        options = assembly.load_options(
            problem="toy",
            suite="single",
            generator="rewrite",
            proposals=IN_FLIGHT,
            evaluations=2 * IN_FLIGHT,
            in_flight=IN_FLIGHT,
            ahead=3,
            sandbox="trusted",
            workers=1,
            arguments={"generator": {"ensemble": [server.entry(format="full")], "deadline_s": 20.0}},
        )
        view = assembly.view(assembly.run(options, runs=runs, observer=lambda progress: None).run_id, runs)
    assert len(server.log) == IN_FLIGHT
    assert ahead_of(view.settings) == 3
    assert "--in-flight 64 --ahead 3" in command_of(view)
    assert view.stop_reason == "proposals"
    assert len(view.candidates) == 1 + IN_FLIGHT
    assert sum(isinstance(candidate.outcome, Scored) for candidate in view.candidates) == 1 + 5


def test_nothing_is_asked_ahead_unless_it_is_wanted() -> None:
    package = build_package(ProblemRef(name="toy", suite="default"))
    for given, tickets in ((None, 0), (7, 7)):
        options = assembly.load_options(problem="toy", generator="constants", prompts="plain", ahead=given)
        started = started_of(options, package, tier="trusted")
        assert ahead_of(started) == tickets
        assert ("ahead" in started.components) == bool(tickets)
