"""Which modules and calls a program uses by name, and whether its problem allows them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from thekla.core.problem import Interface

__all__ = ["objection"]

_ALWAYS = ("__future__",)
_DETOURS = ("__import__", "eval", "exec", "compile", "globals", "vars")  # ways to a name that cannot be read off


def objection(trees: Mapping[str, ast.Module], interface: Interface) -> str:
    """What the program uses though its problem does not allow it, with the line; empty if nothing is found.

    Imports and calls are followed through the names that the program gives them. A problem that restricts them also
    refuses the built-ins that would hide a name from this reading. The guest enforces the same rules again.
    """
    if interface.modules is None and not interface.forbidden:
        return ""
    own = {path.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for path in trees}
    for path, tree in trees.items():
        found = next(_strays(tree, interface, own), None)
        if found is not None:
            line, message = found
            return f"{path} line {line}: {message}"
    return ""


def _strays(tree: ast.Module, interface: Interface, own: Collection[str]) -> Iterator[tuple[int, str]]:
    nodes = list(ast.walk(tree))
    names: dict[str, str] = {}
    for node in nodes:
        for bound, stands_for, imported in _imports(node):
            names[bound] = stands_for
            if interface.modules is not None and not _covered(imported, (*interface.modules, *own, *_ALWAYS)):
                allowed = ", ".join(interface.modules) or "nothing"
                yield getattr(node, "lineno", 1), f"{imported!r} may not be imported; this problem allows {allowed}"
    refused = {*interface.forbidden, *_DETOURS}.difference(_bound(nodes))
    for node in nodes:
        dotted = _dotted(node, names)
        if dotted in refused:
            message = f"{dotted} may not be used; this problem asks for an algorithm of your own"
            yield getattr(node, "lineno", 1), message


def _imports(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """For each name that an absolute import binds: the name, what it stands for, and what is imported."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield alias.asname or top, alias.name if alias.asname else top, alias.name
    elif isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}", f"{node.module}.{alias.name}"


def _bound(nodes: Collection[ast.AST]) -> set[str]:
    """The names that the program gives to things of its own."""
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return defined | stored | {node.arg for node in nodes if isinstance(node, ast.arg)}


def _dotted(node: ast.AST, names: Mapping[str, str]) -> str:
    """The full name that an expression reads, as far as the program's imports tell; empty for anything else."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        owner = _dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _covered(name: str, allowed: Collection[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in allowed)
