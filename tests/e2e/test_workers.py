"""One run, whatever evaluates it: any number of workers, either sandbox tier, one session or several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from thekla.core.events import EventKind
from thekla.core.journal import Asked, Started, ToldFact, payload_of

from .command import EVALUATIONS, Command, Recorded, kill, recorded, wait_for_answers, wait_for_writing


def search_part(run: Recorded) -> list[object]:
    """What was asked and told, without the tier; the closing depends on the tier, since the hash does."""
    found: list[object] = []
    for event in run.events:
        if event.kind is EventKind.TOLD:
            found.append({**event.data, "outcome": {**event.data["outcome"], "tier": ""}})  # type: ignore[dict-item]  # `Data`
        elif event.kind in (EventKind.ASKED, EventKind.ANSWERED):
            found.append(event.data)
    return found


@pytest.mark.parametrize("workers", ["1", pytest.param("3", marks=pytest.mark.slow)])
def test_the_number_of_workers_changes_nothing(command: Command, whole: Recorded, workers: str) -> None:
    ended = command.search("--workers", workers)
    assert ended.code == 0, ended.err
    assert recorded(command.file()).chain == whole.chain


CLUSTER = "duration = 60\nnum_pools = 1\ncpus_per_pool = 16\nram_gb_per_pool = 120\n"


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing_on_a_real_problem(command: Command, tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    (traces / "params.toml").write_text(CLUSTER)
    for seed in range(8):
        load = tmp_path / f"load{seed}.toml"
        load.write_text(f"{CLUSTER}waiting_seconds_mean = 8.0\nnum_pipelines = 3\nrandom_seed = {seed}\n")
        made = command.run("lakehouse", "gentrace", str(load), "-o", str(traces / f"t{seed}.csv"))
        assert made.code == 0, made.err
    options = ("--traces", str(traces), "--evaluations", "14", "--seed", "3", "--in-flight", "6")
    for workers in ("1", "2", "3"):
        ended = command.run("run", "lakehouse", *options, "--workers", workers)
        assert ended.code == 0, ended.err
    assert len({recorded(path).chain for path in command.files()}) == 1
    assert len(command.files()) == 3


def test_without_a_sandbox_programs_score_the_same_and_every_score_is_marked(command: Command, whole: Recorded) -> None:
    ended = command.search("--sandbox", "trusted")
    assert ended.code == 0, ended.err
    assert "without a sandbox" in ended.err
    trusted = recorded(command.file())
    assert search_part(trusted) == search_part(whole)
    assert trusted.chain != whole.chain
    told = [payload for event in trusted.events if isinstance(payload := payload_of(event), ToldFact)]
    assert {getattr(fact.outcome, "tier", "trusted") for fact in told} == {"trusted"}


def test_a_closed_run_is_only_reported_and_its_archive_starts_another(command: Command) -> None:
    assert command.search("--evaluations", "10").code == 0
    path = command.file()
    before, content = recorded(path), path.read_bytes()
    again = command.run("resume", path.stem, "--json")
    assert (again.code, json.loads(again.out)["run"]) == (0, path.stem)
    assert path.read_bytes() == content

    ended = command.search("--evaluations", "12", "--seed", "1", "--from", path.stem)
    assert ended.code == 0, ended.err
    (other,) = set(command.files()) - {path}
    events = recorded(other).events
    started = payload_of(events[0])
    assert isinstance(started, Started)
    assert started.imported_from == f"{path.stem}@{before.chain}"
    told = [payload for event in before.events if isinstance(payload := payload_of(event), ToldFact)]
    assert set(started.imports) <= {fact.program for fact in told}
    assert len(set(started.imports)) == len(started.imports) > 0
    imported = [payload for event in events if isinstance(payload := payload_of(event), Asked)]
    assert [fact.operator for fact in imported].count("import") == len(started.imports)
    assert path.read_bytes() == content


@pytest.mark.slow
def test_a_resumed_run_goes_to_the_budget_that_it_was_given(command: Command, whole: Recorded) -> None:
    process = command.start_search()
    path = wait_for_writing(command, process)
    wait_for_answers(path, process, 10)
    kill(process)
    other_settings = {"THEKLA_SEED": "99"}  # of new runs only
    ended = command.run("resume", path.stem, "--workers", "1", environment=other_settings)
    assert ended.code == 0, ended.err
    run = recorded(path)
    told = [payload for event in run.events if isinstance(payload := payload_of(event), ToldFact)]
    assert sum(fact.counted for fact in told) == EVALUATIONS
    assert run.chain == whole.chain
