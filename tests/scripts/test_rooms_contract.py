"""The import contract finds what it is for."""

from pathlib import Path

import grimp
import pytest

from rooms_contract import RoomsContract, may_import, parse_rooms, room_of

FILES = {
    "__init__.py": "",
    "core/__init__.py": "",
    "core/budget.py": "",
    "search/__init__.py": "from house.core import budget",
    "search/greedy.py": "import house.search",
    "storage/__init__.py": "",
    "cli.py": "def show():\n    from house import storage\n",
}


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> grimp.ImportGraph:
    for name, content in FILES.items():
        file = tmp_path / "house" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    return grimp.build_graph("house", cache_dir=None)


def contract(*rooms: str) -> RoomsContract:
    return RoomsContract("rooms", {"root_packages": ["house"]}, {"rooms": list(rooms)})


def test_imports_that_the_table_names_are_kept(graph: grimp.ImportGraph) -> None:
    table = contract("core:", "search: core", "storage: core", "cli: storage", "web: core")
    assert table.check(graph, verbose=False).kept


def test_import_that_the_table_does_not_name_is_broken_even_inside_a_function(graph: grimp.ImportGraph) -> None:
    check = contract("core:", "search: core", "storage:", "cli: core").check(graph, verbose=False)
    assert not check.kept
    assert [(found["importer"], found["imported"]) for found in check.metadata["broken"]] == [
        ("house.cli", "house.storage")
    ]


def test_room_without_a_row_is_broken(graph: grimp.ImportGraph) -> None:
    check = contract("core:", "search: core", "cli: storage").check(graph, verbose=False)
    assert not check.kept
    assert check.metadata["strays"] == ["house.storage"]


def test_star_allows_everything_and_nothing_allows_only_the_room_itself() -> None:
    allowed = parse_rooms(["assembly: *", "core:"])
    assert may_import("assembly", "core", allowed, "house")
    assert may_import("core", "core", allowed, "house")
    assert not may_import("core", "assembly", allowed, "house")
    assert not may_import("core", "house", allowed, "house")


def test_room_is_the_first_name_below_the_root() -> None:
    assert room_of("house.core.budget", "house") == "core"
    assert room_of("house.core", "house") == "core"
    assert room_of("house", "house") == "house"


@pytest.mark.parametrize("rows", [["core"], ["core:", "core: search"]])
def test_table_with_an_unclear_row_is_refused(rows: list[str]) -> None:
    with pytest.raises(ValueError, match="one row for each room"):
        parse_rooms(rows)
