"""Tests of `thekla.simulators.transactions`."""
