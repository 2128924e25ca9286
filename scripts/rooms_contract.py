"""The import-linter contract "who may import whom": a table of the rooms and of what each may import directly."""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output
from importlinter.domain import fields

EVERYTHING = "*"


class RoomsContract(Contract):
    """Every module or package directly under the root is a room; a room imports what its row names, and itself.

    A row without a room is fine (the room is not built yet), a room without a row breaks the contract, and so does
    every direct import that the importer's row does not name, at the top of a module or inside a function.
    """

    rooms: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare every import in the graph with the table."""
        (root,) = self.session_options["root_packages"]
        allowed = parse_rooms(self.rooms)
        strays = sorted(child for child in graph.find_children(root) if room_of(child, root) not in allowed)
        broken = [
            detail
            for importer, imported in sorted(
                (importer, imported)
                for importer in graph.modules
                for imported in graph.find_modules_directly_imported_by(importer)
            )
            if not may_import(room_of(importer, root), room_of(imported, root), allowed, root)
            for detail in graph.get_import_details(importer=importer, imported=imported)
        ]
        return ContractCheck(kept=not strays and not broken, metadata={"strays": strays, "broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each room without a row, then each import that is not allowed."""
        for stray in check.metadata["strays"]:
            output.print_error(f"{stray} has no row in the table of rooms in pyproject.toml.")
        for detail in check.metadata["broken"]:
            place = f"{detail['importer']}, line {detail['line_number']}"
            output.print_error(f"{place}: may not import {detail['imported']}.")


def parse_rooms(rows: list[str]) -> dict[str, frozenset[str]]:
    """What each room may import, from rows of the form `room: other another`.

    Raises:
        ValueError: A row has no colon, or a room has two rows.
    """
    allowed: dict[str, frozenset[str]] = {}
    for row in rows:
        room, colon, others = row.partition(":")
        if not colon or room in allowed:
            raise ValueError(f"{row!r}: write one row for each room, `room: others`")
        allowed[room] = frozenset(others.split())
    return allowed


def room_of(module: str, root: str) -> str:
    """The room of a module: `core` for `thekla.core.budget`, the root's own name for the root itself."""
    return root if module == root else module.removeprefix(f"{root}.").partition(".")[0]


def may_import(importer: str, imported: str, allowed: dict[str, frozenset[str]], root: str) -> bool:
    """Whether one room may import another; the bare root package may import anything that exists."""
    row = allowed.get(importer, frozenset())
    return importer in (imported, root) or imported in row or EVERYTHING in row
