"""What can be said of a policy in milliseconds, without running it: does it use the interface as it is?

Only what is certain to fail is found. Types are followed where they are plain: from the parameters of `schedule`
and `init` through attributes, loops and assignments. A name that may hold something else is left alone, and so is an
attribute that the program sets itself somewhere.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from . import views
from .checking import suggestion
from .vocabulary import element_type, view_classes

__all__ = ["Finding", "LintRule", "lint"]

LintRule = Literal["syntax", "interface", "key", "signature", "import", "attribute", "hidden", "call"]
"""`hidden` is an attribute that would tell what operators need; `call`, orders built with wrong arguments."""

_PARAMETERS = {
    "schedule": ("Scheduler", "list[ExecutionResult]", "list[Pipeline]"),
    "init": ("Scheduler",),
}
_DECORATORS = {"register_scheduler": "schedule", "register_scheduler_init": "init"}
_FOREIGN = ("eudoxia",)  # import paths that lead to the views where they are asked for
_ENUMERATIONS = {"OperatorState": views.OperatorState, "Priority": views.Priority}
_ORDERS = {"Assignment": views.Assignment, "Suspend": views.Suspend}

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Nodes: TypeAlias = Sequence[ast.AST]
"""All nodes of a program, its module first."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, where it stands, and what to do."""

    line: int
    column: int
    rule: LintRule
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message} ({self.rule})"


