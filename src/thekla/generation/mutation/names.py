"""A cheap check of names: which are read where nothing has bound them yet."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator

__all__ = ["children", "same_shape", "unbound_names"]

_BUILTINS = frozenset(dir(builtins)) | {"__file__", "__name__"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes below a node, in order; about twice as fast as `ast.iter_child_nodes`."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list):
            found.extend(one for one in value if isinstance(one, ast.AST))
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def same_shape(one: object, other: object) -> bool:
    """Whether two trees are equal but for layout and comments."""
    if isinstance(one, ast.AST):
        return type(one) is type(other) and all(
            same_shape(getattr(one, name, None), getattr(other, name, None)) for name in one._fields
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_shape, one, other))
    return type(one) is type(other) and one == other


def unbound_names(tree: ast.Module, given: Collection[str]) -> frozenset[tuple[str, str]]:
    """Pairs of function and name where the function may read the name before it is bound.

    The check knows branches, loops and early exits, but not values, so that a sound program may have a few such
    pairs. A child that has none which its parent lacks is as sound as its parent.
    """
    module = _BUILTINS | set(given) | _bound_in(tree.body)[0]
    return frozenset(_scan_functions(tree.body, module, ""))


def _scan_functions(body: list[ast.stmt], outer: frozenset[str], prefix: str) -> Iterator[tuple[str, str]]:
    for statement in body:
        if isinstance(statement, _Function):
            name = f"{prefix}{statement.name}"
            scan = _Scan(outer, _parameters(statement.args), *_bound_in(statement.body))
            scan.block(statement.body, set(scan.parameters))
            yield from ((name, unbound) for unbound in sorted(scan.unbound))
            inner = outer | scan.parameters | scan.local
            yield from _scan_functions(statement.body, inner, f"{name}.")
        elif isinstance(statement, ast.ClassDef):
            yield from _scan_functions(statement.body, outer, f"{prefix}{statement.name}.")
        else:
            for nested in _blocks_of(statement):
                yield from _scan_functions(nested, outer, prefix)


def _blocks_of(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list):
            yield block
    for handler in getattr(statement, "handlers", ()):
        yield handler.body
    for case in getattr(statement, "cases", ()):
        yield case.body


def _parameters(arguments: ast.arguments) -> frozenset[str]:
    several = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return frozenset(argument.arg for argument in several if argument is not None)


def _bound_in(body: Iterable[ast.AST]) -> tuple[frozenset[str], frozenset[str]]:
    """Names that statements bind in their own scope, and names that they declare `global` or `nonlocal`."""
    found: set[str] = set()
    declared: set[str] = set()
    pending: list[ast.AST] = list(body)
    while pending:
        node = pending.pop()
        match node:
            case ast.Name(id=name):
                if not isinstance(node.ctx, ast.Load):
                    found.add(name)
                continue
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
                continue
            case ast.Lambda() | ast.Constant():
                continue
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                found.update(one.target.id for one in ast.walk(node) if isinstance(one, ast.NamedExpr))
                continue
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                declared.update(names)
            case ast.alias(name=name, asname=alias):
                found.add(alias or name.split(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                found.add(name)
        pending.extend(children(node))
    return frozenset(found - declared), frozenset(declared)


class _Scan:
    """Follows one function statement by statement, with the names that are surely bound."""

    def __init__(
        self, outer: frozenset[str], parameters: frozenset[str], local: frozenset[str], declared: frozenset[str]
    ) -> None:
        self.parameters = parameters
        self.local = local
        self.outer = outer | declared
        self.unbound: set[str] = set()

    def block(self, body: list[ast.stmt], bound: set[str]) -> bool:
        """Walk a block; `bound` grows. Whether control can reach its end."""
        return all([self.statement(statement, bound) for statement in body])

    def statement(self, node: ast.stmt, bound: set[str]) -> bool:
        match node:
            case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
                self.reads(node, bound)
                return False
            case ast.If():
                return self.branches([node.body, node.orelse], node.test, bound)
            case ast.For() | ast.AsyncFor():
                self.reads(node.iter, bound)
                inside = set(bound)
                self.binds(node.target, inside)
                self.block(node.body, inside)
                self.block(node.orelse, set(bound))
            case ast.While():
                self.reads(node.test, bound)
                self.block(node.body, set(bound))
                self.block(node.orelse, set(bound))
            case ast.Try():
                for handler in node.handlers:
                    self.block(handler.body, set(bound) | ({handler.name} if handler.name else set()))
                self.block(node.body, bound)
                self.block([*node.orelse, *node.finalbody], bound)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.reads(item.context_expr, bound)
                    if item.optional_vars is not None:
                        self.binds(item.optional_vars, bound)
                return self.block(node.body, bound)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
            case ast.Import() | ast.ImportFrom() | ast.Match():
                bound.update(_bound_in([node])[0])
            case ast.Assign():
                self.reads(node.value, bound)
                for target in node.targets:
                    self.binds(target, bound)
            case ast.AnnAssign():
                if node.value is not None:
                    self.reads(node.value, bound)
                    self.binds(node.target, bound)
            case ast.AugAssign():
                self.reads(node.value, bound)
                if isinstance(node.target, ast.Name):
                    self.use(node.target.id, bound)
                self.binds(node.target, bound)
            case _:
                self.reads(node, bound)
        return True

    def branches(self, blocks: list[list[ast.stmt]], test: ast.expr, bound: set[str]) -> bool:
        self.reads(test, bound)
        ends = []
        for body in blocks:
            inside = set(bound)
            if self.block(body, inside):
                ends.append(inside)
        if ends:
            bound |= set.intersection(*ends)
        return bool(ends)

    def binds(self, target: ast.expr, bound: set[str]) -> None:
        if isinstance(target, ast.Name):
            bound.add(target.id)
            return
        for node in ast.walk(target):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
        self.reads(target, bound)

    def use(self, name: str, bound: set[str]) -> None:
        if name not in bound and (name in self.local or name not in self.outer):
            self.unbound.add(name)

    def reads(self, node: ast.AST, bound: set[str]) -> None:
        """Take note of the names that an expression reads."""
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                self.use(name, bound)
            case ast.NamedExpr(target=ast.Name(id=name)):
                self.reads(node.value, bound)
                bound.add(name)
            case ast.Lambda():
                self.reads(node.body, bound | _parameters(node.args))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self.comprehension(node, set(bound))
            case _:
                for child in children(node):
                    self.reads(child, bound)

    def comprehension(self, node: _Comprehension, bound: set[str]) -> None:
        for generator in node.generators:
            self.reads(generator.iter, bound)
            self.binds(generator.target, bound)
            for test in generator.ifs:
                self.reads(test, bound)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.reads(part, bound)
