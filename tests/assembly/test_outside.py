"""Runs whose programs come from outside: leased, metered, safe against crashes, blind to the hold-out."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from thekla.assembly import (
    Progress,
    RunOptions,
    ask,
    list_runs,
    prompt,
    read_program,
    reply_of,
    resume,
    run,
    state,
    steer_line,
    stop,
    tell,
    view,
)
from thekla.assembly.counter import Counter, Heard
from thekla.assembly.opened import OpenRun
from thekla.assembly.sessions import take_up
from thekla.core.errors import ConfigError, StorageError
from thekla.core.evaluation import Failed, FailureKind, Scored
from thekla.core.events import EventKind
from thekla.core.program import Program
from thekla.generation.asktell import Reply
from thekla.storage import RunFile

pytestmark = pytest.mark.usefixtures("evaluated_here")

OPTIONS = RunOptions(
    problem="toy",
    generator="asktell",
    prompts="plain",
    strategy="greedy",
    evaluations=4,
    sandbox="trusted",
    workers=1,
    seed=2,
    by="somebody",
)


def silent(progress: object) -> None:
    """Hears nothing."""


def program(first: float) -> Program:
    return Program.from_text(f"def answer():\n    return [{first}, 4.0, 10.0, 0.1, 2.0]\n")


def begin(runs: Path, **changes: object) -> str:
    begun = run(OPTIONS.model_copy(update=changes), runs=runs, observer=silent)
    assert not begun.finished
    assert begun.waiting
    return begun.run_id


def asked(
    name: str, runs: Path, by: str = "me", *, n: int = 1, lease_s: float = 60.0, again: bool = False
) -> list[str]:
    offers, _ = ask(name, n=n, by=by, lease_s=lease_s, again=again, runs=runs, workers=1, observer=silent)
    return [offer.ticket.id for offer in offers]


def told(name: str, ticket: str, reply: Reply, runs: Path) -> Heard:
    return tell(name, ticket, reply, runs=runs, workers=1, observer=silent)


def test_a_run_goes_from_the_seed_to_the_verdict_on_programs_from_outside(runs: Path) -> None:
    name = begin(runs)
    assert [row.status for row in list_runs(runs)] == ["waiting"]
    best = state(name, runs).best
    for first in (0.5, 0.45, 0.4):
        (ticket,) = asked(name, runs)
        heard = told(name, ticket, Reply(by="me", program=program(first)), runs)
        assert isinstance(heard.outcome, Scored)
        assert best is not None
        assert heard.state.best is not None
        assert heard.state.best > best
        assert "That is better" in heard.words
        best = heard.state.best
    assert heard.state.status == "closed"
    assert asked(name, runs) == []
    seen = view(name, runs)
    assert (seen.status, seen.winner is not None) == ("closed", True)
    assert {one.operator for one in seen.candidates} == {"seed", "me"}
    assert seen.settings.components["generator"].arguments == {"by": "somebody"}
    assert seen.ledger.unpriced_calls == 3  # what an answer from outside costs is not known, and not nothing
    with pytest.raises(ConfigError, match="closed"):
        told(name, "t9", Reply(program=program(1.0)), runs)


def test_answers_are_recorded_as_what_they_are(runs: Path) -> None:
    name = begin(runs)
    (ticket,) = asked(name, runs, "Ada + Bob")
    told(name, ticket, Reply(by="Ada + Bob", note="shorter", program=program(0.4)), runs)
    with RunFile.open(runs / f"{name}.thekla", read_only=True) as store:
        fact = store.fact("answer", ticket)
    assert fact is not None
    assert fact["generator"] == "ask/tell@1"
    assert fact["operator"] == "Ada---Bob"
    raw = json.loads(str(fact["raw"]))
    assert (raw["by"], raw["note"]) == ("Ada---Bob", "shorter")
    assert list(raw["files"]) == ["program.py"]


def test_a_ticket_on_lease_is_nobody_elses_until_the_lease_ends(runs: Path) -> None:
    name = begin(runs)
    (ticket,) = asked(name, runs, "me")
    assert asked(name, runs, "you") == []
    assert asked(name, runs, "me") == []
    assert asked(name, runs, "me", again=True) == [ticket]
    with pytest.raises(ConfigError, match="on lease to 'me'"):
        told(name, ticket, Reply(by="you", program=program(0.4)), runs)
    asked(name, runs, "me", lease_s=1e-6, again=True)
    assert asked(name, runs, "you") == [ticket]
    heard = told(name, ticket, Reply(program=program(0.4)), runs)
    assert heard.state.evaluations == 2
    assert view(name, runs).candidates[-1].operator == "you"


def test_tickets_may_be_answered_in_any_order(runs: Path) -> None:
    name = begin(runs, in_flight=3, evaluations=5)
    first, second, third = asked(name, runs, n=5)
    late = told(name, third, Reply(by="me", program=program(0.45)), runs)
    assert isinstance(late.outcome, Scored)
    assert not late.told
    assert told(name, first, Reply(by="me", program=program(0.4)), runs).told
    told(name, second, Reply(by="me", decline="no idea"), runs)
    operators = [one.ticket for one in view(name, runs).candidates]
    assert operators[1:4] == [first, second, third]


def test_edits_in_the_form_of_a_models_answer_are_applied_to_the_parent(runs: Path) -> None:
    name = begin(runs)
    (ticket,) = asked(name, runs)
    edit = "<<<<<<< SEARCH\n    return [1.0, 1.0,\n=======\n    return [0.5, 1.0,\n>>>>>>> REPLACE\n"
    _, reply = reply_of({"answer": edit.replace("1.0,\n", "1.0, 1.0, 1.0, 1.0]\n")}, by="me")
    assert isinstance(told(name, ticket, reply, runs).outcome, Scored)
    (ticket,) = asked(name, runs)
    heard = told(name, ticket, Reply(by="me", text="I would rather not."), runs)
    assert isinstance(heard.outcome, Failed)
    assert heard.outcome.kind is FailureKind.NO_PROGRAM


def test_duplicates_and_programs_that_fail_a_check_use_no_evaluation(runs: Path) -> None:
    name = begin(runs)
    seed = Program.from_text("def answer():\n    return [1.0, 1.0, 1.0, 1.0, 1.0]\n")
    for reply in (Reply(by="me", program=seed), Reply(by="me", program=Program.from_text("def answer(:"))):
        (ticket,) = asked(name, runs)
        heard = told(name, ticket, reply, runs)
        assert isinstance(heard.outcome, Failed)
        assert heard.state.evaluations == 1


def test_an_answer_told_again_is_not_evaluated_again_and_another_is_refused(runs: Path) -> None:
    name = begin(runs)
    (ticket,) = asked(name, runs)
    once = told(name, ticket, Reply(by="me", program=program(0.4)), runs)
    again = told(name, ticket, Reply(by="me", program=program(0.4)), runs)
    assert isinstance(once.outcome, Scored)
    assert isinstance(again.outcome, Scored)
    assert again.outcome.scores == once.outcome.scores
    assert again.state.evaluations == once.state.evaluations
    with pytest.raises(ConfigError, match="answered already"):
        told(name, ticket, Reply(by="me", program=program(0.3)), runs)
    with pytest.raises(ConfigError, match="no ticket 't99' waits"):
        told(name, "t99", Reply(by="me", program=program(0.3)), runs)


def test_the_search_can_be_ended_early_and_is_judged_all_the_same(runs: Path) -> None:
    name = begin(runs, in_flight=2, evaluations=50)
    (ticket,) = asked(name, runs)
    told(name, ticket, Reply(by="me", program=program(0.4)), runs)
    assert stop(name, by="me", runs=runs, workers=1, observer=silent).status == "closed"
    seen = view(name, runs)
    assert seen.stop_reason == "stopped by me"
    assert seen.holdout is not None
    assert seen.ledger.unpriced_calls == 1


def test_a_run_that_proposes_by_itself_takes_no_answers(runs: Path) -> None:
    class Stopped(Exception):
        """Ends the run in the middle."""

    def stop_at_two(progress: Progress) -> None:
        if progress.evaluations == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run(OPTIONS.model_copy(update={"generator": "constants", "by": None}), runs=runs, observer=stop_at_two)
    (row,) = list_runs(runs)
    assert row.status == "interrupted"
    with pytest.raises(ConfigError, match="proposes by itself"):
        told(row.run_id, "t1", Reply(program=program(1.0)), runs)


def test_answering_wakes_the_engine_in_one_process_too(runs: Path) -> None:
    name = begin(runs)

    async def work(opened: OpenRun) -> list[bool]:
        counter = Counter(opened, lambda: 0.0)
        improved = []
        for first in (0.5, 0.45, 0.4):
            (offer,) = await counter.ask(1, by="me", lease_s=1.0)
            heard = await counter.tell(offer.ticket.id, Reply(by="me", program=program(first)))
            improved.append("better" in heard.words)
        assert await asyncio.wait_for(opened.settle(), 60) is not None
        return improved

    path = runs / f"{name}.thekla"
    assert take_up(path, workers=1, observer=silent, work=work, closed=lambda store, end: []) == [True] * 3


def test_nothing_that_is_handed_out_before_the_end_speaks_of_the_holdout(runs: Path) -> None:
    name = begin(runs)
    (offer,), where = ask(name, n=1, by="me", lease_s=60, runs=runs, workers=1, observer=silent)
    heard = told(name, offer.ticket.id, Reply(by="me", program=program(0.4)), runs)
    with RunFile.open(runs / f"{name}.thekla", read_only=True) as store:
        kinds = {event.kind for event in store.events(store.run_id)}
    assert EventKind.HOLDOUT_OPENED not in kinds
    for handed in (offer.data, where.data, heard.data):
        assert "holdout" not in json.dumps(handed).lower()


_TELLER = """
import sys
from pathlib import Path
from thekla.assembly import reply_of, tell
_, reply = reply_of({"program": Path(sys.argv[3]).read_text(), "by": "me"})
tell(sys.argv[2], sys.argv[4], reply, runs=Path(sys.argv[1]), workers=1, observer=lambda progress: None)
"""


@pytest.mark.slow
def test_a_teller_killed_at_any_instant_loses_no_answer_and_repeats_none(runs: Path, tmp_path: Path) -> None:
    """Twelve tellers, killed after 0.3 to 3 s; then each answer is told again, and counts once."""
    name = begin(runs, evaluations=14)  # one more, as a teller that is quick enough would close the run
    file = tmp_path / "program.py"
    killed = 0
    for number in range(12):
        (ticket,) = asked(name, runs, again=True)
        file.write_text(program(0.5 - number / 100).text)
        teller = subprocess.Popen([sys.executable, "-c", _TELLER, str(runs), name, str(file), ticket])
        try:
            teller.wait(timeout=0.3 + number / 4.5)
        except subprocess.TimeoutExpired:
            os.kill(teller.pid, signal.SIGKILL)
            killed += teller.wait() == -signal.SIGKILL
        heard = told(name, ticket, Reply(by="me", program=read_program(file)), runs)
        assert heard.state.evaluations == number + 2
    assert killed > 0
    (ticket,) = asked(name, runs, again=True)
    told(name, ticket, Reply(by="me", program=program(0.1)), runs)
    assert state(name, runs).status == "closed"
    resume(name, runs=runs, workers=1, observer=silent)


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"program": "x = 1", "decline": "no"},
        {"program": "x = 1", "score": 1.0},
        {"program": {"../up.py": "x = 1"}},
        {"program": "x = 1", "cost_usd": -1},
        ["program"],
    ],
)
def test_replies_that_are_not_one_are_refused(entries: object) -> None:
    with pytest.raises(ConfigError, match="the reply"):
        reply_of(entries)


def test_an_entry_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no 'programme' in a reply; it knows ticket, program, answer"):
        reply_of({"programme": "x = 1"})


def test_programs_are_read_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "program.py").write_text("import part.b\n")
    (tmp_path / "part" / "b.py").write_text("b = 1\n")
    (tmp_path / "__pycache__" / "c.py").write_text("c = 1\n")
    assert dict(read_program(tmp_path).files) == {"program.py": "import part.b\n", "part/b.py": "b = 1\n"}
    assert read_program(tmp_path / "program.py").text == "import part.b\n"
    with pytest.raises(ConfigError, match="there is no program"):
        read_program(tmp_path / "none.py")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"holds no \.py file"):
        read_program(tmp_path / "empty")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe4'")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_program(tmp_path / "latin.py")


def test_a_run_that_another_process_writes_is_waited_for_or_refused(runs: Path) -> None:
    name = begin(runs)
    with RunFile.open(runs / f"{name}.thekla"), pytest.raises(StorageError, match="being written"):
        asked(name, runs)


def test_the_prompt_of_a_ticket_is_shown_again_as_it_was_handed_out(runs: Path) -> None:
    name = begin(runs)
    (first,), _ = ask(name, n=1, by="me", lease_s=60, runs=runs, workers=1, observer=silent)
    told(name, first.ticket.id, Reply(by="me", program=program(0.4)), runs)
    steer_line(name, "note", "mind the third number", drop=False, runs=runs)
    (second,), _ = ask(name, n=1, by="me", lease_s=60, runs=runs, workers=1, observer=silent)
    told(name, second.ticket.id, Reply(by="me", program=program(0.45)), runs)
    (third,), _ = ask(name, n=1, by="me", lease_s=60, runs=runs, workers=1, observer=silent)
    assert "mind the third number" in third.prompt.text
    for offer in (first, second, third):
        assert prompt(name, offer.ticket.id, runs) == offer.prompt
    with pytest.raises(ConfigError, match="nobody was asked"):
        prompt(name, "s0", runs)
