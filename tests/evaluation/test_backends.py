"""Both backends keep what the protocol promises, and worker processes come and go without harm."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path

import pytest

from thekla.core.errors import ConfigError, SandboxError
from thekla.core.evaluation import FailureKind
from thekla.core.problem import ProblemRef
from thekla.core.protocols import Backend
from thekla.core.redaction import Redactor, without_secrets
from thekla.evaluation.backends import DeferredBackend, InlineBackend, LocalBackend
from thekla.testing.backends import TOY, BackendConformance, collect, toy_job
from thekla.testing.guests import InProcessSandbox
from thekla.testing.toy import ToyPackage

PLUGINS = str(Path(__file__).parent.parent / "plugins")


@pytest.fixture(autouse=True)
def _toy_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", PLUGINS)


class TestInlineBackend(BackendConformance):
    def make_backend(self) -> Backend:
        return InlineBackend(ToyPackage(), InProcessSandbox())


class TestLocalBackend(BackendConformance):
    def make_backend(self) -> Backend:
        return LocalBackend(TOY, sandbox="trusted", workers=2)


class TestDeferredBackend(BackendConformance):
    def make_backend(self) -> Backend:
        return DeferredBackend(lambda: InlineBackend(ToyPackage(), InProcessSandbox()))


def workers() -> list[int]:
    """The processes that this thread has started and that are not reaped."""
    return [int(pid) for pid in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()]


def test_a_dead_worker_is_a_fault_of_ours_and_is_replaced() -> None:
    others = set(workers())
    backend = LocalBackend(TOY, sandbox="trusted", workers=1)
    try:
        (worker,) = set(workers()) - others
        backend.submit(toy_job(text="import time\ndef answer():\n    time.sleep(60)\n"))
        assert list(backend.completed(timeout_s=0.1)) == []
        os.kill(worker, signal.SIGKILL)
        (end,) = collect(backend, 1)
        assert end.result.fault is not None
        assert end.result.fault.kind is FailureKind.INFRASTRUCTURE
        assert "died with code -9" in end.result.fault.message
        backend.submit(toy_job())
        (end,) = collect(backend, 1)
        assert end.result.fault is None
    finally:
        backend.close()
    assert set(workers()) == others


def test_workers_that_die_one_after_another_end_the_backend() -> None:
    others = set(workers())
    backend = LocalBackend(TOY, sandbox="trusted", workers=1)
    with pytest.raises(SandboxError, match="died one after another"):  # noqa: PT012  # which of them raises is open
        for _ in range(10):
            (worker,) = set(workers()) - others
            os.kill(worker, signal.SIGKILL)
            list(backend.completed(timeout_s=30))
    backend.close()
    assert set(workers()) == others


def test_closing_ends_the_workers_in_the_middle_of_their_jobs() -> None:
    others = set(workers())
    backend = LocalBackend(TOY, sandbox="trusted", workers=2)
    for _ in range(4):
        backend.submit(toy_job(text="import time\ndef answer():\n    time.sleep(60)\n"))
    assert list(backend.completed(timeout_s=0.1)) == []
    backend.close()
    backend.close()
    assert set(workers()) == others


@pytest.mark.parametrize(
    ("problem", "sandbox", "said"),
    [
        ("toy", "none", "known: bubblewrap, container, process, strict, trusted"),
        ("other", "trusted", "known: .*lakehouse, .*toy"),
    ],
)
def test_what_a_worker_does_not_know_is_a_wrong_setting(problem: str, sandbox: str, said: str) -> None:
    others = set(workers())
    with pytest.raises(ConfigError, match=said):
        LocalBackend(ProblemRef(name=problem, suite="default"), sandbox=sandbox, workers=1)
    assert set(workers()) == others
    with pytest.raises(ValueError, match="at least 1"):
        LocalBackend(TOY, sandbox="trusted", workers=0)


def test_what_a_worker_prints_is_logged_without_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "print('token', os.environ.get('SERVICE_TOKEN'), file=sys.stderr)\n"
        "print('found my-own-secret in a file', file=sys.stderr)\n"
    )
    path = os.pathsep.join((str(tmp_path), PLUGINS))
    environment = without_secrets({**os.environ, "PYTHONPATH": path, "SERVICE_TOKEN": "a-token-of-the-host"})
    clean = Redactor(["my-own-secret"])
    with caplog.at_level(logging.WARNING, logger="thekla"):
        LocalBackend(TOY, sandbox="trusted", workers=1, environment=environment, clean=clean).close()
    said = [record.getMessage() for record in caplog.records]
    assert said[:2] == ["worker: token None", "worker: found [redacted] in a file"]
