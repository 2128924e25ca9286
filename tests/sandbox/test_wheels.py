"""Native wheels work inside of a guest, as far as they are installed; pandas is in the lock of development."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from thekla.core.evaluation import Limits
from thekla.core.problem import Function, Interface
from thekla.core.program import Program
from thekla.sandbox import StrictSandbox

LIMITS = Limits(wall_s=120.0, cpu_s=60.0, memory_mb=2048)

PANDAS = """
import pandas

def answer():
    table = pandas.DataFrame({"kind": ["a", "b", "a"], "size": [1.5, 2.0, 3.0]})
    return [float(each) for each in table.groupby("kind")["size"].sum()]
"""
SCIPY = """
import numpy as np
from scipy.optimize import linear_sum_assignment, linprog
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import minimum_spanning_tree

def answer():
    cost = np.array([[4.0, 1.0, 3.0], [2.0, 0.0, 5.0], [3.0, 2.0, 2.0]])
    rows, columns = linear_sum_assignment(cost)
    least = linprog([1, 1], A_ub=[[-1, -2]], b_ub=[-2]).fun
    tree = minimum_spanning_tree(csr_matrix(cost)).sum()
    return [float(cost[rows, columns].sum()), round(float(least), 9), float(tree)]
"""
NUMBA = """
from numba import njit

@njit
def total(n):
    found = 0.0
    for each in range(n):
        found += 0.5 * each
    return found

def answer():
    return [total(1000)]
"""
CASES = {
    "pandas": (("numpy", "pandas", "python-dateutil"), PANDAS, [4.5, 2.0]),
    "scipy": (("numpy", "scipy"), SCIPY, [5.0, 1.0, 3.0]),
    "numba": (("numpy", "llvmlite", "numba"), NUMBA, [249750.0]),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StrictSandbox]:
    with StrictSandbox(test_itself=False) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_native_wheel_computes_in_a_guest(name: str, sandbox: StrictSandbox) -> None:
    wheels, text, expected = CASES[name]
    try:
        distribution(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed; it is in no lock")
    answer = Function(name="answer", parameters=(), result="list[float]")
    guest = sandbox.open(Program.from_text(text), Interface(functions=(answer,), wheels=wheels), LIMITS)
    try:
        assert guest.call("answer") == expected
    finally:
        guest.close()
