"""Types as the mutator sees them: names with arguments, where units of measure are types of their own."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from thekla.core.problem import Interface, Method, RecordType

__all__ = [
    "ANY", "BOOL", "FLOAT", "INT", "NONE", "NUMBER", "STR",
    "Language", "Type", "element_of", "list_of", "parse_type",
]  # fmt: skip

_LISTS = frozenset({"list", "List", "Sequence", "MutableSequence", "Iterable", "Iterator", "Collection", "deque"})
_DICTS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict"})
_SPELLINGS = {name: "list" for name in _LISTS} | {name: "dict" for name in _DICTS}
_SPELLINGS |= {"Tuple": "tuple", "Any": "any", "object": "any", "Type": "type"}
_PLAIN = frozenset({"int", "float", "number"})


@dataclass(frozen=True)
class Type:
    """A type by name, as in `list[Job]`, `gb` or `Callable[[Job, gb], Order]` (its result comes last)."""

    name: str
    args: tuple[Type, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.args))}]" if self.args else self.name


ANY = Type("any")
BOOL = Type("bool")
FLOAT = Type("float")
INT = Type("int")
NONE = Type("None")
NUMBER = Type("number")
STR = Type("str")


def list_of(element: Type) -> Type:
    """The list type with that element type."""
    return Type("list", (element,))


def element_of(type_: Type) -> Type:
    """What iterating over a value of the type yields; `any` if that is not known."""
    if type_.name in ("list", "dict") and type_.args:
        return type_.args[0]
    if type_.name == "tuple" and type_.args and len(set(type_.args)) == 1:
        return type_.args[0]
    return STR if type_ == STR else ANY


@lru_cache(maxsize=4096)
def parse_type(annotation: str) -> Type:
    """The type that an annotation names; `any` for what is no annotation. `T | None` counts as `T`."""
    try:
        return _from_node(ast.parse(annotation.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return ANY


def _from_node(node: ast.expr) -> Type:
    match node:
        case ast.Name(id=name):
            return Type(_SPELLINGS.get(name, name))
        case ast.Attribute(attr=name):
            return Type(_SPELLINGS.get(name, name))
        case ast.Constant(value=None):
            return NONE
        case ast.Constant(value=str(text)):
            return parse_type(text)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            first = _from_node(left)
            return _from_node(right) if first == NONE else first
        case ast.Subscript(value=value, slice=inner):
            name = _from_node(value).name
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if name == "Callable":
                return Type("Callable", tuple(_callable_parts(parts)))
            arguments = tuple(_from_node(part) for part in parts)
            if name in ("Optional", "Union"):
                return next((argument for argument in arguments if argument != NONE), NONE)
            if name == "tuple" and len(arguments) == 2 and arguments[1] == ANY:
                arguments = (arguments[0], arguments[0])  # tuple[X, ...]
            return Type(name, arguments)
        case _:
            return ANY


def _callable_parts(parts: Iterable[ast.expr]) -> Iterable[Type]:
    for part in parts:
        if isinstance(part, ast.List):
            yield from (_from_node(one) for one in part.elts)
        else:
            yield _from_node(part)


@dataclass(frozen=True)
class Language:
    """What an interface says of types: records with typed fields and methods, unit types, given names."""

    interface: Interface
    records: Mapping[str, RecordType] = field(init=False)
    numbers: frozenset[str] = field(init=False)
    names: Mapping[str, Type] = field(init=False)
    units: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", {record.name: record for record in self.interface.types})
        object.__setattr__(self, "numbers", frozenset(self.interface.numbers) | _PLAIN)
        object.__setattr__(self, "names", {name: parse_type(text) for name, text in self.interface.names.items()})
        named = {name for name in self.numbers - _PLAIN if not self.members(Type(name))}
        object.__setattr__(self, "units", frozenset(named))

    @property
    def count(self) -> Type:
        """The type of a length: `count` if the interface knows it, else `int`."""
        return Type("count") if "count" in self.numbers else INT

    def is_number(self, type_: Type) -> bool:
        """Whether values of the type are numbers (booleans are not)."""
        return type_.name in self.numbers

    def is_unit(self, type_: Type) -> bool:
        """Whether the type is a number with a unit, such as `gb`; enumerations are ordered but measure nothing."""
        return type_.name in self.units

    def is_whole(self, type_: Type) -> bool:
        """Whether values of the type are whole numbers."""
        return type_.name in ("int", "count")

    def may_be_none(self, annotation: str) -> bool:
        """Whether an annotation allows None, so that a value of it is no safe operand."""
        return "None" in annotation or "Optional" in annotation

    def fits(self, have: Type, want: Type) -> bool:
        """Whether a value of type `have` may stand where `want` is asked for."""
        if want == ANY:
            return True
        if have == ANY:
            return False
        if want.name == "number":
            return self.is_number(have)
        if want == FLOAT:
            return have in (INT, FLOAT, NUMBER)
        if self.is_whole(want):
            return self.is_whole(have)
        if have.name != want.name:
            return False
        return (
            not want.args
            or not have.args
            or all(self.fits(one, other) for one, other in zip(have.args, want.args, strict=False))
        )

    def members(self, type_: Type) -> tuple[str, ...]:
        """Texts of an enumeration's members, such as `Priority.QUERY`; none for a type that is no enumeration."""
        record = self.records.get(type_.name)
        if record is None or self.names.get(type_.name) != Type("type", (type_,)):
            return ()
        return tuple(f"{type_.name}.{one.name}" for one in record.fields if one.type == type_.name)

    def attribute(self, owner: Type, name: str) -> Type:
        """The type of `owner.name` for a declared field (or a member of a declared enumeration), else `any`."""
        record = self.records.get(owner.args[0].name if owner.name == "type" and owner.args else owner.name)
        if record is not None:
            for candidate in record.fields:
                if candidate.name == name:
                    return parse_type(candidate.type)
        return ANY

    def method(self, owner: Type, name: str) -> Method | None:
        """The declared method `owner.name`, None if there is none."""
        record = self.records.get(owner.name)
        return next((method for method in record.methods if method.name == name), None) if record else None

    def called(self, function: Type) -> tuple[tuple[tuple[str, Type], ...], Type]:
        """Parameters (name, type) and result of a callable type; a record's constructor takes its fields in order."""
        if function.name == "Callable" and function.args:
            return tuple(("", argument) for argument in function.args[:-1]), function.args[-1]
        if function.name == "type" and function.args:
            record = self.records.get(function.args[0].name)
            if record is None:
                return (), function.args[0]
            return tuple((one.name, parse_type(one.type)) for one in record.fields), function.args[0]
        return (), ANY

    def arithmetic(self, operator: str, left: Type, right: Type) -> Type:
        """The type of a binary operation: units survive sums and scalings, and cancel in ratios."""
        if left.name in ("list", "tuple", "str") and operator in "+*":
            return left
        if not (self.is_number(left) and self.is_number(right)):
            return ANY
        if operator in ("+", "-", "%"):
            return left if self.is_unit(left) or not self.is_unit(right) else right
        plain = FLOAT if operator == "/" or FLOAT in (left, right) else INT
        if operator == "*" and self.is_unit(left) != self.is_unit(right):
            return left if self.is_unit(left) else right
        if operator in ("/", "//") and self.is_unit(left) and not self.is_unit(right):
            return left
        return FLOAT if self.is_unit(left) or self.is_unit(right) else plain

    def joined(self, one: Type, other: Type) -> Type:
        """The type of a value that is either: the more specific of the two where they agree."""
        if one in (ANY, NONE):
            return other
        if self.is_number(one) and self.is_unit(other) and not self.is_unit(one):
            return other
        if one.name == other.name and one.name in ("list", "dict") and ANY in (one.args or (ANY,)):
            return other
        return one
