"""`thekla prompt` shows what was sent, whatever the run was asked for and however it was turned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from thekla.assembly import RunOptions, fork, prompt, resume, run, steer_line
from thekla.core.events import EventKind
from thekla.core.journal import Asked, payload_of
from thekla.core.run import IMPORT, SEED
from thekla.llm.wire import messages_of
from thekla.storage import RunFile
from thekla.testing.model_server import ModelServer, Reply

pytestmark = pytest.mark.usefixtures("evaluated_here")


def silent(progress: object) -> None:
    """Hears nothing."""


def answer(number: int, body: Mapping[str, Any]) -> Reply:
    """A program that the seed of the request decides, and prose where edits are asked for."""
    if "SEARCH" in body["messages"][-1]["content"]:
        return Reply(text="One could try the third number.")
    drawn = 1 + int(str(body["seed"])) % 1000 / 100
    return Reply(text=f"A step.\n```python\ndef answer():\n    return [0.5, {drawn}, 10.0, 0.1, 2.0]\n```")


def tickets(path: Path) -> list[str]:
    with RunFile.open(path, read_only=True) as store:
        asked = [payload_of(event) for event in store.events(store.run_id) if event.kind is EventKind.ASKED]
    return [one.ticket for one in asked if isinstance(one, Asked) and one.operator not in (SEED, IMPORT)]


def test_every_prompt_is_shown_as_it_was_sent(runs: Path) -> None:
    """With a constraint of the user's own, a model that gives no program, a note of people, and in a fork."""
    with ModelServer(answer) as server:
        ensemble = [server.entry(format=form, role=role) for form, role in (("full", "refine"), ("edit", "leap"))]
        options: dict[str, Any] = {
            **{"problem": "toy", "generator": "rewrite", "strategy": "greedy", "sandbox": "trusted", "workers": 1},
            **{"evaluations": 5, "proposals": 7, "in_flight": 1, "constraints": ("complexity<=900",)},
            "arguments": {"generator": {"ensemble": ensemble, "bandit": True, "repairs": 0}},
        }
        whole = run(RunOptions.model_validate(options), runs=runs, observer=silent)
        before = len(server.log)
        name, path = fork(whole.run_id, at=8, runs=runs)
        steer_line(name, "note", "mind the third number", drop=False, runs=runs)
        resume(name, runs=runs, workers=1, observer=silent)
        sent = [served.request["messages"] for served in server.log]
    shown = [messages_of(prompt(whole.run_id, ticket, runs)) for ticket in tickets(whole.path)]
    assert shown == sent[:before]
    assert all("complexity" in messages[0]["content"] for messages in shown)
    assert len({messages[-1]["content"].split("## Your answer")[-1] for messages in shown}) == 2
    turned = [messages_of(prompt(name, ticket, runs)) for ticket in tickets(path)]
    assert turned[-len(sent[before:]) :] == sent[before:]
    assert "mind the third number" in turned[-1][-1]["content"]
