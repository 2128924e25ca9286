"""Whatever is wrong is said in one message with the documented exit code, and nothing that was recorded is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thekla.storage import RunFile
from thekla.storage.check import wal_of
from thekla.storage.reserve import RESERVE_BYTES

from .command import Command, Ended, Recorded, kill, recorded, survivors, wait_for_answers, wait_for_writing

BAD_INPUT, NO_SANDBOX, INTERRUPTED = 2, 3, 130


def refusal(ended: Ended, code: int = BAD_INPUT) -> str:
    """What a command said that was to be refused."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert "internal error" not in ended.err
    return ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "no-such-problem"], "known: .*lakehouse, .*toy"),
        (["run", "toy", "--suite", "other"], "it has default"),
        (["run", "toy", "--strategy", "other"], "known: .*greedy"),
        (["run", "toy", "--generator", "other"], "known: agent, asktell, constants, mutation, replay, rewrite"),
        (["run", "toy", "--from", "other"], "no run in"),
        (["ladder", "toy", "--split", "holdout"], "hold-out"),
        (["ladder", "toy", "--split", "public"], "it has train, validation"),
        (["evaluate", "toy", "no-such-file.py"], "is no file"),
        (["evaluate", "no-such-problem", __file__], "known: .*lakehouse, .*toy"),
        (["resume", "no-such-run"], "no run in"),
        (["show", "no-such-run"], "no run in"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, list) else None,
)
def test_what_does_not_exist_is_named_with_what_does(command: Command, arguments: list[str], said: str) -> None:
    assert re.search(said, refusal(command.run(*arguments)))
    assert command.files() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('problem = "toy"\nsede = 3\n', "unknown option 'sede'"),
        ('problem = "toy"\nseed = "three"\n', "'seed' is 'three'"),
        ('problem = "toy"\nevaluations = 1.5\n', "'evaluations' is 1.5"),
        ('problem = "toy"\nsandbox = "none"\n', "known: bubblewrap, container, process, strict, trusted"),
        ('problem = "toy"\ngenerator = "constants"\narguments.generator.malfformed = 0.1\n', "'malfformed'"),
        ('problem = "toy"\ngenerator = "constants"\narguments.generator.malformed = "x"\n', "malformed is 'x'"),
        ('problem = "toy"\narguments.generators.malformed = 0.1\n', "generators"),
        ("problem = toy\n", "is not TOML"),
        ("seed = 1\n", "'problem' is missing"),
    ],
)
def test_a_wrong_entry_of_a_configuration_file_is_named(command: Command, text: str, said: str) -> None:
    command.config.write_text(text)
    assert said in refusal(command.search())
    assert command.files() == []


def test_a_configuration_that_cannot_be_read_is_refused(command: Command) -> None:
    command.config.write_bytes(b"\xff\xfe")
    assert "cannot be read" in refusal(command.search())
    command.config.unlink()
    assert "cannot be read" in refusal(command.search())


@pytest.mark.parametrize("what", [["run", "toy"], ["demo"]], ids=["run", "demo"])
@pytest.mark.parametrize("value", ["abc", "-3", "1.5", str(2**64)])
def test_a_seed_of_the_environment_that_is_none_is_refused(command: Command, what: list[str], value: str) -> None:
    assert "seed" in refusal(command.run(*what, environment={"THEKLA_SEED": value}))
    assert command.files() == []


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("def answer(:\n", "syntax in check", BAD_INPUT),
        ("def other():\n    return 1\n", "interface in check", BAD_INPUT),
        ("def answer(x):\n    return x\n", "interface in check", BAD_INPUT),
        ("def answer():\n    return 1 / 0\n", "crash in train", 1),
        ("import os\ndef answer():\n    os.kill(os.getppid(), 9)\n", "in train", 1),
    ],
)
def test_a_broken_program_fails_with_its_reason(
    command: Command, tmp_path: Path, text: str, kind: str, code: int
) -> None:
    file = tmp_path / "policy.py"
    file.write_text(text)
    ended = command.run("evaluate", "toy", str(file))
    assert (ended.code, kind in ended.out) == (code, True), ended


