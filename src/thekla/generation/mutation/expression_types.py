"""Types of expressions: which operand has which unit, and what its place asks for.

The inference is a help, not a proof: what it does not understand has the type `any`, and it raises on nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import libcst as cst

from thekla.generation.mutation.tree import Path
from thekla.generation.mutation.typesystem import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    Language,
    Type,
    element_of,
    list_of,
    parse_type,
)

__all__ = ["MAX_DEPTH", "ExpressionSite", "ExpressionWalk", "Scope", "StateTypes"]

Scope: TypeAlias = Mapping[str, Type]
StateTypes: TypeAlias = dict[tuple[str, str], Type]

MAX_DEPTH = 60  # steps of an address; deeper code is left alone

_ARITHMETIC = {
    "Add": "+", "Subtract": "-", "Multiply": "*", "Divide": "/", "FloorDivide": "//", "Modulo": "%",
}  # fmt: skip
_SAME_TYPE = frozenset({"abs", "round", "sum", "min", "max"})


@dataclass(frozen=True, slots=True)
class ExpressionSite:
    """An expression in place.

    Args:
        type: What it is, as far as known.
        wanted: What its place asks for (the other side of a comparison, a parameter); `any` if nothing is known.
        scope: Names that are bound there, with their types.
        role: Where it stands: `test`, `value`, `argument`, `operand`, `iter`, `key`, `callee`, `target`, `other`.
        function: Name of the enclosing top-level function, empty outside.
    """

    path: Path
    node: cst.BaseExpression
    type: Type
    wanted: Type
    scope: Scope
    role: str
    function: str

    @property
    def operand(self) -> bool:
        """Whether a replacement needs parentheses unless it is an atom."""
        return self.role in ("operand", "callee")

    @property
    def known(self) -> Type:
        """The unit of the place if the expression itself has none."""
        if self.wanted == ANY or self.type.name not in ("any", "int", "float", "number"):
            return self.type
        return self.wanted


@dataclass
class ExpressionWalk:
    """One pass over expressions; sites pile up in order, operands before what they are part of."""

    language: Language
    state: StateTypes = field(default_factory=dict)
    expressions: list[ExpressionSite] = field(default_factory=list)
    function: str = ""
    results: dict[str, Type] = field(default_factory=dict)

    def expression(self, node: cst.BaseExpression, path: Path, scope: Scope, wanted: Type, role: str) -> Type:
        handler = _EXPRESSIONS.get(type(node).__name__)
        type_ = handler(self, node, path, scope) if handler is not None and len(path) < MAX_DEPTH else ANY
        self.expressions.append(
            ExpressionSite(
                path=path, node=node, type=type_, wanted=wanted, scope=scope, role=role, function=self.function
            )
        )
        return type_

    def name(self, node: cst.Name, path: Path, scope: Scope) -> Type:
        if node.value in scope:
            return scope[node.value]
        if node.value in ("True", "False"):
            return BOOL
        return NONE if node.value == "None" else self.language.names.get(node.value, ANY)

    def attribute(self, node: cst.Attribute, path: Path, scope: Scope) -> Type:
        owner = self.expression(node.value, (*path, "value"), scope, ANY, "callee")
        declared = self.language.attribute(owner, node.attr.value)
        return declared if declared != ANY else self.state.get((owner.name, node.attr.value), ANY)

    def call(self, node: cst.Call, path: Path, scope: Scope) -> Type:
        parameters: Sequence[tuple[str, Type]] = ()
        result, item = ANY, ANY
        name = node.func.value if isinstance(node.func, cst.Name) else ""
        if isinstance(node.func, cst.Attribute):
            owner = self.expression(node.func.value, (*path, "func", "value"), scope, ANY, "callee")
            method = self.language.method(owner, node.func.attr.value)
            if method is not None:
                parameters = [(one.name, parse_type(one.type)) for one in method.parameters]
                result = parse_type(method.result)
            else:
                result, item = self.container_call(owner, node.func.attr.value), element_of(owner)
        elif name and name not in scope and name in self.language.names:
            parameters, result = self.language.called(self.language.names[name])
        else:
            self.expression(node.func, (*path, "func"), scope, ANY, "callee")
        named = dict(parameters)
        types: list[Type] = []
        for index, argument in enumerate(node.args):
            at = (*path, "args", index, "value")
            if argument.keyword is not None:
                wanted = named.get(argument.keyword.value, ANY)
            else:
                wanted = parameters[index][1] if index < len(parameters) and not argument.star else ANY
            if isinstance(argument.value, cst.Lambda) and item == ANY and types:
                item = element_of(types[0])
            if isinstance(argument.value, cst.Lambda):
                types.append(self.lambda_(argument.value, at, scope, item))
            else:
                types.append(self.expression(argument.value, at, scope, wanted, "argument"))
        return result if result != ANY or not name else self.builtin_call(name, types)

    def container_call(self, owner: Type, method: str) -> Type:
        if owner.name == "list":
            if method in ("pop", "popleft"):
                return element_of(owner)
            return self.language.count if method in ("index", "count") else owner if method == "copy" else ANY
        if owner.name == "dict" and len(owner.args) == 2:
            key, value = owner.args
            if method in ("get", "pop", "setdefault"):
                return value
            known = {"keys": key, "values": value, "items": Type("tuple", (key, value))}
            return list_of(known[method]) if method in known else ANY
        return ANY

    def builtin_call(self, name: str, types: Sequence[Type]) -> Type:
        first = types[0] if types else ANY
        if name in _SAME_TYPE:
            joined = element_of(first) if first.name == "list" else first
            for other in types[1:]:
                joined = self.language.joined(joined, other) if self.language.is_number(other) else joined
            return joined
        if name in ("int", "float"):
            return first if self.language.is_unit(first) else Type(name)
        if name in ("list", "sorted", "reversed", "set", "tuple", "deque"):
            return list_of(element_of(first)) if types else list_of(ANY)
        if name == "enumerate":
            return list_of(Type("tuple", (INT, element_of(first))))
        if name == "zip":
            return list_of(Type("tuple", tuple(element_of(one) for one in types)))
        if name in ("any", "all", "bool", "isinstance", "hasattr"):
            return BOOL
        known = {"len": self.language.count, "range": list_of(INT), "str": STR, "dict": Type("dict", (ANY, ANY))}
        return known.get(name, self.results.get(name, element_of(first) if name == "next" else ANY))

    def lambda_(self, node: cst.Lambda, path: Path, scope: Scope, item: Type) -> Type:
        inner = dict(scope)
        for parameter in node.params.params:
            inner[parameter.name.value] = item
        self.expression(node.body, (*path, "body"), inner, ANY, "key")
        return Type("Callable")

    def lambda_alone(self, node: cst.Lambda, path: Path, scope: Scope) -> Type:
        return self.lambda_(node, path, scope, ANY)

    def subscript(self, node: cst.Subscript, path: Path, scope: Scope) -> Type:
        owner = self.expression(node.value, (*path, "value"), scope, ANY, "callee")
        if len(node.slice) != 1:
            return ANY
        index = node.slice[0].slice
        at = (*path, "slice", 0, "slice")
        if isinstance(index, cst.Slice):
            for side in ("lower", "upper", "step"):
                bound = getattr(index, side)
                if bound is not None:
                    self.expression(bound, (*at, side), scope, self.language.count, "other")
            return owner
        if not isinstance(index, cst.Index):
            return ANY
        wanted = owner.args[0] if owner.name == "dict" and owner.args else ANY
        self.expression(index.value, (*at, "value"), scope, wanted, "argument")
        if owner.name == "dict":
            return owner.args[1] if len(owner.args) == 2 else ANY
        if owner.name == "tuple" and isinstance(index.value, cst.Integer):
            position = index.value.evaluated_value
            return owner.args[position] if position < len(owner.args) else ANY
        return element_of(owner)

    def binary(self, node: cst.BinaryOperation, path: Path, scope: Scope) -> Type:
        left = self.expression(node.left, (*path, "left"), scope, ANY, "operand")
        operator = _ARITHMETIC.get(type(node.operator).__name__, "")
        additive = operator in ("+", "-", "%")
        right = self.expression(node.right, (*path, "right"), scope, left if additive else ANY, "operand")
        return self.language.arithmetic(operator, left, right) if operator else ANY

    def unary(self, node: cst.UnaryOperation, path: Path, scope: Scope) -> Type:
        negation = isinstance(node.operator, cst.Not)
        inner = self.expression(node.expression, (*path, "expression"), scope, BOOL if negation else ANY, "operand")
        return BOOL if negation else inner

    def boolean(self, node: cst.BooleanOperation, path: Path, scope: Scope) -> Type:
        left = self.expression(node.left, (*path, "left"), scope, BOOL, "operand")
        right = self.expression(node.right, (*path, "right"), scope, BOOL, "operand")
        return left if left == right else BOOL

    def comparison(self, node: cst.Comparison, path: Path, scope: Scope) -> Type:
        wanted = ANY
        if isinstance(node.left, cst.Integer | cst.Float) and node.comparisons:
            wanted = self.type_of(node.comparisons[0].comparator, scope)
        left = self.expression(node.left, (*path, "left"), scope, wanted, "operand")
        for index, target in enumerate(node.comparisons):
            at = (*path, "comparisons", index, "comparator")
            self.expression(target.comparator, at, scope, left, "operand")
        return BOOL

    def conditional(self, node: cst.IfExp, path: Path, scope: Scope) -> Type:
        self.expression(node.test, (*path, "test"), scope, BOOL, "operand")
        body = self.expression(node.body, (*path, "body"), scope, ANY, "operand")
        return self.language.joined(body, self.expression(node.orelse, (*path, "orelse"), scope, body, "operand"))

    def elements(self, node: cst.List | cst.Tuple | cst.Set, path: Path, scope: Scope) -> Type:
        types = [
            self.expression(element.value, (*path, "elements", index, "value"), scope, ANY, "argument")
            for index, element in enumerate(node.elements)
        ]
        if isinstance(node, cst.Tuple):
            return Type("tuple", tuple(types))
        return list_of(types[0] if types else ANY)

    def dictionary(self, node: cst.Dict, path: Path, scope: Scope) -> Type:
        key = value = ANY
        for index, element in enumerate(node.elements):
            at = (*path, "elements", index)
            if isinstance(element, cst.DictElement):
                key = self.expression(element.key, (*at, "key"), scope, ANY, "argument")
            value = self.expression(element.value, (*at, "value"), scope, ANY, "argument")
        return Type("dict", (key, value))

    def comprehension(self, node: cst.ListComp | cst.SetComp | cst.GeneratorExp, path: Path, scope: Scope) -> Type:
        inner = self.comprehension_scope(node.for_in, (*path, "for_in"), scope)
        return list_of(self.expression(node.elt, (*path, "elt"), inner, ANY, "other"))

    def dict_comprehension(self, node: cst.DictComp, path: Path, scope: Scope) -> Type:
        inner = self.comprehension_scope(node.for_in, (*path, "for_in"), scope)
        key = self.expression(node.key, (*path, "key"), inner, ANY, "other")
        return Type("dict", (key, self.expression(node.value, (*path, "value"), inner, ANY, "other")))

    def comprehension_scope(self, loop: cst.CompFor, path: Path, scope: Scope) -> Scope:
        items = self.expression(loop.iter, (*path, "iter"), scope, ANY, "iter")
        inner = dict(scope)
        self.bind(loop.target, element_of(items), inner)
        for index, condition in enumerate(loop.ifs):
            self.expression(condition.test, (*path, "ifs", index, "test"), inner, BOOL, "test")
        if loop.inner_for_in is not None:
            return self.comprehension_scope(loop.inner_for_in, (*path, "inner_for_in"), inner)
        return inner

    def type_of(self, node: cst.BaseExpression, scope: Scope) -> Type:
        """The type of an expression that is not to be a site."""
        mark = len(self.expressions)
        type_ = self.expression(node, (), scope, ANY, "other")
        del self.expressions[mark:]
        return type_

    def bind(self, target: cst.BaseExpression, type_: Type, scope: dict[str, Type]) -> None:
        """Give the names of a target their types."""
        if isinstance(target, cst.Name):
            scope[target.value] = type_
        elif isinstance(target, cst.Tuple | cst.List):
            several = type_.args if type_.name == "tuple" and len(type_.args) == len(target.elements) else ()
            for index, element in enumerate(target.elements):
                self.bind(element.value, several[index] if several else element_of(type_), scope)


def _constant(type_: Type) -> Callable[[ExpressionWalk, cst.BaseExpression, Path, Scope], Type]:
    return lambda walk, node, path, scope: type_


_EXPRESSIONS: Mapping[str, Callable[..., Type]] = {
    "Name": ExpressionWalk.name,
    "Attribute": ExpressionWalk.attribute,
    "Call": ExpressionWalk.call,
    "Lambda": ExpressionWalk.lambda_alone,
    "Subscript": ExpressionWalk.subscript,
    "BinaryOperation": ExpressionWalk.binary,
    "UnaryOperation": ExpressionWalk.unary,
    "BooleanOperation": ExpressionWalk.boolean,
    "Comparison": ExpressionWalk.comparison,
    "IfExp": ExpressionWalk.conditional,
    "List": ExpressionWalk.elements,
    "Tuple": ExpressionWalk.elements,
    "Set": ExpressionWalk.elements,
    "Dict": ExpressionWalk.dictionary,
    "ListComp": ExpressionWalk.comprehension,
    "SetComp": ExpressionWalk.comprehension,
    "GeneratorExp": ExpressionWalk.comprehension,
    "DictComp": ExpressionWalk.dict_comprehension,
    "Integer": _constant(INT),
    "Float": _constant(FLOAT),
    "SimpleString": _constant(STR),
    "FormattedString": _constant(STR),
}
