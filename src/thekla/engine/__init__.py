"""The iteration, over protocols only: ask, prompt, propose, evaluate, tell; then freeze, judge and close."""

from thekla.engine.journaling import Clock, Journal, Store
from thekla.engine.loop import Engine, Parts
from thekla.engine.progress import Observer, Progress

__all__ = ["Clock", "Engine", "Journal", "Observer", "Parts", "Progress", "Store"]
