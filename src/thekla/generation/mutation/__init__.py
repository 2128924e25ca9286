"""A generator without a model: genetic improvement on the syntax tree, typed by a problem's interface."""

from thekla.generation.mutation.mutator import Mutator

__all__ = ["Mutator"]
