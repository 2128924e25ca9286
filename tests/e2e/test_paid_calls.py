"""kill -9 of a run that pays for its answers: no answer is lost, and none is paid for twice but what was on its way."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from thekla.core.events import EventKind
from thekla.core.journal import Answered, payload_of
from thekla.core.run import Spending
from thekla.testing.model_server import ModelServer, Reply

from .command import Command, Recorded, kill, recorded, wait_for_writing

PROPOSALS = 30
IN_FLIGHT = 3
SEARCH_S = 1.5  # from the first event to the last, undisturbed; a kill falls anywhere in it

OPTIONS = """
problem = "toy"
generator = "rewrite"
prompts = "chat"
strategy = "greedy"
sandbox = "trusted"
workers = 1
proposals = {proposals}
in_flight = {in_flight}
cost_usd = 50.0
seed = 7
hints = false

[[arguments.generator.ensemble]]
model = "{model}"
format = "full"
max_tokens = 2000
input_usd_per_mtok = {into}
output_usd_per_mtok = {out}
"""


def by_content(number: int, body: Mapping[str, Any]) -> Reply:
    """An answer that depends on the request alone, since after a kill the numbers differ; it takes a moment."""
    drawn = Random(int(body["seed"]))
    values = [round(drawn.uniform(0.1, 10.0), 3) for _ in range(5)]
    return Reply(
        text=f"A step.\n```python\ndef answer():\n    return {values}\n```\n", delay_s=drawn.uniform(0.0, 0.02)
    )


def spent_in(run: Recorded) -> Spending:
    """What the journal's answers cost, added up."""
    total = Spending()
    for event in run.events:
        payload = payload_of(event) if event.kind is EventKind.ANSWERED else None
        if isinstance(payload, Answered):
            total = total + payload.spending
    return total


def completions_in(run: Recorded) -> list[str]:
    """The keys of the answers that came whole."""
    return [key for key, fact in run.answers.items() if key.startswith("call/ended/") and "completion" in fact]


def configure(command: Command, server: ModelServer) -> None:
    into, out = server.prices
    model = f"{server.url}#scripted"
    command.config.write_text(OPTIONS.format(proposals=PROPOSALS, in_flight=IN_FLIGHT, model=model, into=into, out=out))


def kill_and_resume(command: Command, *, kills: int, rng: Random) -> None:
    """A run that is killed at random instants and resumed each time, and what it has paid for in the end."""
    with ModelServer(by_content) as server:
        configure(command, server)
        process, done = command.start_search(), 0
        path = wait_for_writing(command, process)
        before: Recorded | None = None
        while done < kills:
            time.sleep(rng.uniform(0.0, SEARCH_S / max(2, kills)))
            kill(process)
            if process.wait().code != -signal.SIGKILL:
                break  # it had come to its end
            done += 1
            now = recorded(path)
            if before is not None:  # whatever was answered is still there
                assert list(now.answers.items())[: len(before.answers)] == list(before.answers.items())
            before = now
            if now.events and now.events[-1].kind is EventKind.CLOSED:
                break
            if not now.events:
                path.unlink()
                before, process = None, command.start_search()
            else:
                process = command.start("resume", path.stem)
            path = wait_for_writing(command, process)
        last = process.wait()
        assert last.code in (0, -signal.SIGKILL), last.err
        log = list(server.log)
    ended = recorded(path)
    assert ended.chain
    assert ended.events[-1].kind is EventKind.CLOSED
    assert len(completions_in(ended)) == PROPOSALS  # each proposal has its answer, which was paid for once
    assert PROPOSALS <= len(log) <= PROPOSALS + done * IN_FLIGHT
    spent = spent_in(ended)
    once = {served.request["seed"]: served.billed_usd for served in log}
    assert spent.cost_usd == pytest.approx(sum(once.values()), abs=1e-9)
    assert (spent.cost_usd or 0.0) + spent.unknown_usd >= sum(served.billed_usd for served in log) - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_runs_killed_again_and_again_lose_no_answer_and_pay_for_none_twice(command: Command, seed: int) -> None:
    kill_and_resume(command, kills=10, rng=Random(seed))
