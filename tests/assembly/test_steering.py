"""People turn a run while it is under way; every decision is an event, and a resumed run takes it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from thekla.assembly import (
    Progress,
    RunOptions,
    ask,
    describe,
    fork,
    inject,
    list_runs,
    pause,
    reply_of,
    resume,
    run,
    state,
    steer_line,
    steering,
    tell,
    view,
)
from thekla.cli import main
from thekla.core.errors import ConfigError
from thekla.core.events import Event, EventKind
from thekla.core.journal import Asked, Steered, payload_of
from thekla.storage import RunFile

pytestmark = pytest.mark.usefixtures("evaluated_here")

OPTIONS = RunOptions(
    problem="toy",
    generator="constants",
    strategy="greedy",
    prompts="plain",
    evaluations=14,
    sandbox="trusted",
    workers=1,
    in_flight=1,
)
PROGRAM = "def answer():\n    return [0.38, 4.2, 10.9, 0.081, 1.91]\n"


def silent(progress: object) -> None:
    """Hears nothing."""


def events(path: Path) -> list[Event]:
    with RunFile.open(path, read_only=True) as store:
        return list(store.events(store.run_id))


def asked(path: Path) -> list[Asked]:
    return [one for one in map(payload_of, events(path)) if isinstance(one, Asked)]


class Stopped(Exception):
    """Ends a session in the middle."""


class At:
    """An observer that acts once, when so many evaluations were counted, and may end the session at another number."""

    def __init__(self, evaluations: int, act: Callable[[str], object], *, end: int | None = None) -> None:
        self._acts = {evaluations: act}
        self._end = end
        self.run_id = ""

    def __call__(self, progress: Progress) -> None:
        self.run_id = progress.run_id
        self._acts.pop(progress.evaluations, silent)(progress.run_id)
        if progress.evaluations == self._end:
            raise Stopped


def steered_run(runs: Path, act: Callable[[str], object], *, at: int = 5, **changes: Any) -> Path:
    return run(OPTIONS.model_copy(update=changes), runs=runs, observer=At(at, act)).path


def test_hints_and_pins_hold_from_the_next_ticket_on(runs: Path) -> None:
    def act(name: str) -> None:
        steer_line(name, "hint", "think of the third number", drop=False, runs=runs)
        steer_line(name, "pin", "s0", drop=False, runs=runs)

    path = steered_run(runs, act)
    tickets = asked(path)
    hinted = [bool(ticket.hints) for ticket in tickets]
    assert hinted == sorted(hinted)
    assert 1 < hinted.index(True) < len(hinted) - 1
    assert all(ticket.hints == ("think of the third number",) for ticket in tickets if ticket.hints)
    assert all(ticket.parents[0] == "s0" for ticket in tickets if ticket.hints)
    assert "People turned the search" in " ".join(describe(path.stem, runs).caveats)


def test_a_banned_candidate_is_parent_and_inspiration_no_more_and_stays_in_the_record(runs: Path) -> None:
    banned: list[str] = []

    def act(name: str) -> None:
        leader = view(name, runs).leader
        assert leader is not None
        banned.append(str(leader.id))
        steer_line(name, "ban", banned[0], drop=False, runs=runs)

    path = steered_run(runs, act, strategy="topk")
    tickets = asked(path)
    after = tickets[
        [str(event.kind) for event in events(path) if event.kind in ("asked", "steered")].index("steered") :
    ]
    assert after
    assert not [ticket for ticket in after if banned[0] in (*ticket.parents, *ticket.inspirations)]
    assert all(ticket.parents for ticket in after)
    assert banned[0] in {str(one.id) for one in view(path.stem, runs).candidates}


def test_a_program_of_a_person_is_a_candidate_like_any_other(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PROGRAM)
    path = steered_run(runs, lambda name: inject(name, file, by="ada", runs=runs))
    seen = view(path.stem, runs)
    (mine,) = [one for one in seen.candidates if one.operator == "ada"]
    assert mine.parents == ()
    assert mine.counted
    children = [one for one in seen.candidates if mine.id in one.parents]
    assert children  # the strategy goes on from it


def test_a_paused_run_asks_nothing_until_it_goes_on(runs: Path) -> None:
    looks: list[str] = []

    def stop_then_go(name: str) -> None:
        pause(name, paused=True, runs=runs)

    import thekla.steering.folder as folder

    class Watched(folder.SteeringFolder):
        def read(self, before: Steered, put_blob: Callable[[bytes], str]) -> Steered:
            if before.paused:
                looks.append("paused")
                if len(looks) == 3:
                    self.pause(False)
            return super().read(before, put_blob)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thekla.assembly.sessions.SteeringFolder", Watched)
        path = steered_run(runs, stop_then_go)
    states = [one.paused for one in map(payload_of, events(path)) if isinstance(one, Steered)]
    assert states == [True, False]
    assert len(looks) >= 3
    assert view(path.stem, runs).ledger.evaluations == 14


def test_a_paused_ask_and_tell_run_hands_out_no_ticket(runs: Path) -> None:
    name = run(OPTIONS.model_copy(update={"generator": "asktell"}), runs=runs, observer=silent).run_id
    handed: dict[str, Any] = {"n": 1, "by": "me", "lease_s": 60.0, "runs": runs, "workers": 1, "observer": silent}
    (offer,), _ = ask(name, **handed)
    pause(name, paused=True, runs=runs)
    _, reply = reply_of({"program": PROGRAM}, by="me")
    heard = tell(name, offer.ticket.id, reply, runs=runs, workers=1, observer=silent)
    assert heard.state.status == "paused"
    assert not ask(name, **handed)[0]
    pause(name, paused=False, runs=runs)
    (offer,), where = ask(name, **handed)
    steer_line(name, "hint", "too late for this one", drop=False, runs=runs)
    assert (offer.ticket.id, where.status) == ("t2", "open")


def test_a_resumed_run_takes_every_decision_again_where_it_was_taken(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PROGRAM)

    def act(name: str) -> None:
        steer_line(name, "hint", "smaller steps", drop=False, runs=runs)
        steer_line(name, "note", "the first number is small", drop=False, runs=runs)
        inject(name, file, by="ada", runs=runs)

    whole = events(steered_run(runs, act))
    assert sum(event.kind is EventKind.STEERED for event in whole) == 1
    for end in (5, 9):
        observer = At(5, act, end=end)
        with pytest.raises(Stopped):
            run(OPTIONS, runs=runs, observer=observer)
        again = resume(observer.run_id, runs=runs, workers=1, observer=silent)
        assert events(again.path)[-1].chain == whole[-1].chain


def test_a_fork_shares_the_beginning_and_then_goes_its_own_way(runs: Path) -> None:
    whole = run(OPTIONS, runs=runs, observer=silent)
    name, path = fork(whole.run_id, at=15, runs=runs)
    assert [one.chain for one in events(path)] == [one.chain for one in events(whole.path)[:15]]
    steer_line(name, "hint", "another way", drop=False, runs=runs)
    ended = resume(name, runs=runs, workers=1, observer=silent)
    assert ended.finished
    ours, theirs = events(ended.path), events(whole.path)
    assert ours[14].chain == theirs[14].chain
    programs = [{event.data["program"] for event in run if event.kind is EventKind.TOLD} for run in (ours, theirs)]
    assert programs[0] - programs[1]
    assert any(str(one.fork).startswith(whole.run_id) for one in view(name, runs).steered)
    for at in (0, len(theirs)):
        with pytest.raises(ConfigError, match="no event of the search"):
            fork(whole.run_id, at=at, runs=runs)
    assert len(list_runs(runs)) == 2


def test_what_is_wanted_can_be_said_on_the_command_line_and_taken_back(
    runs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = run(OPTIONS.model_copy(update={"generator": "asktell"}), runs=runs, observer=silent).run_id
    where = ["--runs", str(runs)]
    (tmp_path / "p.py").write_text(PROGRAM)
    for command in (
        ["hint", name, "try a sort"],
        ["note", name, "sorting helps"],
        ["pin", name, "s0"],
        ["ban", name, "s0"],
        ["pause", name],
        ["inject", name, str(tmp_path / "p.py"), "--by", "ada"],
    ):
        assert main(["steer", *command, *where]) == 0
    _, wanted, _ = steering(name, runs)
    assert (wanted.hints, wanted.notes, wanted.pinned, wanted.banned) == (
        ("try a sort",),
        "sorting helps",
        "s0",
        ("s0",),
    )
    assert wanted.paused
    assert [one.by for one in wanted.injected] == ["ada"]
    for command in (["hint", name, "try a sort"], ["note", name, "sorting helps"], ["pin", name, "s0"]):
        assert main(["steer", *command, "--drop", *where]) == 0
    assert main(["steer", "continue", name, *where]) == 0
    _, wanted, _ = steering(name, runs)
    assert (wanted.hints, wanted.notes, wanted.pinned, wanted.paused) == ((), "", None, False)
    capsys.readouterr()
    assert main(["steer", "show", name, "--json", *where]) == 0
    assert '"banned": ["s0"]' in capsys.readouterr().out
    assert main(["steer", "pin", name, "t99", *where]) == 2
    assert main(["steer", "hint", name, "never said", "--drop", *where]) == 2
    assert state(name, runs).evaluations == 1


def test_a_run_that_stands_still_asks_people_and_takes_its_question_back_at_its_end(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thekla.assembly.sessions._patience_of", lambda started: 3)
    asked: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.still:
            asked.append(steering(progress.run_id, runs)[2])

    ended = run(OPTIONS, runs=runs, observer=watch)
    assert asked
    assert all("What would you try next?" in question for question in asked)
    assert steering(ended.run_id, runs)[2] == ""
