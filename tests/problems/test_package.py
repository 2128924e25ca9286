"""Every entry of the gallery gives its packages alike: once per process, with its suites and its exploits."""

from importlib.metadata import entry_points

import pytest

from thekla.core.errors import ConfigError
from thekla.problems.package import FolderPackage

PROBLEMS = sorted(each.name for each in entry_points(group="thekla.problems"))


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_package_is_made_once_and_offers_suites_and_exploits(name: str) -> None:
    (entry,) = entry_points(group="thekla.problems", name=name)
    build = entry.load()
    package = build("default")
    assert isinstance(package, FolderPackage)
    assert package is build("default")
    assert package.folder.name == name
    assert "default" in package.suites
    assert all(package.suites.values())
    assert package.exploits
    with pytest.raises(ConfigError, match=f"problem '{name}' has no suite 'none of them'"):
        build("none of them")