def test_a_program_that_is_no_text_is_refused(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "policy.py"
    file.write_bytes(b"\xff\xfe")
    assert "cannot be read" in refusal(command.run("evaluate", "toy", str(file)))
    assert "is no file" in refusal(command.run("evaluate", "toy", str(tmp_path)))


def killed_run(command: Command, answers: int = 20) -> Path:
    """A run that was killed when it had some answers."""
    process = command.start_search()
    path = wait_for_writing(command, process)
    wait_for_answers(path, process, answers)
    kill(process)
    return path


def test_a_truncated_run_is_restored_and_ends_as_if_it_had_been_whole(command: Command, whole: Recorded) -> None:
    path = killed_run(command)
    RunFile.open(path).close()  # folds the log into the file
    cut(path)
    resume_damaged(command, path, whole)


@pytest.mark.slow
def test_a_run_whose_log_was_cut_ends_as_if_it_had_been_whole(command: Command, whole: Recorded) -> None:
    path = killed_run(command)
    cut(wal_of(path))  # as a loss of power may do; not to be told from an earlier kill
    ended = command.run("resume", path.stem)
    assert ended.code == 0, ended.err
    assert recorded(path).chain == whole.chain


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def resume_damaged(command: Command, path: Path, whole: Recorded) -> None:
    assert "resume the run" in refusal(command.run("show", path.stem))
    ended = command.run("resume", path.stem)
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    assert "was damaged" in ended.err
    assert "events are kept" in ended.err
    assert recorded(path).chain == whole.chain


@pytest.mark.slow
def test_a_run_with_a_flipped_bit_is_restored_and_ends_as_if_it_had_been_whole(
    command: Command, whole: Recorded
) -> None:
    path = killed_run(command)
    RunFile.open(path).close()  # folds the log into the file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    resume_damaged(command, path, whole)


def test_what_is_no_run_file_is_refused_and_left_alone(command: Command) -> None:
    command.runs.mkdir()
    path = command.runs / "letter.thekla"
    for content in (b"", b"Dear Thekla, " * 1000):
        path.write_bytes(content)
        for verb in ("resume", "show"):
            assert "not a run file" in refusal(command.run(verb, "letter"))
        assert path.read_bytes() == content
    listed = command.run("list")
    assert (listed.code, "not a run file" in listed.err) == (0, True), listed


@pytest.mark.slow
def test_a_second_writer_is_refused_with_the_name_of_the_first(command: Command, whole: Recorded) -> None:
    process = command.start_search()
    path = wait_for_writing(command, process)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        assert f"being written by process {process.pid}" in refusal(command.run("resume", path.stem))
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert process.wait().code == 0
    assert recorded(path).chain == whole.chain


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)], ids=lambda number: number.name
)
def test_a_run_that_is_asked_to_stop_says_how_it_goes_on(
    command: Command, whole: Recorded, number: signal.Signals
) -> None:
    process = command.start_search()
    path = wait_for_writing(command, process)
    wait_for_answers(path, process, 10)
    os.killpg(process.pid, number)  # as a terminal does
    os.killpg(process.pid, number)
    ended = process.wait()
    assert f"thekla resume {path.stem}" in refusal(ended, INTERRUPTED)
    before = recorded(path)
    assert not wal_of(path).exists()
    again = command.run("resume", path.stem)
    assert again.code == 0, again.err
    after = recorded(path)
    assert after.chain == whole.chain
    assert list(after.evaluations.items())[: len(before.evaluations)] == list(before.evaluations.items())
    assert set(after.evaluations) == set(whole.evaluations)


@pytest.mark.slow
def test_signals_at_any_instant_end_a_run_in_order_and_leave_nothing_running(command: Command, whole: Recorded) -> None:
    files: list[Path] = []
    for step in range(8):
        process = command.start_search()
        time.sleep(0.12 * step)
        left = kill(process, signal.SIGTERM if step % 2 else signal.SIGINT)
        ended = process.wait()
        assert "Traceback" not in ended.err, ended.err
        if ended.code == -signal.SIGTERM:
            assert command.files() == files, "no run was begun"
        elif ended.code != 0:
            assert refusal(ended, INTERRUPTED)
        files = command.files()
        assert survivors(left) == []
    for path in command.files():
        if recorded(path).events:
            assert command.run("resume", path.stem).code == 0
            assert recorded(path).chain == whole.chain


