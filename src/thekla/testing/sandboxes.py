"""What every sandbox must keep: subclass `SandboxConformance` and say how one is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import pytest

from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import Limits
from thekla.core.problem import Function, Interface, Parameter
from thekla.core.program import Program
from thekla.core.protocols import BatchGuest, Guest, Sandbox
from thekla.core.values import Array, Value

__all__ = ["ECHO", "LIMITS", "SandboxConformance", "fault_of", "interface_of"]

LIMITS = Limits(wall_s=20.0, cpu_s=10.0, memory_mb=256)


def interface_of(*names: str, parameters: int = 1, source: str = "", given: tuple[str, ...] = ()) -> Interface:
    """An interface of required functions that take `parameters` arguments each."""
    arguments = tuple(Parameter(name=f"x{i}", type="Any") for i in range(parameters))
    functions = tuple(Function(name=name, parameters=arguments, result="Any") for name in names)
    return Interface(functions=functions, guest_source=source, names=dict.fromkeys(given, "Any"))


ECHO = (Program.from_text("def f(x):\n    return x\n"), interface_of("f"))


def fault_of(
    sandbox: Sandbox, text: str, *args: Value, interface: Interface | None = None, limits: Limits = LIMITS
) -> GuestFault:
    """The fault that ends the program: while it is loaded or in a call of `f`.

    Raises:
        AssertionError: There is none.
    """
    guest: Guest | None = None
    try:
        guest = sandbox.open(Program.from_text(text), interface or interface_of("f"), limits)
        answer = guest.call("f", *(args or (None,)))
    except GuestFault as fault:
        return fault
    finally:
        if guest is not None:
            guest.close()
    raise AssertionError(f"the program answered {answer!r}")


class SandboxConformance(ABC):
    """The promises of `Sandbox` and `Guest`."""

    @abstractmethod
    def make_sandbox(self) -> Sandbox:
        """A new sandbox; the tests of a class share one."""

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Iterator[Sandbox]:
        made = cls().make_sandbox()
        yield made
        made.close()

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            0,
            -(2**63),
            2**63 - 1,
            -0.0,
            1e-300,
            0.1,
            "",
            'naïve \u2028 \0 \U0001f600 "$array" [{',
            [],
            {},
            [[], [1, [2.5, "x", None]]],
            {"": {"a": [True, {"b": -1}]}},
        ],
    )
    def test_plain_data_come_back_as_they_went(self, sandbox: Sandbox, value: Value) -> None:
        guest = sandbox.open(*ECHO, LIMITS)
        answer = guest.call("f", value)
        assert (answer, repr(answer)) == (value, repr(value))
        guest.close()

    def test_array_arrives_as_lists_without_numpy_and_leaves_as_array(self, sandbox: Sandbox) -> None:
        text = "import array\ndef f(x):\n    return [x, array.array('q', [n for row in x for n in row])]\n"
        data = b"".join(n.to_bytes(4, "little", signed=True) for n in (1, -2, 3, 4, 5, 6))
        guest = sandbox.open(Program.from_text(text), interface_of("f"), LIMITS)
        lists, flat = _pair(guest.call("f", Array(dtype="int32", shape=(2, 3), data=data)))
        assert lists == [[1, -2, 3], [4, 5, 6]]
        wide = b"".join(n.to_bytes(8, "little", signed=True) for n in (1, -2, 3, 4, 5, 6))
        assert flat == Array(dtype="int64", shape=(6,), data=wide)
        guest.close()

    def test_state_lives_as_long_as_the_guest_and_no_longer(self, sandbox: Sandbox) -> None:
        program = Program.from_text("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)\n")
        for _ in range(2):
            guest = sandbox.open(program, interface_of("f"), LIMITS)
            assert [guest.call("f", 0), guest.call("f", 0)] == [1, 2]
            guest.close()

    def test_two_guests_live_side_by_side(self, sandbox: Sandbox) -> None:
        one = sandbox.open(Program.from_text("import program\ndef f(x):\n    return 1\n"), interface_of("f"), LIMITS)
        two = sandbox.open(Program.from_text("import program\ndef f(x):\n    return 2\n"), interface_of("f"), LIMITS)
        assert [one.call("f", 0), two.call("f", 0), one.call("f", 0)] == [1, 2, 1]
        one.close()
        assert two.call("f", 0) == 2
        two.close()

    def test_other_files_of_a_program_are_modules(self, sandbox: Sandbox) -> None:
        program = Program.from_files(
            {
                "helpers/__init__.py": "",
                "helpers/deep.py": "from . import side\nVALUE = side.VALUE + 1\n",
                "helpers/side.py": "VALUE = 1\n",
                "program.py": "from helpers import deep\n"
                "def f(x):\n    import loose.late\n    return loose.late.V + deep.VALUE\n",
                "loose/late.py": "V = 10\n",
            }
        )
        guest = sandbox.open(program, interface_of("f"), LIMITS)
        assert guest.call("f", 0) == 12
        guest.close()

    def test_interface_source_gives_names_and_connects(self, sandbox: Sandbox) -> None:
        source = (
            "from dataclasses import dataclass\n"
            "@dataclass\nclass Job:\n    size: 'int'\n"
            "def names():\n    return {'Job': Job}\n"
            "def connect(namespace):\n"
            "    return {'run': lambda sizes: namespace['pick']([Job(s) for s in sizes]).size}\n"
        )
        text = (
            "import interface\n"
            "def pick(jobs):\n"
            "    assert isinstance(jobs[0], Job) and Job is interface.Job\n"
            "    return max(jobs, key=lambda j: j.size)\n"
        )
        guest = sandbox.open(Program.from_text(text), interface_of("pick", source=source), LIMITS)
        assert guest.call("run", [1, 3, 2]) == 3
        guest.close()

    def test_guest_calls_back_only_what_is_served(self, sandbox: Sandbox) -> None:
        text = "def f(x):\n    return [price(i, 'a') for i in range(x)]\n"
        guest = sandbox.open(Program.from_text(text), interface_of("f", given=("price",)), LIMITS)
        asked: list[tuple[Value, Value]] = []

        def price(item: Value, kind: Value) -> Value:
            asked.append((item, kind))
            return [item, kind]

        guest.serve("price", price)
        assert guest.call("f", 3) == [[0, "a"], [1, "a"], [2, "a"]]
        assert asked == [(0, "a"), (1, "a"), (2, "a")]
        guest.close()
        assert fault_of(sandbox, text, 1, interface=interface_of("f", given=("price",))).kind == "interface"

    def test_many_calls_are_answered_in_their_order_by_one_guest(self, sandbox: Sandbox) -> None:
        program = Program.from_text("seen = []\ndef f(x, y):\n    seen.append(x)\n    return [len(seen), x + y]\n")
        guest = _batching(sandbox, program, parameters=2)
        assert guest.call_many("f", [(1, 2), (3, 4)]) == [[1, 3], [2, 7]]
        assert guest.call_many("f", []) == []
        assert guest.call("f", 5, 6) == [3, 11]
        guest.close()

    def test_one_bad_row_ends_the_guest(self, sandbox: Sandbox) -> None:
        guest = _batching(sandbox, Program.from_text("def f(x):\n    return 1 // x\n"))
        with pytest.raises(GuestFault, match="ZeroDivisionError"):
            guest.call_many("f", [[1], [0]])
        with pytest.raises(GuestFault, match="ZeroDivisionError"):
            guest.call("f", 1)

    def test_packed_calls_carry_numbers_both_ways(self, sandbox: Sandbox) -> None:
        program = Program.from_text(
            "def f(x):\n    return -x\ndef g(n, r, b):\n    return n + 1, r / 2, not b\n"
            "def h(x):\n    return f(ask_host(x))\n"
        )
        interface = Interface(functions=interface_of("f", "h").functions, names={"ask_host": "Any"})
        guest = _batching(sandbox, program, interface=interface)
        f = guest.packed("f", takes="q", gives="q")
        assert [f(2**62), f(-1)] == [-(2**62), 1]
        assert f.many([(1,), (2,), (3,)]) == [-1, -2, -3]
        guest.serve("ask_host", lambda x: x * 10 if isinstance(x, int) else None)
        assert guest.packed("h", takes="i", gives="d")(7) == -70.0
        guest.close()
        program = Program.from_text("def f(n, r, b):\n    return n + 1, r / 2, not b\n")
        guest = _batching(sandbox, program, parameters=3)
        f = guest.packed("f", takes="qd?", gives="qd?")
        assert f(-5, 0.5, False) == (-4, 0.25, True)
        assert f.many([(1, 1.0, True), (2, 3.0, False)]) == [(2, 0.5, False), (3, 1.5, True)]
        assert guest.call("f", 1, 2.0, True) == [2, 1.0, False]
        guest.close()

    @pytest.mark.parametrize(
        ("result", "gives", "says"),
        [
            ("float('nan')", "d", "not finite"),
            ("1e300", "f", "fit|finite"),
            ("2**63", "q", "fit"),
            ("'x'", "q", "fit"),
            ("None", "qq", "fit"),
            ("(1, 2, 3)", "qq", "fit"),
            ("1 // 0", "q", "ZeroDivisionError"),
        ],
    )
    def test_packed_answer_that_is_no_number_of_the_layout_is_a_fault(
        self, sandbox: Sandbox, result: str, gives: str, says: str
    ) -> None:
        guest = _batching(sandbox, Program.from_text(f"def f(x):\n    return {result}\n"))
        packed = guest.packed("f", takes="q", gives=gives)
        with pytest.raises(GuestFault, match=says):
            packed(1)
        with pytest.raises(GuestFault, match=says):
            guest.call("f", 1)

    def test_packed_function_must_exist_and_fit(self, sandbox: Sandbox) -> None:
        guest = _batching(sandbox, ECHO[0])
        with pytest.raises(ValueError, match="one letter"):
            guest.packed("f", takes="s", gives="q")
        with pytest.raises(ValueError, match="do not fit"):
            guest.packed("f", takes="f", gives="q")(1e300)
        with pytest.raises(GuestFault, match="no 'g'"):
            guest.packed("g", takes="q", gives="q")

    def test_an_error_of_the_host_passes_through_the_program(self, sandbox: Sandbox) -> None:
        text = "def f(x):\n    try:\n        return price()\n    except BaseException:\n        return 0\n"
        guest = sandbox.open(Program.from_text(text), interface_of("f", given=("price",)), LIMITS)

        def price() -> Value:
            raise LookupError("a bug of the referee")

        guest.serve("price", price)
        with pytest.raises(LookupError, match="a bug of the referee"):
            guest.call("f", 0)
        guest.close()

    @pytest.mark.parametrize(
        ("text", "kind", "says"),
        [
            ("def f(x:\n", "syntax", "line 1"),
            ("def f(x):\n    return '\0'\n", "syntax", "null bytes"),
            ("def g(x):\n    pass\n", "interface", "no function 'f'"),
            ("f = 3\n", "interface", "must be a function"),
            ("def f(x, y):\n    pass\n", "interface", "cannot take 1 arguments"),
            ("def f(*, x):\n    pass\n", "interface", "cannot take 1 arguments"),
            ("import nothing_like_this\n", "crash", "ModuleNotFoundError"),
            ("def f(x):\n    return 1 // 0\n", "crash", "ZeroDivisionError"),
            ("def f(x):\n    return f(x)\n", "crash", "RecursionError"),
            ("def f(x):\n    raise SystemExit(0)\n", "crash", "SystemExit: 0"),
            ("def f(x):\n    raise MemoryError\n", "memory", "MemoryError"),
            ("def f(x):\n    return float('nan')\n", "protocol", "not finite"),
            ("def f(x):\n    return 10**400\n", "protocol", "64 bits"),
            ("def f(x):\n    return 2**63\n", "protocol", "64 bits"),
            ("def f(x):\n    return {1: 2}\n", "protocol", "keys must be str"),
            ("def f(x):\n    return {'$array': 2}\n", "protocol", "reserved"),
            ("def f(x):\n    return '\\ud800'\n", "protocol", "surrogate"),
            ("def f(x):\n    return {1, 2}\n", "protocol", "type set"),
            ("class B(int):\n    pass\ndef f(x):\n    return B(1)\n", "protocol", "type B"),
            ("def f(x):\n    y = []\n    y.append(y)\n    return y\n", "protocol", "nested"),
            ("def f(x):\n    return 'x' * 10**6\n", "protocol", "may cross"),
        ],
    )
    def test_bad_program_ends_with_a_fault_of_its_kind(self, sandbox: Sandbox, text: str, kind: str, says: str) -> None:
        fault = fault_of(sandbox, text)
        assert fault.kind == kind
        assert says in fault.message

    @pytest.mark.parametrize("text", ["def f(*x):\n    return 7\n", "def f(x, y=0):\n    return 7\n", "f = len\n"])
    def test_any_callable_that_takes_the_arguments_will_do(self, sandbox: Sandbox, text: str) -> None:
        guest = sandbox.open(Program.from_text(text), interface_of("f"), LIMITS)
        assert guest.call("f", "x" * 7) == 7
        guest.close()

    def test_function_that_is_not_required_may_be_missing(self, sandbox: Sandbox) -> None:
        optional = Interface(functions=(Function(name="g", parameters=(), result="Any", required=False),))
        guest = sandbox.open(ECHO[0], optional, LIMITS)
        with pytest.raises(GuestFault) as caught:
            guest.call("g")
        assert caught.value.kind == "interface"

    def test_traceback_shows_the_programs_own_frames_only(self, sandbox: Sandbox) -> None:
        fault = fault_of(sandbox, "import json\ndef g(x):\n    return json.loads('[')\ndef f(x):\n    return g(x)\n")
        assert fault.traceback == (
            '  File "program.py", line 5, in f\n    return g(x)\n'
            "  File \"program.py\", line 3, in g\n    return json.loads('[')\n"
        )

    def test_fault_holds_no_terminal_control(self, sandbox: Sandbox) -> None:
        fault = fault_of(sandbox, "def f(x):\n    raise ValueError('\\x1b[2J\\u202e' + 'x' * 10**6)\n")
        assert "\x1b" not in fault.message
        assert "\u202e" not in fault.message
        assert len(fault.message) <= 2000

    def test_faulted_guest_repeats_its_fault(self, sandbox: Sandbox) -> None:
        guest = sandbox.open(Program.from_text("def f(x):\n    return 1 // x\n"), interface_of("f"), LIMITS)
        for _ in range(2):
            with pytest.raises(GuestFault, match="ZeroDivisionError"):
                guest.call("f", 0)
        guest.close()

    def test_closed_guest_answers_no_more(self, sandbox: Sandbox) -> None:
        guest = sandbox.open(*ECHO, LIMITS)
        guest.close()
        guest.close()
        with pytest.raises(SandboxError, match="closed"):
            guest.call("f", 0)

    @pytest.mark.parametrize("bad", [float("inf"), 2**64, {1: 2}, {2}, b"x", "\ud800", {"$array": 1}, "x" * 10**6])
    def test_host_cannot_send_what_is_no_plain_data(self, sandbox: Sandbox, bad: Any) -> None:
        guest = sandbox.open(*ECHO, LIMITS)
        with pytest.raises(ValueError, match=r"plain data|may cross"):
            guest.call("f", bad)
        guest.close()

    def test_equal_seeds_draw_equal_numbers(self, sandbox: Sandbox) -> None:
        program = Program.from_text("import random\ndef f(x):\n    return [random.random(), random.randrange(10**9)]\n")

        def drawn(seed: int) -> Value:
            guest = sandbox.open(program, interface_of("f"), LIMITS, seed=seed)
            numbers = guest.call("f", 0)
            guest.close()
            return numbers

        assert drawn(2**70) == drawn(2**70) != drawn(1)

    def test_usage_grows_with_work_and_is_final_after_close(self, sandbox: Sandbox) -> None:
        text = "from time import process_time as t\ndef f(x):\n    end = t() + x\n    while t() < end: 0\n"
        guest = sandbox.open(Program.from_text(text), interface_of("f"), LIMITS)
        before = guest.usage
        guest.call("f", 0.1)
        after = guest.usage
        assert after.cpu_s - before.cpu_s >= 0.05
        assert after.wall_s >= after.cpu_s - before.cpu_s
        assert after.peak_memory_mb > 1
        guest.close()
        assert guest.usage == guest.usage
        assert guest.usage.cpu_s >= after.cpu_s


def _batching(
    sandbox: Sandbox, program: Program, *, parameters: int = 1, interface: Interface | None = None
) -> BatchGuest:
    guest = sandbox.open(program, interface or interface_of("f", parameters=parameters), LIMITS)
    assert isinstance(guest, BatchGuest)
    return guest


def _pair(value: Value) -> tuple[Value, Value]:
    match value:
        case [first, second]:
            return first, second
    raise AssertionError(f"expected two values, found {value!r}")
