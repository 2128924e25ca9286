"""The trusted tier: programs run in this process, without any protection. It must be asked for by name."""

from __future__ import annotations

import contextlib
import functools
import math
import random
import resource
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Limits, Usage
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.values import Value
from thekla.sandbox import wire
from thekla.sandbox.inside import data, runtime
from thekla.sandbox.order import order_of, within
from thekla.sandbox.packing import Layout, Number, PackedFunction

__all__ = ["TrustedGuest", "TrustedSandbox"]

_T = TypeVar("_T")


class _HostFailed(BaseException):
    """Unwinds the program when an answer of the host raised; no `except Exception` of a program stops it."""


class TrustedGuest:
    """A program in this process: the same data cross, and limits are noticed only after a call.

    Memory is not limited, and `usage.peak_memory_mb` is this whole process's.
    """

    def __init__(self, program: Program, interface: Interface, limits: Limits, seed: int) -> None:
        self._limits = limits
        self._started = time.monotonic()
        self._cpu_s = 0.0
        self._modules: dict[str, types.ModuleType] = {}
        self._finders: list[Any] = []
        self._random = random.Random(seed).getstate()
        self._make_array = runtime.make_array if "numpy" in interface.wheels else runtime.make_lists
        self._served: dict[str, Callable[..., Value]] = {}
        self._counts: dict[str, int] = {}
        self._failure: BaseException | None = None
        self._ended: GuestFault | None = None
        self._usage: Usage | None = None
        self._files = dict(program.files)
        self._loaded: runtime.Loaded | None = None
        self._packed: list[Callable[[bytes], runtime.Packed]] = []
        order = order_of(program, interface, limits, seed)
        self._answer(functools.partial(self._load, order), frame_bytes=math.inf)

    def call(self, name: str, *args: Value) -> Value:
        """The answer of a function of the interface.

        Raises:
            GuestFault: The program raised, took too long, or answered what is no plain data.
            SandboxError: The guest is closed.
            ValueError: An argument is no plain data, or too large for a frame.
        """
        return self._plain_call(self._check_open().call, name, list(args))

    def call_many(self, name: str, rows: Sequence[Sequence[Value]]) -> list[Value]:
        """The answers of a function to several lists of arguments, in their order.

        Raises:
            GuestFault: As `call`; the first row that fails ends the guest.
            SandboxError: The guest is closed.
            ValueError: The rows are no plain data, or together too large for a frame.
        """
        answers = self._plain_call(self._check_open().call_many, name, [list(row) for row in rows])
        assert isinstance(answers, list)  # one per row: it was made here
        return answers

    def packed(self, name: str, *, takes: str, gives: str) -> PackedFunction:
        """A function of numbers that crosses as bare numbers; see the strict tier's.

        Raises:
            GuestFault: The program has no such function.
            ValueError: A letter is unknown.
        """
        layout = Layout(takes=takes, gives=gives)
        agree = functools.partial(runtime.agree, self._packed, self._check_open())
        number = self._plain_call(agree, name, [takes, gives])
        assert isinstance(number, int)
        return PackedFunction(layout, number, self._exchange_packed)

    def serve(self, name: str, answer: Callable[..., Value]) -> None:
        """Let the program call back `name` during a call; an exception of `answer` ends the guest and passes on."""
        self._served[name] = answer
        self._counts.setdefault(name, 0)

    @property
    def served(self) -> Mapping[str, int]:
        """How often the program has called back each name."""
        return dict(self._counts)

    @property
    def usage(self) -> Usage:
        """CPU and wall seconds so far; the peak of memory is this whole process's."""
        if self._usage is not None:
            return self._usage
        peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return Usage(cpu_s=self._cpu_s, wall_s=time.monotonic() - self._started, peak_memory_mb=peak_kib / 1024)

    def close(self) -> None:
        """Forget the program; may be called again."""
        if self._usage is None:
            self._usage = self.usage
            self._loaded = None
            self._modules.clear()

    def _check_open(self) -> runtime.Loaded:
        if self._ended is not None:
            raise GuestFault(self._ended.kind, self._ended.message, self._ended.traceback)
        if self._usage is not None or self._loaded is None:
            raise SandboxError("the guest is closed; open a new one")
        return self._loaded

    def _plain_call(self, call: Callable[[str, Any], Any], name: str, args: list[Value]) -> Value:
        frame_bytes = self._limits.frame_kib * 1024
        body = within(wire.encode([name, args]), frame_bytes)
        _, plain = data.decode(body.decode("utf-8"), self._make_array)
        return self._answer(functools.partial(call, name, plain), frame_bytes=frame_bytes)

    def _exchange_packed(
        self, body: bytes, read: Callable[[bytes], list[tuple[Number, ...]]]
    ) -> list[tuple[Number, ...]]:
        self._check_open()
        frame_bytes = self._limits.frame_kib * 1024
        call = functools.partial(self._packed[body[1]], within(body, frame_bytes))

        def packed(said: bytes) -> list[tuple[Number, ...]]:
            if not said.startswith(data.PACKED):
                wire.read_message(said)  # raises the fault that it is
            return read(said)

        return self._answered(call, packed, frame_bytes)

    def _load(self, order: Mapping[str, Any]) -> None:
        self._loaded = runtime.load(order, self._ask)

    def _answer(self, step: Callable[[], Any], *, frame_bytes: float) -> Value:
        return self._answered(step, _read_answer, frame_bytes)

    def _answered(self, step: Callable[[], Any], read: Callable[[bytes], _T], frame_bytes: float) -> _T:
        try:
            body = self._run(step)
            self._check_limits()
            if len(body) > frame_bytes:
                raise GuestFault("protocol", f"a message of {len(body)} bytes; at most {frame_bytes:.0f} may cross")
            return read(body)
        except GuestFault as fault:
            self._ended = fault
            self.close()
            raise
        except BaseException:
            self.close()
            raise

    def _run(self, step: Callable[[], Any]) -> bytes:
        with self._on_stage():
            try:
                said = step()
                return said if type(said) is runtime.Packed else data.encode([data.ANSWER, said], runtime.as_array)
            except data.NotPlain as error:
                return data.encode([data.FAULT, "protocol", str(error), ""], runtime.as_array)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # border: SystemExit and the like end no call otherwise
                return data.encode([data.FAULT, *runtime.explain(error, self._files)], runtime.as_array)
            finally:
                if self._failure is not None:
                    raise self._failure from None

    def _ask(self, name: str, /, *args: Any) -> Any:
        try:
            body = data.encode([data.ASK, name, args], runtime.as_array)
        except data.NotPlain as error:
            raise runtime.Refusal("protocol", str(error)) from None
        try:
            question = wire.read_message(body)
            if not isinstance(question, wire.Question) or name not in self._served:
                raise GuestFault("interface", f"the guest asked for {wire.printable(name)!r}, which is not served")
            self._counts[name] += 1
            reply = wire.encode(self._served[name](*question.args))
        except Exception as error:  # border: kept for the caller of `call`, whatever the program makes of it
            self._failure = error
            raise _HostFailed from error
        return data.decode(reply.decode("utf-8"), self._make_array)

    @contextlib.contextmanager
    def _on_stage(self) -> Iterator[None]:
        """The program's own modules, finders and random state, for the length of a step."""
        modules, finders, state = dict(sys.modules), list(sys.meta_path), random.getstate()
        sys.modules.update(self._modules)
        sys.meta_path[:] = [*finders, *self._finders]
        random.setstate(self._random)
        started = time.thread_time()
        try:
            yield
        finally:
            self._cpu_s += time.thread_time() - started
            self._random = random.getstate()
            random.setstate(state)
            self._finders = [finder for finder in sys.meta_path if isinstance(finder, runtime.ProgramFinder)]
            sys.meta_path[:] = finders
            self._modules = {
                name: module
                for name, module in sys.modules.items()
                if modules.get(name) is not module and self._owns(name, module)
            }
            for name in self._modules:
                sys.modules.pop(name)
            sys.modules.update({name: modules[name] for name in self._modules if name in modules})

    def _owns(self, name: str, module: types.ModuleType) -> bool:
        spec = getattr(module, "__spec__", None)
        return name in runtime.OWN_MODULES or isinstance(getattr(spec, "loader", None), runtime.ProgramFinder)

    def _check_limits(self) -> None:
        if self._cpu_s > self._limits.cpu_s:
            raise GuestFault("cpu", f"used up its {self._limits.cpu_s:g} s of CPU time")
        if time.monotonic() - self._started > self._limits.wall_s:
            raise GuestFault("timeout", f"used up its {self._limits.wall_s:g} s of wall time")


def _read_answer(body: bytes) -> Value:
    match wire.read_message(body):
        case wire.Answer(value=value):
            return value
    raise GuestFault("protocol", "the program gave no answer")


class TrustedSandbox:
    """No protection at all: for programs that you have read. Every score is marked with its tier."""

    tier = "trusted"

    def open(self, program: Program, interface: Interface, limits: Limits, *, seed: int = 0) -> TrustedGuest:
        """A guest in this process; the module-level functions of `random` are seeded from `seed`.

        Raises:
            GuestFault: The program cannot be loaded.
        """
        return TrustedGuest(program, interface, limits, seed)

    def close(self) -> None:
        """Nothing: guests hold no process."""

    def __enter__(self) -> TrustedSandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
