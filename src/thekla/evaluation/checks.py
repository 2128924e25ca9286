"""What can be said of a program without running it: does it parse, does it define what the interface asks for?"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import cast

from thekla.core.evaluation import Failed, FailureKind
from thekla.core.problem import Function, Interface
from thekla.core.program import Program
from thekla.core.protocols import CandidateCheck, ProblemPackage
from thekla.evaluation.abilities import fulfils
from thekla.evaluation.allowed import objection

__all__ = ["check", "check_candidate"]

STAGE = "check"
_MOST_CHARACTERS = 200_000  # parsing time and depth are bounded by it; the longest published program has 40,000


def check(program: Program, interface: Interface) -> Failed | None:
    """Why the program cannot be run, or None; takes a few milliseconds at most."""
    trees = {}
    for path, text in program.files:
        if len(text) > _MOST_CHARACTERS:
            return _failed(
                FailureKind.SYNTAX, f"{path} has {len(text)} characters; at most {_MOST_CHARACTERS} are accepted"
            )
        if not path.endswith(".py"):
            continue
        try:
            trees[path] = ast.parse(text, filename=path)
        except SyntaxError as error:
            where = f"{path} line {error.lineno}"
            return _failed(FailureKind.SYNTAX, f"{where}: {error.msg}")
        except (ValueError, RecursionError, MemoryError) as error:
            return _failed(FailureKind.SYNTAX, f"{path} cannot be parsed: {error}")
    stray = objection(trees, interface)
    if stray:
        return _failed(FailureKind.INTERFACE, stray)
    entry = trees.get(_entry(program))
    top_level = list(_top_level(entry.body)) if entry else []
    defined = {node.name: node for node in top_level if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assigned = _assigned_names(top_level)
    for function in interface.functions:
        node = defined.get(function.name)
        if node is None:
            if function.required and function.name not in assigned:
                return _failed(FailureKind.INTERFACE, f"no function {_signature(function)} is defined")
        elif not _accepts(node, len(function.parameters)):
            return _failed(
                FailureKind.INTERFACE,
                f"line {node.lineno}: {function.name} must accept {len(function.parameters)} positional "
                f"arguments, as in {_signature(function)}",
            )
    return None


def check_candidate(program: Program, package: ProblemPackage) -> Failed | None:
    """Why the program cannot have a score: by `check`, then by the problem's own, if it has one."""
    failed = check(program, package.problem.interface)
    if failed is None and fulfils(type(package), CandidateCheck):
        failed = cast(CandidateCheck, package).check(program)
    return failed


def _entry(program: Program) -> str:
    return "program.py" if "program.py" in dict(program.files) else program.files[0][0]


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements whose names become the module's, those under `if`, `try`, `with` and loops included."""
    for statement in body:
        yield statement
        for block in ("body", "orelse", "finalbody"):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _top_level(getattr(statement, block, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _top_level(handler.body)


def _assigned_names(top_level: Iterable[ast.stmt]) -> set[str]:
    """Names bound at the top level otherwise than by `def`: assignment and import."""
    names: set[str] = set()
    for node in top_level:
        if isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
    return names


def _accepts(node: ast.FunctionDef | ast.AsyncFunctionDef, count: int) -> bool:
    if isinstance(node, ast.AsyncFunctionDef):
        return False
    arguments = node.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needed = positional - len(arguments.defaults)
    keyword_only = any(default is None for default in arguments.kw_defaults)
    return not keyword_only and needed <= count and (count <= positional or arguments.vararg is not None)


def _signature(function: Function) -> str:
    parameters = ", ".join(f"{parameter.name}: {parameter.type}" for parameter in function.parameters)
    return f"{function.name}({parameters}) -> {function.result}"


def _failed(kind: FailureKind, message: str) -> Failed:
    return Failed(kind=kind, stage=STAGE, message=message)
