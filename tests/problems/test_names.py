"""Ids of instances under other names."""

from __future__ import annotations

from thekla.problems.names import RENAMED, first_name, other_name


def test_other_names_lead_back_to_the_first_ones() -> None:
    id = other_name("tpcc/n100/s7", 42)
    assert id == "tpcc/n100/s7/renamed42"
    assert first_name(id) == "tpcc/n100/s7"
    found = RENAMED.search(id)
    assert found is not None
    assert found["seed"] == "42"


def test_names_are_changed_once() -> None:
    assert other_name("tpcc/n100/s7/renamed42", 43) is None


def test_an_id_under_its_first_names_stays() -> None:
    assert first_name("tpcc/n100/s7") == "tpcc/n100/s7"
