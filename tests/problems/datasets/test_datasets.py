"""Public data: found where it lies, fetched whole or not at all, never another content than the catalogue's."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from thekla.core.errors import ConfigError, ProblemError
from thekla.problems import datasets
from thekla.problems.datasets import Dataset, FetchError, MissingDataError, cache_folder, catalogue, fetch, path
from thekla.problems.datasets.conversion import RECIPES

from .serving import Served, serving

NEVER_HAD = {"moe/expert-load.json", *(f"llm_sql/{name}.csv.gz" for name in ("movies", "BIRD", "PDMX", "products"))}
CONTENT = b"name,style\n" + b"a porter,dark\n" * 30_000


def data_set(name: str = "beers/table.csv", content: bytes = CONTENT, **more: str) -> Dataset:
    digest = hashlib.sha256(content).hexdigest()
    given = {"about": "rows", "source": "a shelf", "licence": "none", **more}
    return Dataset(name=name, sha256=digest, size_bytes=len(content), **given)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def put(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def beer(folder: Path, content: bytes) -> Mapping[str, str]:
    put(folder, "llm_sql/beer.csv.gz", gzip.compress(content))
    return {"THEKLA_DATA": str(folder)}


# The catalogue.


def test_every_entry_says_what_it_is_where_from_and_has_a_whole_digest() -> None:
    for name, entry in catalogue().items():
        assert name == entry.name
        assert len(bytes.fromhex(entry.sha256)) == (0 if name in NEVER_HAD else 32)
        assert (entry.size_bytes > 0) == (name not in NEVER_HAD)
        assert entry.about
        assert entry.source
        assert entry.licence
        assert all(url.startswith("https://") for url in (entry.url, entry.archive) if url)
        assert bool(entry.archive) == bool(entry.recipe)
        assert not entry.recipe or entry.recipe in RECIPES


def test_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no public data set is called 'bier'.*thekla data list"):
        path("bier")


@pytest.mark.parametrize("name", sorted(set(catalogue()) - NEVER_HAD))
def test_public_folder_holds_what_the_catalogue_says(name: str) -> None:
    folder = os.environ.get("THEKLA_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("THEKLA_DATA names no folder")
    content = datasets.content(name)
    assert path(name) == Path(folder) / name
    assert (len(content), catalogue()[name].objection(content)) == (catalogue()[name].size_bytes, "")


# Finding.


def test_absent_file_names_the_folders_and_the_command(home: Path) -> None:
    with pytest.raises(MissingDataError, match=r"beer\.csv\.gz' is not in .*; run: thekla data fetch llm_sql/beer"):
        path("llm_sql/beer.csv.gz", {"THEKLA_DATA": str(home / "nowhere")})


def test_absent_file_without_public_place_asks_for_a_copy(home: Path) -> None:
    with pytest.raises(MissingDataError, match=r"--from FILE"):
        path("cloudcast/cloud_network.json.gz", {})


def test_file_with_another_content_is_never_used(home: Path) -> None:
    with pytest.raises(ProblemError, match=r"is not the public data set .*SHA-256 .*expected 4682ba58"):
        path("llm_sql/beer.csv.gz", beer(home, b"water"))


def test_damaged_file_is_told_from_another_one(home: Path) -> None:
    file = put(home, "llm_sql/beer.csv.gz", gzip.compress(b"beer")[:-6])
    with pytest.raises(ProblemError, match="is damaged"):
        datasets.content("llm_sql/beer.csv.gz", {"THEKLA_DATA": str(home)})
    assert file.exists()


def test_named_folder_goes_before_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = data_set("a.csv")
    monkeypatch.setattr("thekla.problems.datasets.finding.dataset", lambda name: entry)
    cached = put(cache_folder(), "a.csv", CONTENT)
    assert path("a.csv", {}) == path("a.csv", {"THEKLA_DATA": str(home / "other")}) == cached
    named = put(home / "named", "a.csv", CONTENT)
    assert path("a.csv", {"THEKLA_DATA": str(home / "named")}) == named


# Fetching.


def test_first_fetch_fixes_the_digest_that_the_catalogue_does_not_know(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = replace(data_set("a.csv"), sha256="", size_bytes=0)
    monkeypatch.setattr("thekla.problems.datasets.finding.dataset", lambda name: unknown)
    with serving(Served(CONTENT)) as address:
        got = fetch(replace(unknown, url=address))
    assert path("a.csv", {}) == got
    got.write_bytes(CONTENT + b"more")
    with pytest.raises(ProblemError, match=r"is not the public data set 'a\.csv'"):
        path("a.csv", {})
    with pytest.raises(FetchError, match=r"does not serve 'a\.csv' any more"), serving(Served(b"other")) as address:
        fetch(replace(unknown, url=address))


def test_a_file_of_the_users_own_needs_no_digest_where_none_is_known(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = replace(data_set("a.csv"), sha256="", size_bytes=0)
    monkeypatch.setattr("thekla.problems.datasets.finding.dataset", lambda name: unknown)
    named = put(home / "named", "a.csv", b"whatever")
    assert path("a.csv", {"THEKLA_DATA": str(home / "named")}) == named


def test_fetched_file_is_whole_checked_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with serving(Served(CONTENT)) as address:
        got = fetch(data_set(url=address), tmp_path)
    assert got.read_bytes() == CONTENT
    assert list(got.parent.iterdir()) == [got]


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    served = Served(CONTENT)
    with serving(served) as address:
        assert fetch(data_set(url=address), tmp_path) == fetch(data_set(url=address), tmp_path)
    assert len(served.ranges) == 1


@pytest.mark.parametrize(
    "lies_there",
    [b"something else", gzip.compress(CONTENT)[:-9], gzip.compress(b"x")],
    ids=["no gzip", "cut short", "other content"],
)
def test_what_is_damaged_is_fetched_again(tmp_path: Path, lies_there: bytes) -> None:
    put(tmp_path, "table.csv.gz", lies_there)
    with serving(Served(CONTENT)) as address:
        got = fetch(data_set("table.csv.gz", url=address), tmp_path)
    assert gzip.decompress(got.read_bytes()) == CONTENT


@pytest.mark.parametrize("resumes", [True, False])
def test_interrupted_fetch_goes_on_or_starts_again_and_ends_whole(tmp_path: Path, resumes: bool) -> None:
    served = Served(CONTENT, cut=100_000, resumes=resumes)
    with serving(served) as address:
        wanted = data_set(url=address)
        with pytest.raises(FetchError, match="cannot be reached"):
            fetch(wanted, tmp_path)
        assert not (tmp_path / wanted.name).exists()
        assert fetch(wanted, tmp_path).read_bytes() == CONTENT
    assert served.ranges == ["", "bytes=100000-"]


def test_fetch_that_was_killed_before_the_end_of_checking_is_finished_without_loading(tmp_path: Path) -> None:
    put(tmp_path, "beers/table.csv.part", CONTENT)
    with serving(Served(CONTENT)) as address:
        assert fetch(data_set(url=address), tmp_path).read_bytes() == CONTENT


def test_another_content_is_refused_and_a_later_try_starts_afresh(tmp_path: Path) -> None:
    served = Served(CONTENT[:-1])
    with serving(served) as address:
        wanted = data_set(url=address)
        with pytest.raises(FetchError, match=r"does not serve 'beers/table\.csv' any more: .*SHA-256"):
            fetch(wanted, tmp_path)
        assert list((tmp_path / "beers").iterdir()) == []
        served.content = CONTENT
        assert fetch(wanted, tmp_path).read_bytes() == CONTENT


def test_content_is_stored_compressed_if_its_name_says_so(tmp_path: Path) -> None:
    with serving(Served(CONTENT)) as address:
        got = fetch(data_set("table.csv.gz", url=address), tmp_path)
    assert gzip.decompress(got.read_bytes()) == CONTENT
    assert got.read_bytes() == data_set("table.csv.gz").stored(CONTENT)


@pytest.mark.parametrize("stored", [CONTENT, gzip.compress(CONTENT)])
def test_copy_of_ones_own_is_taken_compressed_or_not(tmp_path: Path, stored: bytes) -> None:
    own = put(tmp_path, "own", stored)
    got = fetch(data_set("table.csv.gz"), tmp_path / "cache", source=str(own))
    assert gzip.decompress(got.read_bytes()) == CONTENT


def test_server_that_has_it_no_more_is_named_with_its_answer(tmp_path: Path) -> None:
    with serving(Served(b"", status=404)) as address, pytest.raises(FetchError, match="answers 404"):
        fetch(data_set(url=address), tmp_path)


def test_unreachable_server_says_what_to_do(tmp_path: Path) -> None:
    with serving(Served(CONTENT)) as address:
        pass
    with pytest.raises(FetchError, match=r"cannot be reached .*when you are online .*--from"):
        fetch(data_set(url=address), tmp_path)


def test_plain_http_to_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="not loaded over https"):
        fetch(data_set(url="http://example.org/table.csv"), tmp_path)


def test_data_set_that_nobody_serves_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"comes from a shelf.*--from FILE"):
        fetch(data_set(), tmp_path)


# Conversions.


def archive(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"repository-abc/{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def workloads_archive() -> tuple[bytes, bytes]:
    """An archive with the three workloads in a module, and what is to be made from it."""
    workloads = [{f"txn{number}": f"r-{number} w-{seed}" for number in range(3)} for seed in range(3)]
    lines = [f"WORKLOAD_{seed + 1} = {json.dumps(workload)!r}" for seed, workload in enumerate(workloads)]
    module = "problems/txn_scheduling/resources/workloads.py"
    packed = archive({"readme.md": "x", "problems/txn_scheduling/broken.py": "def (", module: "\n".join(lines)})
    return packed, json.dumps({f"W{seed + 1}": workload for seed, workload in enumerate(workloads)}).encode()


def test_workloads_are_made_from_the_archive_of_the_repository(tmp_path: Path) -> None:
    packed, content = workloads_archive()
    with serving(Served(packed)) as address:
        wanted = data_set("w.json", content, archive=address, recipe="transaction-workloads")
        assert fetch(wanted, tmp_path).read_bytes() == content


@pytest.mark.parametrize("packed", [archive({"problems/txn_scheduling/a.py": "x = 1"}), b"no archive"])
def test_archive_that_holds_no_workloads_is_refused(tmp_path: Path, packed: bytes) -> None:
    with serving(Served(packed)) as address:
        wanted = data_set("w.json", b"{}", archive=address, recipe="transaction-workloads")
        with pytest.raises(ProblemError, match=r"layout has changed|serves no tar file"):
            fetch(wanted, tmp_path)
    assert list(tmp_path.iterdir()) == []
