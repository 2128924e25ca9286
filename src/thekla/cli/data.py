"""Commands on public data: what there is, and getting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.options import JsonFlag

if TYPE_CHECKING:
    from thekla.assembly import DataRow

__all__ = ["app", "fetch", "list_data"]

app = typer.Typer(
    help="Public data that problems use: list it, fetch it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_data(*, as_json: JsonFlag = False) -> None:
    """List the public data sets, and which of them are on this machine."""
    from thekla import assembly

    rows = assembly.data_sets()
    if as_json:
        output.print_json([_data(row) for row in rows])
        return
    cells = [(row.name, _state(row), f"{row.size_bytes / 1e3:,.0f}" if row.size_bytes else "?") for row in rows]
    output.table(("data set", "state", "kB"), cells, left=2)
    output.note("`thekla data fetch [NAME ...]` gets what is absent; what each is, sources and licences: --json.")


@app.command("fetch")
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Data sets; all that can be fetched if none is named."),
    ] = None,
    *,
    source: Annotated[
        str, typer.Option("--from", help="An address or a file to take it from, instead of the public source.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Get public data sets into the user's cache, checked by SHA-256; goes on where it was interrupted."""
    from thekla import assembly

    paths = [str(path) for path in assembly.fetch_data(names or [], source=source)]
    if as_json:
        output.print_json(list(paths))
        return
    for path in paths:
        output.say(path)


def _state(row: DataRow) -> str:
    if row.state != "absent":
        return row.state
    if not row.fetchable:
        return "absent; needs --from"
    return "absent" if row.sha256 else "absent; fetched by name"


def _data(row: DataRow) -> dict[str, str | int | bool]:
    return {
        "name": row.name,
        "state": row.state,
        "path": row.path,
        "about": row.about,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "source": row.source,
        "licence": row.licence,
        "fetchable": row.fetchable,
    }
