"""A problem's folder is read as it stands, and the hold-out's seeds hang on the key alone."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.errors import ConfigError, ProblemError
from thekla.core.problem import Measure, Objective
from thekla.core.program import Program
from thekla.problems.folder import ProblemFolder, drawn_seed

TOML = """
name = "sorting"
version = "3"
[limits]
cpu_s = 2.5
memory_mb = 64
[suites.default]
about = "short lists"
[[suites.default.objectives]]
name = "swaps"
unit = "count"
direction = "minimize"
[[suites.default.objectives]]
name = "size"
unit = "nodes"
direction = "minimize"
[suites.long]
about = "long lists"
ladder = ["told", "merge", "bubble"]
[[suites.long.objectives]]
name = "swaps"
unit = "count"
direction = "minimize"
[[measures]]
name = "runs"
unit = "count"
high = 9.0
[baselines.bubble]
role = "rule"
program = "exploits/a.py"
description = "neighbours"
[baselines.merge]
role = "rule"
description = "halves"
[baselines.told]
role = "oracle"
description = "knows the answer"
[published."everywhere"]
value = 7
source = "a paper"
[published."on long lists"]
value = 8
source = "another"
suites = ["long"]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    here = tmp_path / "sorting_problem"
    (here / "exploits").mkdir(parents=True)
    for path, text in {
        "__init__.py": "",
        "problem.toml": TOML,
        "statement.md": "Sort.\n",
        "exploits/__init__.py": "",
        "exploits/_shared.py": "",
        "exploits/b.py": "B = 1\n",
        "exploits/a.py": "A = 1\n",
    }.items():
        (here / path).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import_module("sorting_problem")
    yield here
    for name in [each for each in sys.modules if each.startswith("sorting_problem")]:
        del sys.modules[name]


def test_figures_are_read_by_suite(home: Path) -> None:
    folder = ProblemFolder("sorting_problem")
    assert folder.suites == {"default": "short lists", "long": "long lists"}
    assert folder.objectives("default") == (
        Objective(name="swaps", unit="count", direction="minimize"),
        Objective(name="size", unit="nodes", direction="minimize"),
    )
    assert folder.measures == (Measure(name="runs", unit="count", high=9.0),)
    assert (folder.limits.cpu_s, folder.limits.memory_mb) == (2.5, 64)
    assert folder.published("default") == {"everywhere": (7.0, "a paper")}
    assert folder.published("long") == {"everywhere": (7.0, "a paper"), "on long lists": (8.0, "another")}


def test_programs_of_a_folder_come_by_name_without_the_private_ones(home: Path) -> None:
    programs = ProblemFolder("sorting_problem").programs("exploits")
    assert [(name, program.text) for name, program in programs.items()] == [("a", "A = 1\n"), ("b", "B = 1\n")]


def test_rungs_come_in_the_order_of_the_file_or_of_the_suites_ladder_with_their_programs(home: Path) -> None:
    folder, brought = ProblemFolder("sorting_problem"), {"merge": Program.from_text("M = 1\n")}
    bubble, merge, told = folder.baselines("default", brought)
    assert (bubble.name, bubble.role, bubble.description) == ("bubble", "rule", "neighbours")
    assert bubble.program is not None
    assert bubble.program.text == "A = 1\n"
    assert merge.program == brought["merge"]
    assert (told.role, told.program) == ("oracle", None)
    assert folder.baselines("long", brought) == (told, merge, bubble)
    assert folder.baselines("a suite of the user's", brought) == (bubble, merge, told)


def test_a_rung_without_a_program_and_one_that_is_not_there_are_refused(home: Path) -> None:
    with pytest.raises(ProblemError, match="baseline 'merge' of sorting must have a program"):
        ProblemFolder("sorting_problem").baselines("default")
    toml = (home / "problem.toml").read_text(encoding="utf-8")
    (home / "problem.toml").write_text(toml.replace('"told", ', '"sage", '), encoding="utf-8")
    with pytest.raises(ProblemError, match="'long' of sorting lists 'sage', but there is no such baseline"):
        ProblemFolder("sorting_problem").baselines("long")


def test_parts_that_a_program_names_stand_before_it_once_each_way(home: Path) -> None:
    (home / "exploits" / "_part.py").write_text("PART = 1\n", encoding="utf-8")
    (home / "exploits" / "a.py").write_text("# with: _part.py\nA = PART\n", encoding="utf-8")
    (home / "exploits" / "c.py").write_text("# with: a.py\nC = A\n", encoding="utf-8")
    names: dict[str, int] = {}
    exec(ProblemFolder("sorting_problem").program("exploits/c.py").text, names)
    assert (names["PART"], names["A"], names["C"]) == (1, 1, 1)


def test_unknown_suite_is_refused_with_the_known_ones(home: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape("no suite 'hard'; use one of: default: short lists; long: ")):
        ProblemFolder("sorting_problem").require_suite("hard")


@pytest.mark.parametrize("path", ["problem.toml", "statement.md", "exploits/a.py"])
def test_evaluator_digest_hangs_on_every_source(home: Path, path: str) -> None:
    before = ProblemFolder("sorting_problem").evaluator_digest("default")
    (home / path).write_text((home / path).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert ProblemFolder("sorting_problem").evaluator_digest("default") != before


def test_evaluator_digest_hangs_on_suite_arguments_and_simulators_and_on_nothing_that_is_compiled(home: Path) -> None:
    plain = ProblemFolder("sorting_problem")
    with_simulator = ProblemFolder("sorting_problem", sources=("thekla.simulators.lakehouse",))
    digests = [
        plain.evaluator_digest("default"),
        plain.evaluator_digest("long"),
        plain.evaluator_digest("default", size=1),
        plain.evaluator_digest("default", size=2),
        with_simulator.evaluator_digest("default"),
    ]
    assert len(set(digests)) == len(digests)
    shutil.rmtree(home / "__pycache__", ignore_errors=True)
    assert plain.evaluator_digest("default") == digests[0]


@given(key=st.binary(max_size=40), other=st.binary(max_size=40), number=st.integers(0, 99))
def test_drawn_seeds_hang_on_key_and_place_and_meet_no_listed_one(key: bytes, other: bytes, number: int) -> None:
    seed = drawn_seed(key, "sorting", "default", number)
    assert seed == drawn_seed(key, "sorting", "default", number)
    assert 2**32 <= seed < 2**63 + 2**32
    assert seed != drawn_seed(key, "sorting", "default", number + 1)
    assert (seed == drawn_seed(other, "sorting", "default", number)) == (key.rstrip(b"\0") == other.rstrip(b"\0"))
