"""A cap on wall time holds where a model does not answer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from thekla.assembly import RunOptions, run, sessions
from thekla.core.events import EventKind
from thekla.core.journal import Answered, payload_of
from thekla.storage import RunFile
from thekla.testing.model_server import FAULTS, ModelServer

pytestmark = pytest.mark.usefixtures("evaluated_here")


def test_a_model_that_hangs_is_not_waited_for_beyond_the_cap_on_wall_time(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model has ten minutes for an answer, and a minute once the run's own time is up (less in this test)."""
    monkeypatch.setattr(sessions, "LAST_ANSWERS_S", 0.2)
    with ModelServer(lambda number, body: FAULTS["hang"]("")) as server:
        options: dict[str, Any] = {
            **{"problem": "toy", "generator": "rewrite", "strategy": "greedy", "sandbox": "trusted", "workers": 1},
            **{"wall_s": 0.3, "in_flight": 2, "arguments": {"generator": {"ensemble": [server.entry()]}}},
        }
        ended = run(RunOptions.model_validate(options), runs=runs, observer=lambda progress: None)
    assert ended.finished
    with RunFile.open(ended.path, read_only=True) as store:
        events = list(store.events(store.run_id))
    reasons = [event.data["reason"] for event in events if event.kind is EventKind.STOPPING]
    answers = [payload for payload in map(payload_of, events) if isinstance(payload, Answered)]
    assert reasons == ["wall_s"]
    waited = [re.match(r"scripted: no whole answer within ([\d.e-]+) s", one.reason) for one in answers[-2:]]
    assert all(found is not None and float(found[1]) <= 0.5 for found in waited)
    assert all(one.spending.unknown_usd > 0 for one in answers[-2:])
