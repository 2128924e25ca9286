"""The life of one kind of work in a container of a given size, in closed form and tick by tick."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.simulators.lakehouse import Work
from thekla.simulators.lakehouse.containers import LifeTable
from thekla.simulators.lakehouse.workload import CPU_SCALINGS

sizes = st.one_of(st.floats(1e-9, 1e9), st.sampled_from([0.25, 1.0, 3.0, 7.0, 54.999, 55.0, 55.001]))
works = st.builds(
    Work,
    cpu_seconds=st.one_of(st.just(0.0), st.floats(0.001, 30)),
    cpu_scaling=st.sampled_from(sorted(CPU_SCALINGS)),
    storage_read_gb=st.one_of(st.sampled_from([0.0, 35.0, 55.0]), st.floats(0, 60)),
    memory_gb=st.one_of(st.none(), st.floats(0, 60)),
)


@given(work=works, cpus=sizes, ram_gb=sizes, ticks_per_second=st.sampled_from([1, 7, 10, 100]))
def test_first_excess_is_the_first_tick_of_a_scan(
    work: Work, cpus: float, ram_gb: float, ticks_per_second: int
) -> None:
    table = LifeTable(work, 1.0 / ticks_per_second)
    scan_ticks, total, excess = table.life(cpus, ram_gb)
    # From the scan's end on memory is constant.
    looked_at = range(min(total, scan_ticks + 1))
    assert excess == next((i for i in looked_at if table.memory_gb(i, scan_ticks) > ram_gb), -1)


@given(work=works, cpus=sizes, ram_gb=sizes)
def test_every_size_has_a_life(work: Work, cpus: float, ram_gb: float) -> None:
    scan_ticks, total, excess = LifeTable(work, 0.001).life(cpus, ram_gb)
    assert scan_ticks == int((work.storage_read_gb / 20) / 0.001)
    assert excess < max(total, 0) or excess == -1


@pytest.mark.parametrize("ticks_per_second", [10, 1000])
def test_memory_that_just_fits_is_no_excess(ticks_per_second: int) -> None:
    work = Work(cpu_seconds=1, cpu_scaling="const", storage_read_gb=55)
    assert LifeTable(work, 1.0 / ticks_per_second).life(1, 55)[2] == -1
    assert LifeTable(work, 1.0 / ticks_per_second).life(1, 54.9)[2] > 0


@pytest.mark.parametrize(
    ("scaling", "cpus", "seconds"),
    [
        ("const", 9, 8.0),
        ("linear3", 2, 4.0),
        ("linear3", 9, 8 / 3),
        ("linear3", 0.5, 16.0),
        ("linear7", 6, 8 / 6),
        ("linear7", 9, 8 / 7),
        ("sqrt", 4, 4.0),
        ("squared", 4, 0.5),
        ("exp", 3, 1.0),
        ("exp", 9, 0.5),
        ("log", 1, 8.0),
    ],
)
def test_cpu_seconds_follow_the_scaling(scaling: str, cpus: float, seconds: float) -> None:
    assert CPU_SCALINGS[scaling](8, cpus) == seconds


@pytest.mark.parametrize(
    "needs",
    [{"cpu_seconds": -1.0}, {"storage_read_gb": float("inf")}, {"memory_gb": float("nan")}, {"cpu_scaling": "linear"}],
)
def test_impossible_needs_are_refused(needs: dict[str, object]) -> None:
    values = {"cpu_seconds": 1.0, "cpu_scaling": "const", "storage_read_gb": 1.0, **needs}
    with pytest.raises(ValueError, match=next(iter(needs))):
        Work(**values)  # type: ignore[arg-type]  # wrong on purpose