def test_a_folder_that_cannot_be_written_is_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "file" in refusal(command.search("--runs", str(tmp_path / "file" / "runs")))
    assert "file" in refusal(command.search("--runs", str(tmp_path / "file")))


def mounts() -> list[str]:
    """A command that gives the one after it mounts of its own."""
    own = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode and "CI" not in os.environ:
        pytest.skip("this machine lets nobody mount a small disk; run as root")
    return own


@pytest.mark.slow
def test_a_read_only_disk_is_refused_and_may_be_read(command: Command, whole: Recorded) -> None:
    path = killed_run(command)
    RunFile.open(path).close()  # folds the log into the file
    script = 'mount --bind -o ro "$0" "$0" 2>/dev/null; mount -o remount,bind,ro "$0"; exec "$@"'
    before = [*mounts(), "sh", "-c", script, str(command.runs)]
    content = path.read_bytes()
    for arguments in (["run", "--config", str(command.config)], ["resume", path.stem]):
        assert "read-only" in refusal(command.run(*arguments, before=before))
    assert command.run("show", path.stem, before=before).code == 0
    assert path.read_bytes() == content
    assert command.run("resume", path.stem).code == 0
    assert recorded(path).chain == whole.chain


@pytest.mark.parametrize("spare_kib", [0, *(pytest.param(each, marks=pytest.mark.slow) for each in (64, 300))])
def test_on_a_full_disk_nothing_is_lost(command: Command, whole: Recorded, tmp_path: Path, spare_kib: int) -> None:
    script = """
        mount -t tmpfs -o size=$SIZE tmpfs "$0"
        "$@"
        echo "ended with $?" >&2
        mount -o remount,size=64m "$0"
        "$1" -m thekla.cli resume latest || exit
        cp "$0"/*.thekla "$COPY"
    """
    command.runs.mkdir()
    copy = tmp_path / "copy.thekla"
    size = (RESERVE_BYTES >> 10) + 100 + spare_kib
    ended = command.run(
        *("run", "--config", str(command.config)),
        before=[*mounts(), "sh", "-c", script, str(command.runs)],
        environment={"SIZE": f"{size}k", "COPY": str(copy)},
    )
    assert ended.code == 0, ended.err
    first, _, _ = ended.err.partition("ended with 2\n")
    assert "full" in first, ended.err
    assert "Traceback" not in ended.err
    assert recorded(copy).chain == whole.chain


@pytest.mark.slow
def test_without_the_sandbox_nothing_runs_and_the_reason_is_said(command: Command, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("def answer():\n    return [1.0] * 5\n")
    before = [sys.executable, str(Path(__file__).with_name("without_landlock.py"))]
    for arguments in (
        ["run", "--config", str(command.config)],
        ["ladder", "toy"],
        ["evaluate", "toy", str(program)],
    ):
        said = refusal(command.run(*arguments, before=before), NO_SANDBOX)
        assert "Landlock" in said
        assert "thekla doctor" in said
    assert command.files() == []
    asked_for = command.run("evaluate", "toy", str(program), "--sandbox", "trusted", before=before)
    assert (asked_for.code, "without a sandbox" in asked_for.err) == (0, True), asked_for
    doctor = command.run("doctor", before=before)
    assert (doctor.code, "Landlock" in doctor.out) == (NO_SANDBOX, True), doctor


@pytest.mark.slow
def test_a_run_is_not_resumed_in_a_weaker_sandbox(command: Command) -> None:
    path = killed_run(command, answers=5)
    before = [sys.executable, str(Path(__file__).with_name("without_landlock.py"))]
    assert "Landlock" in refusal(command.run("resume", path.stem, before=before), NO_SANDBOX)
