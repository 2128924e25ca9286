"""Edits: what a model's answer makes of a program. Pure; knows no model."""

from thekla.generation.edits.reading import Edited, Unusable, read_answer

__all__ = ["Edited", "Unusable", "read_answer"]
