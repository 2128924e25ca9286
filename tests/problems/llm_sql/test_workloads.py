"""Instances are made again from their ids, the same in every process, and none is in two splits."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from thekla.core.errors import ProblemError
from thekla.core.problem import Split
from thekla.problems.datasets import MissingDataError
from thekla.problems.llm_sql import build
from thekla.problems.llm_sql.public_tables import OTHERS, joined_table
from thekla.problems.llm_sql.star_schema import PROFILES
from thekla.problems.llm_sql.tables import Table
from thekla.problems.llm_sql.workloads import Scene, instance, race_table, scene

from .tables import reordered


def has_data() -> bool:
    folder = os.environ.get("THEKLA_DATA")
    return bool(folder) and Path(str(folder)).is_dir()


def test_equal_ids_give_equal_tables_and_other_seeds_others() -> None:
    id = "star/reviews/s7/first50"
    first = scene(id)
    scene.cache_clear()
    assert scene(id) == first
    assert scene("star/reviews/s8/first50").table != first.table


def test_generated_tables_stay_what_they_are() -> None:
    """A change here changes scores: raise GENERATOR_VERSION."""
    found = {profile: _fingerprint(scene(f"star/{profile}/s1000")) for profile in PROFILES}
    assert found == FINGERPRINTS


def _fingerprint(setting: Scene) -> tuple[int, int, int | None]:
    return setting.total, setting.original, setting.bound


FINGERPRINTS = {
    "reviews": (84202, 0, 61696),
    "long-texts": (262430, 1072, 235778),
    "two-entities": (200646, 0, 176320),
    "two-populations": (248749, 0, 119840),
    "loose-attributes": (96713, 176, 78128),
    "many-categories": (116090, 368, 102464),
}
"""Total, original and bound by profile."""


@pytest.mark.parametrize("profile", PROFILES)
def test_original_order_is_poor_and_there_is_room_above(profile: str) -> None:
    setting = scene(f"star/{profile}/s1000")
    assert setting.bound is not None
    assert setting.original / setting.total < 0.15
    assert setting.bound / setting.total > 0.4


def test_every_turn_of_a_race_has_another_table_of_the_same_shape() -> None:
    one, other = race_table("race/reviews/s3/first80", 0), race_table("race/reviews/s3/first80", 1)
    assert one != other
    assert (one.rows, len(one.columns)) == (other.rows, len(other.columns)) == (80, 9)


@pytest.mark.parametrize(
    "id",
    ["star/reviews/s01", "star/unknown/s1", "star/reviews", "beer/name", "tiny/other", "star/reviews/s1/first0", ""],
)
def test_id_that_names_no_recipe_is_refused(id: str) -> None:
    with pytest.raises(ProblemError, match="no instance of llm-sql is called"):
        instance(id, Split.TRAIN)


def test_a_race_is_no_single_table_and_a_table_no_race() -> None:
    with pytest.raises(ProblemError, match="race of many tables"):
        scene("race/reviews/s1")
    with pytest.raises(ProblemError, match="is no race"):
        race_table("star/reviews/s1", 0)


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty folder of public data, and no scene remembered from another one."""
    monkeypatch.setenv("THEKLA_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scene.cache_clear()
    yield tmp_path
    scene.cache_clear()


@pytest.mark.usefixtures("data")
def test_public_table_that_is_absent_names_the_command() -> None:
    with pytest.raises(MissingDataError, match="thekla data fetch llm_sql/beer"):
        scene("beer/id-name/first20")
    assert build("public").problem.instances[Split.TRAIN]  # the suite can be looked at without it


def test_other_public_tables_are_read_in_the_published_form(data: Path) -> None:
    for number, (name, public) in enumerate(OTHERS.items()):
        head = ["plain", *reversed([column for group in public.joined for column in group])]
        rows = [[f"{column} {row + number}, quoted" for column in head] for row in range(3)]
        file = data / public.file
        file.parent.mkdir(exist_ok=True)
        text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in (head, *rows))
        file.write_bytes(gzip.compress(text.encode()))
        table = scene(name).table
        assert [column.name for column in table.columns] == ["plain", *map("+".join, public.joined)]
        assert table.texts[0] == tuple(f"plain {row + number}, quoted" for row in range(3))
        assert table.texts[1][2] == "".join(f"{column} {2 + number}, quoted" for column in public.joined[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,b\n1,2\n", "has no column c; it has a, b"),
        (b"a,b,c\n1,2\n", "no table with a header and rows of equal width"),
        (b"a,b,c\n", "no table with a header"),
        (b"\xff\xfe", "no table with a header"),
        (b"", "no table with a header"),
    ],
)
def test_a_file_that_is_not_the_published_table_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        joined_table("x.csv", content, (("a", "c"),))


@pytest.mark.usefixtures("data")
def test_every_other_public_table_is_in_the_catalogue_and_named_when_absent() -> None:
    train = build("tables").problem.instances[Split.TRAIN]
    assert [each.id for each in train] == list(OTHERS)
    for id, public in OTHERS.items():
        with pytest.raises(MissingDataError, match=f"run: thekla data fetch {public.file}"):
            scene(id)


needs_data = pytest.mark.skipif(not has_data(), reason="THEKLA_DATA names no folder")


@needs_data
def test_public_table_has_the_published_size_and_hit_rate() -> None:
    setting = scene("beer/id-name")
    table: Table = setting.table
    assert (table.rows, len(table.columns), setting.total) == (28_479, 8, 2_271_333)
    assert setting.original / setting.total == pytest.approx(0.144294, abs=5e-7)
    assert table.columns[-1].name == "beer/beerId+beer/name"


@needs_data
@pytest.mark.parametrize(
    ("rung", "merged", "rate"),
    [
        ("ggr", "id-name", 0.7054),
        ("subset-dp", "id-name", 0.7085),
        pytest.param("ggr", "name-id", 0.7074, marks=pytest.mark.slow),
        pytest.param("subset-dp", "name-id", 0.7104, marks=pytest.mark.slow),
    ],
)
def test_rungs_reach_the_known_hit_rates_on_the_public_table(rung: str, merged: str, rate: float) -> None:
    setting = scene(f"beer/{merged}")
    (program,) = [each.program for each in build("public").baselines if each.name == rung and each.program]
    prompts = reordered(program, setting.table, setting.metric)
    assert round(setting.metric.hits(setting.table, prompts) / setting.total, 4) == rate
