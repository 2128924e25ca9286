"""The report of an audit as one HTML file: no script, no other file, every foreign text escaped."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from thekla.audit.findings import AuditReport, Severity
from thekla.core.visible import duration, visible

__all__ = ["render_audit"]


def render_audit(report: AuditReport) -> str:
    """The report, complete in one text."""
    environment = Environment(
        loader=PackageLoader("thekla.audit", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["visible"] = visible
    return environment.get_template("audit.html.j2").render(
        report=report,
        grave=[finding for level in (Severity.FATAL, Severity.WARNING) for finding in report.of(level)],
        facts=list(report.of(Severity.INFO)),
        time=duration(report.wall_s),
    )
