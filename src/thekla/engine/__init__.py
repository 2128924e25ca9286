"""The iteration, over protocols only: ask, prompt, propose, evaluate, tell; then freeze, judge and close."""

from thekla.core.progress import Observer, Progress
from thekla.engine.journaling import Clock, Journal, Store
from thekla.engine.loop import Engine, Flight, Parts

__all__ = ["Clock", "Engine", "Flight", "Journal", "Observer", "Parts", "Progress", "Store"]
