"""The rules of the house that no other tool checks."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import thekla
from rooms_contract import parse_rooms

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "thekla"
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
MODULES = sorted(PACKAGE.rglob("*.py"))
BORDER = "# border:"
"""Marks the lines that may catch everything, with the reason: a process or plug-in border."""

PRIVATE_ADDRESSES = re.compile(
    "|".join(
        [
            r"(?<![\w.\-/])/work/",
            r"(?<![\w.\-/])/root/\.",
            r"(?<![\w.\-/])/home/[a-z]",
            r"(?<![\w.\-/])/opt/pypi",
            "bash_" + "jobs",
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            "npm" + r"js\.org",
            "deb" + r"ian\.org",
            r"^\s*(--extra-index-url|--index-url|--find-links|-i |-f )",
        ]
    ),
    re.MULTILINE,
)
"""Paths of somebody's machine, and hosts that packages come from: neither belongs in the project."""


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tracked_files() -> list[Path]:
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def catches_everything(tree: ast.AST) -> Iterator[int]:
    """Lines of the handlers that may swallow everything.

    These are all that name `Exception`, and those that name `BaseException` or nothing unless they end by raising
    again what they caught, as cleaning up does.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        names = {getattr(part, "id", None) for part in ast.walk(node.type)} if node.type else {"BaseException"}
        last = node.body[-1]
        raises_again = isinstance(last, ast.Raise) and last.exc is None
        if "Exception" in names or ("BaseException" in names and not raises_again):
            yield node.lineno


def test_import_thekla_loads_no_third_party_module() -> None:
    program = (
        "import sys; before = set(sys.modules); import thekla; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "thekla" in loaded
    assert set(loaded) - sys.stdlib_module_names == {"thekla"}


def test_core_needs_no_third_party_module() -> None:
    imported = {
        (label(path), name)
        for path in sorted((PACKAGE / "core").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
        for name in imported_packages(node)
    }
    assert {(where, name) for where, name in imported if name not in {*sys.stdlib_module_names, "thekla"}} == set()


def imported_packages(node: ast.AST) -> Iterator[str]:
    """Top-level packages that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module.partition(".")[0]


def test_version_is_the_one_of_the_project_and_of_the_installation() -> None:
    assert thekla.__version__ == PYPROJECT["project"]["version"] == importlib.metadata.version("thekla")


def test_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_every_room_has_a_row_in_the_import_contract() -> None:
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} <= set(parse_rooms(contract["rooms"]))


def test_every_folder_of_modules_is_a_package() -> None:
    ours = [path for path in MODULES if "templates" not in path.parts]  # those are copied for a user, never imported
    assert [label(path) for path in ours if not (path.parent / "__init__.py").exists()] == []


@pytest.mark.parametrize("group", sorted(PYPROJECT["project"]["entry-points"]))
def test_every_plug_in_of_ours_resolves(group: str) -> None:
    declared = PYPROJECT["project"]["entry-points"][group]
    installed = {entry.name: entry for entry in importlib.metadata.entry_points(group=group) if entry.dist}
    ours = {name: entry for name, entry in installed.items() if entry.dist and entry.dist.name == "thekla"}
    assert set(ours) == set(declared)
    for entry in ours.values():
        assert entry.load() is not None


def test_no_tracked_file_names_a_machine_or_a_package_host() -> None:
    found = [
        f"{label(path)}: {match.group()}"
        for path in tracked_files()
        if path != Path(__file__)
        for match in [PRIVATE_ADDRESSES.search(path.read_text(errors="replace"))]
        if match
    ]
    assert found == []


def test_locks_pin_every_package_by_hash() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        blocks = re.split(r"\n(?=\S)", lock.read_text().strip())
        assert blocks
        for block in blocks:
            assert re.match(r"[a-z0-9-]+==\S+", block), f"{lock.name}: {block[:60]}"
            assert "--hash=sha256:" in block, f"{lock.name}: {block[:60]}"


def test_locks_agree_on_every_version() -> None:
    pins: dict[str, set[str]] = {}
    for level in ("run", "dev"):
        for name, version in re.findall(
            r"^([a-z0-9-]+)==(\S+)", (ROOT / f"requirements/{level}.txt").read_text(), re.M
        ):
            pins.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}


def test_the_engine_can_be_read_in_one_sitting() -> None:
    lines = [line for path in (PACKAGE / "engine").glob("*.py") for line in path.read_text().splitlines()]
    assert 100 < len(lines) <= 500


def test_one_module_opens_the_hold_out() -> None:
    """A problem's `holdout(key)` is called there alone, and by the audit and the conformance suites, which judge none;
    whoever opens a run's own is the end of the run."""
    calls = {
        (method, str(path.relative_to(PACKAGE)))
        for path in MODULES
        if "holdout(" in (text := path.read_text(encoding="utf-8"))
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and (method := getattr(node.func, "attr", getattr(node.func, "id", ""))) in ("holdout", "open_holdout")
    }
    judging_none = ("audit/checks/splits.py", "testing/problems.py", "testing/spaces.py")
    assert {path for method, path in calls if method == "holdout"} == {"evaluation/splits.py", *judging_none}
    assert {path for method, path in calls if method == "open_holdout"} == {
        "engine/closing.py",
        "evaluation/service.py",
    }


def test_no_module_is_called_utils() -> None:
    assert [label(path) for path in MODULES if path.stem in ("utils", "util", "helpers", "misc")] == []


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_module_says_what_it_is(path: Path) -> None:
    private = any(
        part.startswith("_") and part != "__init__" for part in path.relative_to(PACKAGE).with_suffix("").parts
    )
    assert private or ast.get_docstring(ast.parse(path.read_bytes()))


@pytest.mark.parametrize("path", [path for path in MODULES if PACKAGE / "cli" not in path.parents], ids=label)
def test_only_the_command_line_prints(path: Path) -> None:
    calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]
    assert [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"] == []


def test_handlers_that_may_swallow_everything_are_found() -> None:
    handlers = {
        "except Exception: raise": True,
        "except (OSError, Exception): pass": True,
        "except BaseException: pass": True,
        "except: pass": True,
        "except BaseException: close(); raise": False,
        "except (OSError, ValueError): pass": False,
    }
    found = {handler: any(catches_everything(ast.parse(f"try: run()\n{handler}"))) for handler in handlers}
    assert found == handlers


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_only_a_marked_border_catches_everything(path: Path) -> None:
    lines = path.read_text().splitlines()
    caught = catches_everything(ast.parse(path.read_bytes()))
    assert [number for number in caught if BORDER not in lines[number - 1]] == []


def test_no_dependency_runs_code_when_python_starts() -> None:
    """Code in a `.pth` file runs in every interpreter: how compromised releases have stolen keys."""
    known = {"distutils-precedence.pth", "_virtualenv.pth"}  # setuptools; environments made by uv or virtualenv
    files = [path for path in Path(sysconfig.get_path("purelib")).glob("*.pth") if path.name not in known]
    assert [path.name for path in files if re.search(r"^import\s", path.read_text(), re.MULTILINE)] == []


@pytest.mark.slow
def test_wheel_ships_every_file_of_the_package(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    ours = {str(path.relative_to(ROOT / "src")) for path in tracked_files() if PACKAGE in path.parents}
    assert "thekla/py.typed" in ours
    assert ours <= shipped
