"""A worker process: it holds the problem and a sandbox, reads jobs from its input and writes their ends.

It ends when its input does, or when the engine is killed (see start.py).
"""

from __future__ import annotations

import os
import signal
import traceback
from typing import BinaryIO

from thekla.core import registry
from thekla.core.codec import decode, encode
from thekla.core.errors import ConfigError, TheklaError
from thekla.core.evaluation import EvaluationDone, EvaluationJob, FailureKind, Fault, InstanceResult, Usage
from thekla.core.problem import ProblemRef
from thekla.core.protocols import ProblemPackage, Sandbox
from thekla.core.values import Data
from thekla.evaluation.backends.wire import read_message, write_message
from thekla.evaluation.judging import judge_job

__all__ = ["main"]


def main() -> int:
    """Serve jobs until the input ends; the first message says which problem and which sandbox."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the engine's to handle; guests inherit that they are ignored
        signal.signal(number, signal.SIG_IGN)
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # whatever prints must not break the wire
    try:
        settings = read_message(source)
    except EOFError:  # the engine died before it could say anything
        return 0
    assert isinstance(settings, dict)
    if settings["processor"] is not None:
        os.sched_setaffinity(0, {int(settings["processor"])})
    try:
        reference = decode(ProblemRef, settings["problem"])
        package: ProblemPackage = registry.load("problems", reference.name)(reference.suite, **reference.arguments)
        sandbox: Sandbox = registry.load("sandboxes", str(settings["sandbox"]))()
    except TheklaError as error:
        write_message(target, {"error": str(error), "input": isinstance(error, ConfigError)})
        return 1
    try:
        write_message(target, {"ready": sandbox.tier})
        serve(source, target, package, sandbox)
    except (EOFError, BrokenPipeError):
        return 0
    finally:
        sandbox.close()
    return 0


def serve(source: BinaryIO, target: BinaryIO, package: ProblemPackage, sandbox: Sandbox) -> None:
    """Answer jobs one by one, for ever."""
    while True:
        message = read_message(source)
        assert isinstance(message, dict)
        job = decode(EvaluationJob, message["job"])
        write_message(target, {"id": message["id"], **_end(package, sandbox, job)})


def _end(package: ProblemPackage, sandbox: Sandbox, job: EvaluationJob) -> dict[str, Data]:
    try:
        done = judge_job(package, sandbox, job)
    except Exception as error:  # border: a bug in a referee must not take the worker with it
        detail = traceback.format_exc(limit=-8)
        fault = Fault(kind=FailureKind.INFRASTRUCTURE, message=f"referee: {error!r}", traceback=detail)
        done = EvaluationDone(job=job, result=InstanceResult(fault=fault), usage=Usage(), tier=sandbox.tier)
    about: dict[str, Data] = {"tier": done.tier, "details": done.details}
    return {"result": encode(done.result), "usage": encode(done.usage), **about}
