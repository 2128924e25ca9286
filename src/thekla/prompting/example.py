"""An example call, made up from the types of an interface: what a program is called with and what it reads there."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from thekla.core.problem import Function, Interface, RecordType

__all__ = ["example_call"]

_MOST_OBJECTS = 4  # whose attributes are shown: those nearest to the call
_MOST_ATTRIBUTES = 6
_PLAIN: Mapping[str, str] = {"None": "None", "bool": "True", "str": "'a'", "float": "0.5", "int": "3"}
_UNITLESS = frozenset({"int", "float", "number", "count"})
_LISTS = frozenset({"list", "Sequence", "Iterable", "deque"})
_MAPPINGS = frozenset({"dict", "Mapping"})
_SETS = frozenset({"set", "frozenset"})


def example_call(interface: Interface) -> str:
    """A call of each function that a program must define, and the attributes of the objects nearest to it, as Python.

    Values are made up: a number is 3, whatever its unit; what has no type here is left open (`...`). Empty if no
    required function takes or gives anything.
    """
    maker = _Maker(interface)
    calls = [maker.call(one) for one in interface.functions if one.required and (one.parameters or one.result)]
    return "\n".join([*calls, *maker.attributes()])


@dataclass
class _Maker:
    """Makes values and remembers the objects that they name, nearest first."""

    interface: Interface
    objects: dict[str, str] = field(default_factory=dict)  # type to name

    def call(self, function: Function) -> str:
        """The call, and what it gives."""
        for one in function.parameters:
            if one.type in self._records:
                self.objects.setdefault(one.type, one.name)
        arguments = ", ".join(self._argument(one.name, one.type) for one in function.parameters)
        return f"{function.name}({arguments})  # gives {self.value(function.result)}"

    def attributes(self) -> list[str]:
        """A line for each object: attributes that a program may read; those that they name follow."""
        lines, shown = [], 0
        while shown < min(len(self.objects), _MOST_OBJECTS):
            record = self._records[list(self.objects)[shown]]
            shown += 1
            name = self.objects[record.name]
            if record.fields:
                kept = record.fields[:_MOST_ATTRIBUTES]
                said = [f"{name}.{one.name} == {self.value(one.type)}{self._unit(one.type)}" for one in kept]
                lines.append(f"# {', '.join(said)}{', ...' if len(kept) < len(record.fields) else ''}")
        return lines

    def value(self, annotation: str) -> str:
        """An example of a type, as Python."""
        try:
            return self._of(ast.parse(annotation.strip(), mode="eval").body)
        except SyntaxError:
            return "..."

    def _unit(self, annotation: str) -> str:
        """The unit of a number, where its type is one."""
        return f" {annotation}" if annotation in self.interface.numbers and annotation not in _UNITLESS else ""

    @property
    def _records(self) -> Mapping[str, RecordType]:
        return {one.name: one for one in self.interface.types}

    def _argument(self, name: str, annotation: str) -> str:
        return name if annotation in self._records else f"{name}={self.value(annotation)}"

    def _of(self, node: ast.expr) -> str:
        if isinstance(node, ast.BinOp):  # `X | None`: the first
            return self._of(node.left)
        if isinstance(node, ast.Subscript):
            return self._filled(ast.unparse(node.value), node.slice)
        name = ast.unparse(node)
        if name in _PLAIN:
            return _PLAIN[name]
        if name in self.interface.numbers:
            return "3"
        if name in self._records:
            return self.objects.setdefault(name, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        return "..."

    def _filled(self, outer: str, inside: ast.expr) -> str:
        parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        values = [self._of(part) for part in parts if not (isinstance(part, ast.Constant) and part.value is ...)]
        first = values[0] if values else "..."
        if outer in _LISTS:
            return f"[{first}]"
        if outer in _MAPPINGS:
            return f"{{{first}: {values[-1]}}}"
        if outer in _SETS:
            return f"{{{first}}}"
        if outer == "tuple":
            return f"({', '.join(values)}{',' if len(values) == 1 else ''})"
        return "..."
