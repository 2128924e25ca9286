"""The report of a run: one self-contained HTML file, or Markdown."""

from __future__ import annotations

from thekla.analysis.report.html import render_html
from thekla.analysis.report.markdown import render_markdown

__all__ = ["render_html", "render_markdown"]