def lint(source: str) -> list[Finding]:
    """What is wrong with a policy's program, in order of lines; nothing if no mistake is certain."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        message = f"{error.msg}; correct it before anything else can be checked"
        return [Finding(line=error.lineno or 1, column=error.offset or 0, rule="syntax", message=message)]
    except (ValueError, RecursionError) as error:
        return [Finding(line=1, column=0, rule="syntax", message=f"the program cannot be parsed: {error}")]
    nodes = list(ast.walk(tree))  # once: every rule looks at all of them
    entries = dict(_entries(tree))
    findings = [*_check_entries(nodes, entries), *_check_imports(nodes), *_check_orders(nodes), *_check_members(nodes)]
    own = _own_attributes(nodes)
    for function in nodes:
        if isinstance(function, _Function):
            findings += _Attributes(function, entries.get(function, ""), own).findings()
    unique = dict.fromkeys(findings)
    return sorted(unique, key=lambda each: (each.line, each.column))


def _found(node: ast.expr | ast.stmt, rule: LintRule, message: str) -> Finding:
    return Finding(line=node.lineno, column=node.col_offset, rule=rule, message=message)


def _entries(tree: ast.Module) -> Iterator[tuple[_Function, str]]:
    """The functions that the lakehouse calls, and which of the two each is."""
    for node in tree.body:
        if isinstance(node, _Function):
            registered = [role for role, _, _ in _registrations(node)]
            if registered or node.name in _PARAMETERS:
                yield node, registered[0] if registered else node.name


def _registrations(function: _Function) -> Iterator[tuple[str, str | None, ast.Call]]:
    """(what it is registered as, the key if it is a plain text, the decorator) of each decorator of ours."""
    for each in function.decorator_list:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in _DECORATORS:
            given = [*each.args, *(keyword.value for keyword in each.keywords if keyword.arg == "key")]
            value = given[0].value if given and isinstance(given[0], ast.Constant) else None
            yield _DECORATORS[each.func.id], value if isinstance(value, str) else None, each


def _check_entries(nodes: _Nodes, entries: Mapping[_Function, str]) -> Iterator[Finding]:
    if "schedule" not in entries.values() and not _binds(nodes, "schedule"):
        names = [node.name for node in _body(nodes) if isinstance(node, _Function)]
        near = suggestion("schedule", names) if names else "add it"
        message = f"there is no function schedule(s, results, pipelines); {near}"
        yield Finding(line=1, column=0, rule="interface", message=message)
    keys: dict[str, set[str]] = {"schedule": set(), "init": set()}
    for function, role in entries.items():
        for registered, key, decorator in _registrations(function):
            if key is not None and key in keys[registered]:
                yield _found(decorator, "key", f"{key!r} is registered twice; give each function its own key")
            keys[registered].add(key or "")
        wanted = len(_PARAMETERS[role])
        if isinstance(function, ast.AsyncFunctionDef) or not _takes(function, wanted):
            call = "schedule(s, results, pipelines)" if role == "schedule" else "init(s)"
            yield _found(function, "signature", f"{function.name} is called as {call}; define it with these parameters")
    for key in sorted(keys["init"] - keys["schedule"]):
        if keys["schedule"]:
            message = f"the key {key!r} has an init and no scheduler; {suggestion(key, sorted(keys['schedule']))}"
            yield Finding(line=1, column=0, rule="key", message=message)


def _body(nodes: _Nodes) -> Sequence[ast.stmt]:
    module = nodes[0]
    return module.body if isinstance(module, ast.Module) else ()


def _binds(nodes: _Nodes, name: str) -> bool:
    return any(
        (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name)
        or (isinstance(node, ast.alias) and (node.asname or node.name) == name)
        or (isinstance(node, _Function) and node.name == name)
        for node in nodes
    )


def _takes(function: _Function, count: int) -> bool:
    arguments = function.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needed = positional - len(arguments.defaults)
    keyword_only = any(default is None for default in arguments.kw_defaults)
    return not keyword_only and needed <= count and (count <= positional or arguments.vararg is not None)


def _check_imports(nodes: _Nodes) -> Iterator[Finding]:
    typing_only = {
        id(inner)
        for node in nodes
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in names:
            first = name.split(".")[0]
            if first not in sys.stdlib_module_names and first not in _FOREIGN:
                remedy = (
                    "a policy has the standard library only, and finds the classes of the lakehouse without importing"
                )
                yield _found(node, "import", f"{name!r} cannot be imported; {remedy}")


def _check_orders(nodes: _Nodes) -> Iterator[Finding]:
    for node in nodes:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ORDERS):
            continue
        spread = any(isinstance(each, ast.Starred) for each in node.args) or any(not each.arg for each in node.keywords)
        if spread or _binds(nodes, node.func.id):
            continue
        signature = inspect.signature(_ORDERS[node.func.id])
        keywords = [str(each.arg) for each in node.keywords]
        unknown = [name for name in keywords if name not in signature.parameters]
        if unknown:
            near = suggestion(unknown[0], signature.parameters)
            yield _found(node, "call", f"{node.func.id} has no parameter {unknown[0]!r}; {near}")
            continue
        try:
            signature.bind(*node.args, **dict.fromkeys(keywords))
        except TypeError as error:
            names = ", ".join(signature.parameters)
            yield _found(node, "call", f"{node.func.id}(...): {error}; its parameters are {names}")


def _check_members(nodes: _Nodes) -> Iterator[Finding]:
    for node in nodes:
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
            continue
        enumeration = _ENUMERATIONS.get(node.value.id)
        if enumeration is None or hasattr(enumeration, node.attr) or _binds(nodes, node.value.id):
            continue
        near = suggestion(node.attr, enumeration.__members__)
        yield _found(node, "attribute", f"{node.value.id} has no {node.attr!r}; {near}")


def _own_attributes(nodes: _Nodes) -> frozenset[str] | None:
    """Attributes that the program sets on anything; None if it may set any."""
    own: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            own.add(node.attr)
        elif isinstance(node, ast.Attribute) and node.attr == "__dict__":
            return None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "vars"):
            name = node.args[1] if len(node.args) > 1 else None
            if not isinstance(name, ast.Constant):
                return None
            own.add(str(name.value))
    return frozenset(own)


class _Attributes:
    """Follows types through one function."""

    def __init__(self, function: _Function, role: str, own: frozenset[str] | None) -> None:
        self._function = function
        self._nodes = list(ast.walk(function))
        self._own = own
        self._bindings: dict[str, set[str]] = {}
        arguments = [*function.args.posonlyargs, *function.args.args]
        given = _PARAMETERS.get(role, ())
        for position, argument in enumerate(arguments):
            told = given[position] if position < len(given) else _annotation(argument.annotation)
            self._bindings[argument.arg] = {told}
        for other in (function.args.vararg, function.args.kwarg, *function.args.kwonlyargs):
            if other is not None:
                self._bindings[other.arg] = {""}
        parameters = {name: set(types) for name, types in self._bindings.items()}
        for _ in range(3):  # a type reaches a name through others: three steps are more than programs use
            before, self._bindings = self._bindings, {name: set(types) for name, types in parameters.items()}
            self._collect(before)

    def findings(self) -> Iterator[Finding]:
        """Reads of attributes that are not there."""
        if self._own is None:
            return
        classes = view_classes()
        for node in self._nodes:
            if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Load):
                continue
            owner = self._type(node.value, self._bindings)
            if owner not in classes or node.attr in self._own or node.attr.startswith("_"):
                continue
            known = classes[owner]
            if node.attr in known.hidden:
                message = f"{owner}.{node.attr} is hidden: what an operator needs is learnt by running it"
                yield _found(node, "hidden", message)
            elif node.attr not in known.names:
                yield _found(node, "attribute", f"{owner} has no {node.attr!r}; {suggestion(node.attr, known.names)}")

    def _collect(self, before: Mapping[str, set[str]]) -> None:
        for node in self._nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bind(target, self._type(node.value, before))
            elif isinstance(node, ast.AnnAssign):
                self._bind(node.target, _annotation(node.annotation))
            elif isinstance(node, ast.For | ast.comprehension):
                self._bind_loop(node.target, node.iter, before)
            elif isinstance(node, ast.NamedExpr):
                self._bind(node.target, self._type(node.value, before))
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                self._bind(node.optional_vars, "")
            elif isinstance(node, ast.AugAssign):
                self._bind(node.target, self._type(node.target, before))
            elif isinstance(node, ast.Lambda | ast.FunctionDef) and node is not self._function:
                for argument in ast.walk(node.args):
                    if isinstance(argument, ast.arg):
                        self._bindings.setdefault(argument.arg, set()).add("")

    def _bind_loop(self, target: ast.expr, iterated: ast.expr, before: Mapping[str, set[str]]) -> None:
        numbered = isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name)
        if numbered and isinstance(iterated, ast.Call) and isinstance(iterated.func, ast.Name):
            inner = self._type(iterated.args[0], before) if iterated.args else ""
            if iterated.func.id == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
                self._bind(target.elts[0], "")
                self._bind(target.elts[1], element_type(inner))
                return
        self._bind(target, element_type(self._type(iterated, before)))

    def _bind(self, target: ast.expr, type: str) -> None:
        if isinstance(target, ast.Name):
            self._bindings.setdefault(target.id, set()).add(type)
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self._bind(each, "")
        elif isinstance(target, ast.Starred):
            self._bind(target.value, "")

    def _type(self, value: ast.expr, bindings: Mapping[str, set[str]]) -> str:
        """The type of an expression, as text; empty if it is not certain."""
        if isinstance(value, ast.Name):
            types = bindings.get(value.id, set())
            return next(iter(types)) if len(types) == 1 else ""
        if isinstance(value, ast.Attribute):
            owner = view_classes().get(self._type(value.value, bindings))
            set_by_program = self._own is None or value.attr in self._own
            return "" if owner is None or set_by_program else owner.attributes.get(value.attr, "")
        if isinstance(value, ast.Subscript):
            whole = self._type(value.value, bindings)
            return whole if isinstance(value.slice, ast.Slice) else element_type(whole)
        if isinstance(value, ast.Call):
            return self._call_type(value, bindings)
        return ""

    def _call_type(self, value: ast.Call, bindings: Mapping[str, set[str]]) -> str:
        if isinstance(value.func, ast.Attribute):
            owner = view_classes().get(self._type(value.func.value, bindings))
            return "" if owner is None else owner.methods.get(value.func.attr, "")
        if isinstance(value.func, ast.Name) and value.args and not self._bindings.get(value.func.id):
            inner = self._type(value.args[0], bindings)
            if value.func.id in ("sorted", "list", "reversed", "tuple", "set"):
                return inner
            if value.func.id in ("max", "min", "next") and len(value.args) == 1:
                return element_type(inner)
        return ""


def _annotation(annotation: ast.expr | None) -> str:
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Constant):
        return annotation.value if isinstance(annotation.value, str) else ""
    return ast.unparse(annotation).replace("'", "").replace('"', "")
