"""The classes that a policy meets, read from the text of the views: their attributes, and what type each has.

Nothing is listed twice: what a guest is given is what is known here.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from .pipelines import HIDDEN

__all__ = ["ViewClass", "element_type", "view_classes"]

_SOURCES = ("present.py", "pipelines.py", "views.py")
_LISTS = ("list", "tuple", "set", "frozenset", "Iterable", "Iterator", "Sequence")


@dataclass(frozen=True, kw_only=True)
class ViewClass:
    """One class.

    Args:
        attributes: Types of its public attributes and properties, as text; empty where it is not known.
        methods: Types of what its public methods return, likewise.
        hidden: Names of both kinds that fail in a guest because they would tell what operators need.
    """

    attributes: Mapping[str, str]
    methods: Mapping[str, str]
    hidden: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """All that may be read in a guest."""
        return tuple(name for name in (*self.attributes, *self.methods) if name not in self.hidden)


def element_type(type: str) -> str:
    """The type of what a list, dictionary or other collection of a type holds; empty if that is not known."""
    try:
        tree = ast.parse(type, mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(tree, ast.Subscript) or not isinstance(tree.value, ast.Name) or tree.value.id not in _LISTS:
        return ""
    inner = tree.slice.elts[0] if isinstance(tree.slice, ast.Tuple) and tree.slice.elts else tree.slice
    return _text(inner)


@lru_cache(maxsize=1)
def view_classes() -> Mapping[str, ViewClass]:
    """The classes by name."""
    found: dict[str, ViewClass] = {}
    for source in _SOURCES:
        tree = ast.parse(files(__package__).joinpath(source).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.bases:  # enumerations and errors have more than is written
                found[node.name] = _view_class(node, found)
    return MappingProxyType(found)


def _view_class(node: ast.ClassDef, above: Mapping[str, ViewClass]) -> ViewClass:
    attributes: dict[str, str] = {}
    methods: dict[str, str] = {}
    hidden: set[str] = set(HIDDEN) if node.name == "Operator" else set()
    for member in node.body:
        if isinstance(member, ast.FunctionDef):
            if member.name == "__init__":
                attributes |= dict(_assigned(member, above))
            elif not member.name.startswith("_"):
                is_property = any(
                    isinstance(each, ast.Name) and each.id in ("property", "cached_property")
                    for each in member.decorator_list
                )
                (attributes if is_property else methods)[member.name] = _text(member.returns)
                if _reveals(member):
                    hidden.add(member.name)
        elif isinstance(member, ast.Assign | ast.AnnAssign):
            targets = member.targets if isinstance(member, ast.Assign) else [member.target]
            own = _text(member.annotation) if isinstance(member, ast.AnnAssign) else node.name
            attributes |= {target.id: own for target in targets if isinstance(target, ast.Name)}
    return ViewClass(
        attributes={name: type for name, type in attributes.items() if not name.startswith("_")},
        methods=methods,
        hidden=frozenset(hidden),
    )


def _assigned(init: ast.FunctionDef, above: Mapping[str, ViewClass]) -> Iterator[tuple[str, str]]:
    """Attributes that an `__init__` sets, with their types."""
    given = {argument.arg: _text(argument.annotation) for argument in init.args.args}
    for node in ast.walk(init):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
            yield node.target.attr, _text(node.annotation)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute):
                    yield target.attr, _value_type(node.value, given, above)


def _value_type(value: ast.expr, given: Mapping[str, str], above: Mapping[str, ViewClass]) -> str:
    if isinstance(value, ast.Name):
        return given.get(value.id, "")
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        if value.func.id == "list" and len(value.args) == 1:
            inner = element_type(_value_type(value.args[0], given, above))
            return f"list[{inner}]" if inner else ""
        return value.func.id if value.func.id[:1].isupper() else ""
    if isinstance(value, ast.ListComp):
        inner = _value_type(value.elt, given, above)
        return f"list[{inner}]" if inner else ""
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        owner = above.get(given.get(value.value.id, ""))
        return owner.attributes.get(value.attr, "") if owner else ""
    return ""


def _reveals(function: ast.FunctionDef) -> bool:
    """Whether it asks for the truth, which a guest does not have."""
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("reveal", "consumed_ram_gb", "get_consumed_ram_gb")
        for node in ast.walk(function)
    )


def _text(annotation: ast.expr | None) -> str:
    """An annotation as text, without quotes and without None."""
    if annotation is None:
        return ""
    if isinstance(annotation, ast.Constant):
        return annotation.value if isinstance(annotation.value, str) else ""
    if isinstance(annotation, ast.BinOp):  # X | None: what matters is X
        left = _text(annotation.left)
        return left if _text(annotation.right) == "" else ""
    return ast.unparse(annotation).replace("'", "").replace('"', "")
