"""Components are what is installed now, by name."""

from pathlib import Path

import pytest

from thekla.core.errors import ConfigError
from thekla.core.registry import load, names

METADATA = "Metadata-Version: 2.1\nName: plug\nVersion: 1\n"


def install(folder: Path, name: str, points: str) -> None:
    """What an installer leaves of a package that offers components."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.replace("plug", name))
    (info / "entry_points.txt").write_text(points)


def test_a_package_that_comes_or_goes_while_the_process_runs_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "dice" not in names("strategies")
    install(tmp_path, "first", "[thekla.strategies]\ndice = random:Random\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "dice" in names("strategies")
    assert load("strategies", "dice").__name__ == "Random"
    assert "cards" not in names("problems")
    install(tmp_path, "second", "[thekla.problems]\ncards = random:shuffle\n")
    (tmp_path / "first-1.dist-info").rename(tmp_path / "first-1.gone")
    assert "cards" in names("problems")
    assert "dice" not in names("strategies")


def test_unknown_names_and_groups_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no 'gready' among the strategies; known: .*greedy"):
        load("strategies", "gready")
    with pytest.raises(ValueError, match="'hats' is unknown; use one of strategies"):
        names("hats")


def test_a_component_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "broken", "[thekla.backends]\nnowhere = a_module_that_is_not_there:Backend\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"'nowhere' cannot be imported: .*a_module_that_is_not_there"):
        load("backends", "nowhere")
