"""What a program must pass before it is called a discovery; knows no problem, no sandbox and no model.

Every check takes the program, the rung of the ladder that it must beat, and something that judges a program on
instances; what it returns is data, which `report` writes.
"""

from thekla.promotion.checks import Check, Judge, Rivals
from thekla.promotion.gate import Effort, Promotion, promote
from thekla.promotion.report import render_html, render_markdown

__all__ = ["Check", "Effort", "Judge", "Promotion", "Rivals", "promote", "render_html", "render_markdown"]
