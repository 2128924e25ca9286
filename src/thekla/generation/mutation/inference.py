"""Light forward type inference over a program: which names are in scope where, and what lists and state hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import libcst as cst

from thekla.generation.mutation.expression_types import MAX_DEPTH, ExpressionSite, ExpressionWalk, Scope
from thekla.generation.mutation.tree import Path
from thekla.generation.mutation.typesystem import ANY, BOOL, Language, Type, element_of, list_of, parse_type

__all__ = ["Analysis", "BodySite", "analyse", "ends_flow", "infer_statements"]

_ENDS = (cst.Return, cst.Continue, cst.Break, cst.Raise)


@dataclass(frozen=True, slots=True)
class BodySite:
    """A block of statements in place.

    Args:
        path: Address of the node whose `body` holds the statements.
        scopes: Names bound before each statement, and after the last one.
        loop: Kind of the innermost loop around it in the same function: `for`, `while`, or empty.
        kind: What the block belongs to: `module`, `function`, `for`, `while`, `if`, `other`.
    """

    path: Path
    statements: tuple[cst.BaseStatement, ...]
    scopes: tuple[Scope, ...]
    loop: str
    kind: str
    function: str

    @property
    def open_end(self) -> int:
        """Index after which an inserted statement would never run."""
        return next((i for i, one in enumerate(self.statements) if ends_flow(one)), len(self.statements))


@dataclass(frozen=True, slots=True)
class Analysis:
    """A program with the types of its expressions and the scopes of its blocks."""

    module: cst.Module
    expressions: tuple[ExpressionSite, ...]
    bodies: tuple[BodySite, ...]
    state: Mapping[tuple[str, str], Type]

    def inside(self) -> tuple[BodySite, ...]:
        """The blocks that lie in a function."""
        return tuple(body for body in self.bodies if body.function)


def ends_flow(statement: cst.BaseStatement) -> bool:
    """Whether nothing after the statement runs: it returns, continues, breaks or raises."""
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(statement.body[-1], _ENDS)


@dataclass
class _Walk(ExpressionWalk):
    """One pass over a program; expressions and bodies pile up in order."""

    bodies: list[BodySite] = field(default_factory=list)

    def store(self, target: cst.BaseExpression, type_: Type, path: Path, scope: dict[str, Type]) -> None:
        """Take note of an assignment to a name, an attribute or an item."""
        if isinstance(target, cst.Attribute):
            owner = self.expression(target.value, (*path, "value"), scope, ANY, "target")
            key = (owner.name, target.attr.value)
            if owner != ANY and self.language.attribute(owner, key[1]) == ANY:
                self.state[key] = self.language.joined(self.state.get(key, ANY), type_)
        elif isinstance(target, cst.Subscript):
            owner = self.subscript(target, path, scope)
            index = target.slice[0].slice
            if isinstance(index, cst.Index) and owner == ANY:
                self.refine(target.value, Type("dict", (self.type_of(index.value, scope), type_)), scope)
        else:
            known = scope.get(target.value, ANY) if isinstance(target, cst.Name) else ANY
            empty = type_.name in ("list", "dict") and ANY in (type_.args or (ANY,)) and known.name == type_.name
            self.bind(target, known if empty else type_, scope)

    def refine(self, container: cst.BaseExpression, type_: Type, scope: dict[str, Type]) -> None:
        """Learn what a list or dictionary of unknown content holds."""
        if isinstance(container, cst.Name):
            known = scope.get(container.value, ANY)
            if known.name == type_.name and ANY in (known.args or (ANY,)):
                scope[container.value] = type_
        elif isinstance(container, cst.Attribute):
            key = (self.type_of(container.value, scope).name, container.attr.value)
            known = self.state.get(key, ANY)
            if known.name == type_.name and ANY in (known.args or (ANY,)):
                self.state[key] = type_

    def block(self, owner: cst.CSTNode, path: Path, scope: dict[str, Type], kind: str, loop: str) -> None:
        """Walk the statements of a block; `scope` ends as it is after the last of them."""
        if not isinstance(owner, cst.IndentedBlock | cst.Module):
            return
        statements = tuple(owner.body)
        scopes: list[Scope] = []
        slot = len(self.bodies)
        for index, statement in enumerate(owner.body):
            scopes.append(dict(scope))
            if len(path) < MAX_DEPTH:
                self.statement(statement, (*path, "body", index), scope, loop)
        scopes.append(dict(scope))
        site = BodySite(
            path=path, statements=statements, scopes=tuple(scopes), loop=loop, kind=kind, function=self.function
        )
        self.bodies.insert(slot, site)

    def statement(self, node: cst.CSTNode, path: Path, scope: dict[str, Type], loop: str) -> None:
        match node:
            case cst.SimpleStatementLine():
                for index, small in enumerate(node.body):
                    self.small(small, (*path, "body", index), scope)
            case cst.FunctionDef():
                self.definition(node, path, scope)
            case cst.If():
                self.branch(node, path, scope, loop)
            case cst.For():
                items = self.expression(node.iter, (*path, "iter"), scope, ANY, "iter")
                self.bind(node.target, element_of(items), scope)
                self.block(node.body, (*path, "body"), scope, "for", "for")
            case cst.While():
                self.expression(node.test, (*path, "test"), scope, BOOL, "test")
                self.block(node.body, (*path, "body"), scope, "while", "while")
            case cst.With():
                for item in node.items:
                    if item.asname is not None and isinstance(item.asname.name, cst.BaseExpression):
                        self.bind(item.asname.name, ANY, scope)
                self.block(node.body, (*path, "body"), scope, "other", loop)
            case cst.Try():
                self.block(node.body, (*path, "body"), scope, "other", loop)
                for index, handler in enumerate(node.handlers):
                    self.block(handler.body, (*path, "handlers", index, "body"), dict(scope), "other", loop)
            case cst.ClassDef():
                self.block(node.body, (*path, "body"), dict(scope), "other", "")
            case _:
                return

    def branch(self, node: cst.If, path: Path, scope: dict[str, Type], loop: str) -> None:
        self.expression(node.test, (*path, "test"), scope, BOOL, "test")
        taken, skipped = dict(scope), dict(scope)
        self.block(node.body, (*path, "body"), taken, "if", loop)
        if isinstance(node.orelse, cst.If):
            self.branch(node.orelse, (*path, "orelse"), skipped, loop)
        elif node.orelse is not None:
            self.block(node.orelse.body, (*path, "orelse", "body"), skipped, "if", loop)
        statements = getattr(node.body, "body", ())
        if statements and isinstance(statements[-1], cst.BaseStatement) and ends_flow(statements[-1]):
            scope.update(skipped)
            return
        for name in taken.keys() & skipped.keys():
            scope[name] = self.language.joined(taken[name], skipped[name])

    def definition(self, node: cst.FunctionDef, path: Path, scope: dict[str, Type]) -> None:
        outer, inner = self.function, dict(scope)
        if not outer:
            self.function = node.name.value
        declared = next((one for one in self.language.interface.functions if one.name == node.name.value), None)
        for index, parameter in enumerate(node.params.params):
            known = ANY
            if declared is not None and not outer and index < len(declared.parameters):
                known = parse_type(declared.parameters[index].type)
            elif parameter.annotation is not None:
                known = self.annotation(parameter.annotation)
            inner[parameter.name.value] = known
        if node.returns is not None:
            self.results[node.name.value] = self.annotation(node.returns)
        self.block(node.body, (*path, "body"), inner, "function", "")
        self.function = outer

    def annotation(self, node: cst.Annotation) -> Type:
        return parse_type(cst.Module(body=[]).code_for_node(node.annotation))

    def small(self, node: cst.BaseSmallStatement, path: Path, scope: dict[str, Type]) -> None:
        match node:
            case cst.Assign():
                self.assign(node, path, scope)
            case cst.AnnAssign(value=cst.BaseExpression() as value):
                type_ = self.annotation(node.annotation)
                self.expression(value, (*path, "value"), scope, type_, "value")
                self.store(node.target, type_, (*path, "target"), scope)
            case cst.AugAssign():
                mark = len(self.expressions)
                target = self.expression(node.target, (*path, "target"), scope, ANY, "target")
                del self.expressions[mark:]
                self.expression(node.value, (*path, "value"), scope, target, "value")
            case cst.Expr(value=cst.Call() as call):
                self.expression(call, (*path, "value"), scope, ANY, "other")
                self.learn_from_call(call, scope)
            case cst.Expr(value=value):
                self.expression(value, (*path, "value"), scope, ANY, "other")
            case cst.Return(value=cst.BaseExpression() as value):
                self.expression(value, (*path, "value"), scope, ANY, "other")
            case _:
                return

    def assign(self, node: cst.Assign, path: Path, scope: dict[str, Type]) -> None:
        first = node.targets[0].target
        known = scope.get(first.value, ANY) if isinstance(first, cst.Name) else ANY
        type_ = self.expression(node.value, (*path, "value"), scope, known, "value")
        if isinstance(node.value, cst.Integer | cst.Float) and self.language.is_unit(known):
            type_ = known
        for index, target in enumerate(node.targets):
            self.store(target.target, type_, (*path, "targets", index, "target"), scope)

    def learn_from_call(self, call: cst.Call, scope: dict[str, Type]) -> None:
        """`queue.append(job)` tells what a list of unknown content holds."""
        if not isinstance(call.func, cst.Attribute) or not call.args:
            return
        method = call.func.attr.value
        if method in ("append", "appendleft", "add"):
            self.refine(call.func.value, list_of(self.type_of(call.args[0].value, scope)), scope)
        elif method == "extend":
            self.refine(call.func.value, list_of(element_of(self.type_of(call.args[0].value, scope))), scope)


def analyse(module: cst.Module, language: Language) -> Analysis:
    """The types and scopes of a program, in two passes: the first one learns what state objects hold."""
    first = _Walk(language=language)
    first.block(module, (), {}, "module", "")
    walk = _Walk(language=language, state=dict(first.state), results=dict(first.results))
    walk.block(module, (), {}, "module", "")
    return Analysis(
        module=module, expressions=tuple(walk.expressions), bodies=tuple(walk.bodies), state=dict(walk.state)
    )


def infer_statements(
    module: cst.Module, scope: Scope, language: Language, state: Mapping[tuple[str, str], Type]
) -> tuple[ExpressionSite, ...]:
    """The expressions of a fragment that stands where `scope` is bound."""
    walk = _Walk(language=language, state=dict(state))
    walk.block(module, (), dict(scope), "function", "")
    return tuple(walk.expressions)
