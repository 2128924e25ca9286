"""The guest: loads a program and answers calls. Standard library only; it shares its process with the program.

Nothing here is trusted: a program may rewrite it, and gains no more than giving another answer.
"""

from __future__ import annotations

import array
import functools
import importlib.abc
import importlib.machinery
import inspect
import linecache
import os
import random
import struct
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

MAIN = "program.py"
_TEXT_CAP = 2000  # characters of a message; a traceback may have twice as many
_FRAMES = 20  # innermost frames shown
_INTERFACE = "interface"
OWN_MODULES = frozenset((_INTERFACE, "program"))
_read, _write = os.read, os.write


class Refusal(Exception):
    """The program cannot be loaded or has answered what may not cross; `kind` says which."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Loaded:
    """A program in memory: what may be called, and the files whose frames a traceback may show."""

    def __init__(self, callables: dict[str, Any], files: Mapping[str, str]) -> None:
        self.callables = callables
        self.files = files

    def function(self, name: str) -> Callable[..., Any]:
        """The program's function of that name.

        Raises:
            Refusal: There is none.
        """
        if name not in self.callables:
            raise Refusal("interface", f"the program defines no {name!r}")
        return self.callables[name]  # type: ignore[no-any-return]  # the program's own

    def call(self, name: str, args: Sequence[Any]) -> Any:
        """What the program's function returns; whatever it raises passes through."""
        return self.function(name)(*args)

    def call_many(self, name: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """What the program's function returns for each row of arguments."""
        function = self.function(name)
        return [function(*row) for row in rows]


class ProgramFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the files of a program as modules, after all other finders."""

    def __init__(self, files: Mapping[str, str], builtins: Mapping[str, Any] | None = None) -> None:
        self._files = files
        self._builtins = builtins

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module of the program, None for any other."""
        stem = name.replace(".", "/")
        for filename in (f"{stem}/__init__.py", f"{stem}.py"):
            if filename in self._files:
                spec = importlib.machinery.ModuleSpec(name, self, origin=filename)
                if filename.endswith("/__init__.py"):
                    spec.submodule_search_locations = []
                return spec
        if any(filename.startswith(stem + "/") for filename in self._files):
            spec = importlib.machinery.ModuleSpec(name, self, origin=None)
            spec.submodule_search_locations = []
            return spec
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """The default."""

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the module's file; a folder without `__init__.py` has nothing to run."""
        spec = module.__spec__
        if spec is not None and spec.origin is not None:
            module.__file__ = spec.origin
            if self._builtins is not None:
                module.__dict__["__builtins__"] = self._builtins
            exec(compile(self._files[spec.origin], spec.origin, "exec", dont_inherit=True), module.__dict__)


def load(order: Mapping[str, Any], ask: Callable[..., Any]) -> Loaded:
    """The program of `order`, executed; the modules `interface` and `program` are left in `sys.modules`.

    Args:
        order: `files` (pairs of path and text), `functions` (triples of name, count of parameters, required),
            `names`, `source` (of the interface; may be empty).
        ask: Calls the host: `ask(name, *args)`.

    Raises:
        Refusal: The program does not parse or does not keep the interface.
        BaseException: Whatever the program raises.
    """
    files = {path: text for path, text in order["files"]}
    entry = MAIN if MAIN in files else order["files"][0][0]
    codes = {path: _compiled(path, text) for path, text in files.items() if path.endswith(".py") or path == entry}
    for path, text in files.items():
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    interface = types.ModuleType(_INTERFACE)
    sys.modules[_INTERFACE] = interface  # before it runs: a dataclass looks its module up
    given = _run_interface(interface, order, ask)
    builtins = _builtins(order, files)
    sys.meta_path.append(ProgramFinder(files, builtins))
    module = types.ModuleType("program")
    module.__file__ = entry
    module.__dict__.update(given)
    if builtins is not None:
        module.__dict__["__builtins__"] = builtins
    sys.modules["program"] = module
    exec(codes[entry], module.__dict__)
    _check_functions(module.__dict__, order["functions"])
    connect = getattr(interface, "connect", None)
    if connect is None:
        callables = {name: module.__dict__[name] for name, _, _ in order["functions"] if name in module.__dict__}
    else:
        callables = dict(connect(module.__dict__))
    return Loaded(callables, files)


def _builtins(order: Mapping[str, Any], files: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The built-in names of a program that may not import or call everything; None for any other."""
    if not order.get("guard"):
        return None
    guard = types.ModuleType("allowed")
    exec(compile(order["guard"], "<allowed>", "exec", dont_inherit=True), guard.__dict__)
    own = {path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in files}
    made: Mapping[str, Any] = guard.guarded_builtins(order["modules"], order["forbidden"], own | OWN_MODULES)
    return made


def _compiled(path: str, text: str) -> types.CodeType:
    try:
        return compile(text, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = f'File "{path}", line {error.lineno}'
        raise Refusal("syntax", f"{type(error).__name__}: {error.msg} ({place})") from None
    except (ValueError, RecursionError, OverflowError) as error:
        raise Refusal("syntax", f"{type(error).__name__}: {error} (File {path!r})") from None


@functools.lru_cache(maxsize=16)
def interface_code(source: str) -> types.CodeType:
    """The compiled source of an interface. The zygote calls this beforehand and its guests inherit the result.

    Raises:
        SyntaxError, ValueError: It does not parse.
    """
    return compile(source, f"<{_INTERFACE}>", "exec", dont_inherit=True)


def _run_interface(module: types.ModuleType, order: Mapping[str, Any], ask: Callable[..., Any]) -> dict[str, Any]:
    if not order["source"]:
        return {name: _asking(name, ask) for name in order["names"]}
    module.__dict__["ask"] = ask
    try:
        exec(interface_code(order["source"]), module.__dict__)
        names = getattr(module, "names", None)
        return {} if names is None else dict(names())
    except Exception as error:  # border: the problem's own source
        raise Refusal("interface", f"the interface's own source fails: {type(error).__name__}: {error}") from error


def _asking(name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
    def asking(*args: Any) -> Any:
        return ask(name, *args)

    asking.__name__ = asking.__qualname__ = name
    return asking


def _check_functions(namespace: Mapping[str, Any], functions: Sequence[Sequence[Any]]) -> None:
    for name, count, required in functions:
        function = namespace.get(name)
        if function is None:
            if required:
                raise Refusal("interface", f"the program defines no function {name!r}")
            continue
        if not callable(function):
            raise Refusal("interface", f"{name!r} is of type {type(function).__name__}; it must be a function")
        if type(function) is types.FunctionType and _takes(function, count):
            continue  # the usual case, without the cost of inspect.signature (0.3 ms)
        try:
            signature = inspect.signature(function)
        except (TypeError, ValueError):  # some built-ins have none
            continue
        try:
            signature.bind(*[None] * count)
        except TypeError as error:
            raise Refusal("interface", f"{name}{signature} cannot take {count} arguments: {error}") from None


def _takes(function: types.FunctionType, count: int) -> bool:
    """Whether a plain function without a wrapper surely takes `count` positional arguments."""
    code = function.__code__
    if code.co_kwonlyargcount or hasattr(function, "__wrapped__") or hasattr(function, "__signature__"):
        return False
    return code.co_argcount - len(function.__defaults__ or ()) <= count <= code.co_argcount


def explain(error: BaseException, files: Mapping[str, str]) -> tuple[str, str, str]:
    """Kind, message and traceback of what ended a call, without frames of anything but the program's own files."""
    if isinstance(error, Refusal):
        return error.kind, _clean(str(error), _TEXT_CAP), ""
    kind = "memory" if isinstance(error, MemoryError) else "crash"
    name = type.__getattribute__(type(error), "__name__")
    try:
        message = f"{name}: {error}"
    except Exception:  # border: the program's own __str__
        message = f"{name} (its text cannot be shown)"
    return kind, _clean(message, _TEXT_CAP), _clean("".join(_frames(error, files)), 2 * _TEXT_CAP)


def _frames(error: BaseException, files: Mapping[str, str]) -> list[str]:
    own = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if code.co_filename in files:
            own.append((code.co_filename, step.tb_lineno, code.co_name))
        step = step.tb_next
    lines = [] if len(own) <= _FRAMES else [f"  ... {len(own) - _FRAMES} outer frames left out\n"]
    for filename, number, function in own[-_FRAMES:]:
        lines.append(f'  File "{filename}", line {number}, in {function}\n')
        text = linecache.getline(filename, number).strip()
        if text:
            lines.append(f"    {text}\n")
    return lines


def _clean(text: str, cap: int) -> str:
    return text[:cap].encode("utf-8", "backslashreplace").decode("utf-8")


class DeterministicSeeds:
    """Stands in for the operating system's entropy: bytes that depend on the guest's seed only."""

    def __init__(self, seed: int) -> None:
        self._stream = random.Random(seed)

    def urandom(self, size: int, /) -> bytes:
        """`size` bytes of the stream."""
        return self._stream.randbytes(size)

    def number(self) -> int:
        """128 bits of the stream."""
        return self._stream.getrandbits(128)


def seed_everything(seed: int) -> None:
    """Make `random`, `os.urandom` and, where it is loaded, `numpy.random` depend on `seed` alone."""
    seeds = DeterministicSeeds(seed)
    original = random.Random.seed

    def seed_method(self: random.Random, a: Any = None, version: int = 2) -> None:
        original(self, seeds.number() if a is None else a, version)

    random.Random.seed = seed_method  # type: ignore[method-assign]  # unseeded generators draw from the stream
    random.seed = types.MethodType(seed_method, random.seed.__self__)  # type: ignore[attr-defined]  # bound at import
    os.urandom = seeds.urandom
    random._urandom = seeds.urandom  # type: ignore[attr-defined]  # SystemRandom, and through it secrets and numpy
    random.seed(seed)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(seed % 2**32)


_TYPE_CODES = {"bool": "?", "int32": "i", "int64": "q", "float32": "f", "float64": "d"}
_FROM_TYPE_CODE = {"i": "int32", "q": "int64", "l": "int64", "f": "float32", "d": "float64"}


def as_array(value: Any) -> tuple[str, tuple[int, ...], bytes] | None:
    """Type, shape and bytes of an `array.array` or a numpy array; None for anything else."""
    if type(value) is array.array:
        dtype = _FROM_TYPE_CODE.get(value.typecode)
        return None if dtype is None else (dtype, (len(value),), value.tobytes())
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray or value.dtype.name not in _TYPE_CODES:
        return None
    return value.dtype.name, value.shape, numpy.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()


def make_array(dtype: str, shape: list[int], data: bytes) -> Any:
    """A numpy array where numpy is loaded, else nested lists."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return make_lists(dtype, shape, data)
    return numpy.frombuffer(data, dtype=numpy.dtype(dtype).newbyteorder("<")).reshape(shape).copy()


def make_lists(dtype: str, shape: list[int], data: bytes) -> Any:
    """The items of an array as nested lists."""
    items = [item for (item,) in struct.iter_unpack("<" + _TYPE_CODES[dtype], data)]
    return _nested(items, shape) if shape else items[0]


def _nested(items: list[Any], shape: Sequence[int]) -> list[Any]:
    if len(shape) == 1:
        return items
    size = len(items) // shape[0] if shape[0] else 0
    return [_nested(items[row * size : (row + 1) * size], shape[1:]) for row in range(shape[0])]


class Channel:
    """The guest's end of the wire.

    Args:
        data: The module `data`.

    Attributes:
        frame_bytes: Largest body that may be sent.
    """

    def __init__(self, fd: int, data: types.ModuleType) -> None:
        self._fd = fd
        self._data = data
        self.frame_bytes = 0
        self._pending = b""
        self._number = 0

    def receive(self) -> Any:
        """The next message of the host; the guest ends when the host hangs up."""
        return self._data.decode(self.receive_body().decode("utf-8"), make_array)

    def receive_body(self) -> bytes:
        """The body of the next message."""
        header = self._data.HEADER
        while len(self._pending) < header.size:
            self._more(65536)
        length, self._number = header.unpack_from(self._pending)
        end = header.size + length
        if len(self._pending) < end:
            parts, have = [self._pending], len(self._pending)
            while have < end:
                part = _read(self._fd, end - have)
                if not part:
                    os._exit(0)
                parts.append(part)
                have += len(part)
            self._pending = b"".join(parts)
        body, self._pending = self._pending[header.size : end], self._pending[end:]
        return body

    def _more(self, size: int) -> None:
        part = _read(self._fd, size)
        if not part:
            os._exit(0)
        self._pending += part

    def send(self, message: Any) -> None:
        """Send one message.

        Raises:
            Refusal: It is no plain data, or larger than a frame.
        """
        try:
            body = self._data.encode(message, as_array)
        except self._data.NotPlain as error:
            raise Refusal("protocol", str(error)) from None
        if len(body) > self.frame_bytes:
            raise Refusal("protocol", f"a message of {len(body)} bytes; at most {self.frame_bytes} may cross")
        self.send_body(body)

    def send_body(self, body: bytes) -> None:
        """Send a body that is encoded already."""
        frame: bytes | memoryview = self._data.HEADER.pack(len(body), self._number) + body
        sent = _write(self._fd, frame)
        while sent < len(frame):
            frame = memoryview(frame)[sent:]
            sent = _write(self._fd, frame)

    def ask(self, name: str, /, *args: Any) -> Any:
        """The host's answer to a call that the guest makes back."""
        self.send([self._data.ASK, name, args])
        return self.receive()


def run(fd: int, data: types.ModuleType) -> NoReturn:
    """Serve the host until it hangs up: first the order to load, then calls, one answer each."""
    out_of_memory = data.encode([data.FAULT, "memory", "MemoryError", ""], as_array)
    channel = Channel(fd, data)
    order = channel.receive()
    channel.frame_bytes = order["frame_bytes"]
    files: Mapping[str, str] = dict(order["files"])
    seed_everything(int(order["seed"]))
    for answer in _steps(order, channel, data):
        try:
            said = answer()
            if type(said) is Packed:
                channel.send_body(said)
            else:
                channel.send([data.ANSWER, said])
        except BaseException as error:  # border: SystemExit and the like end no call otherwise
            try:
                body = data.encode([data.FAULT, *explain(error, files)], as_array)
            except MemoryError:
                body = out_of_memory
            channel.send_body(body)
    os._exit(0)


class Packed(bytes):
    """The body of a packed answer."""


def _steps(order: Mapping[str, Any], channel: Channel, data: types.ModuleType) -> Iterator[Callable[[], Any]]:
    loaded: list[Loaded] = []
    packed: list[Callable[[bytes], Packed]] = []

    def first() -> None:
        loaded.append(load(order, channel.ask))

    yield first
    while loaded:
        body = channel.receive_body()
        if body.startswith(data.PACKED):
            yield functools.partial(packed[body[1]], body)
            continue
        message = data.decode(body.decode("utf-8"), make_array)
        if len(message) == 2:
            yield functools.partial(loaded[0].call, *message)
        elif message[2] == data.MANY:
            yield functools.partial(loaded[0].call_many, *message[:2])
        else:
            yield functools.partial(agree, packed, loaded[0], *message[:2])


def agree(packed: list[Callable[[bytes], Packed]], loaded: Loaded, name: str, letters: Sequence[str]) -> int:
    """The number of a packed call, added to those of this guest."""
    takes, gives = letters
    packed.append(packed_call(loaded.function(name), takes, gives))
    return len(packed) - 1


def packed_call(function: Callable[..., Any], takes: str, gives: str) -> Callable[[bytes], Packed]:
    """`function` from the body of a packed call to that of its answer: rows of numbers to rows of numbers."""
    rows, answers, single = struct.Struct("<" + takes), struct.Struct("<" + gives), len(gives) == 1

    def call(body: bytes) -> Packed:
        every = [function(*row) for row in rows.iter_unpack(body[2:])]
        try:
            content = [answers.pack(said) for said in every] if single else [answers.pack(*said) for said in every]
        except (struct.error, TypeError, OverflowError) as error:
            raise Refusal("protocol", f"the answer does not fit the layout {gives!r}: {error}") from None
        return Packed(b"\0" + b"".join(content))

    return call
