"""Commands about refused rows: lamini quarantine list, show, replay."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.program import Json, Program, app, given_settings, print_json, show
from flows.terminal import echo

quarantine_app = typer.Typer(
    cls=Program, help="List, put right and replay refused rows.", no_args_is_help=True
)
app.add_typer(quarantine_app, name="quarantine")


@quarantine_app.command("list")
def list_rows(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only for this reason.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those taken in since.")] = False,
    as_json: Json = False,
) -> None:
    """List the rows that were refused, with the reason."""
    from warehouse.catalogue import open_catalogue
    from warehouse.intake import list_quarantine

    with open_catalogue(given_settings().home.warehouse) as con:
        rows = list_quarantine(con, source=source, reason=reason, with_replayed=everything)
    if as_json:
        return print_json(rows)
    for row in rows:
        echo(f"{row['quarantine_id']}  {refused_line(row)}")
        if row["claim_id"]:
            echo(f"    taken in as claim {row['claim_id']}")
    echo(f"{len(rows)} rows")


@quarantine_app.command("show")
def show_row(quarantine_id: str, as_json: Json = False) -> None:
    """Show one refused row as it was given, and what the mapping made of it."""
    from warehouse.catalogue import open_catalogue
    from warehouse.intake import list_quarantine

    with open_catalogue(given_settings().home.warehouse) as con:
        (row,) = list_quarantine(con, ids=[quarantine_id])
    show({name: value for name, value in row.items() if name != "recipe"}, as_json, quarantine_id)


@quarantine_app.command()
def replay(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="None: all that are open.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Put a field right; may be repeated."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="FIXED.jsonl", help="Lines with quarantine_id and fields."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try refused rows again; one that is accepted now becomes a claim."""
    from flows.errors import SettingsError
    from warehouse.catalogue import open_catalogue
    from warehouse.intake import list_quarantine, read_fixes, replay

    if changes and not ids:
        raise SettingsError("--set needs the ID of the row that it puts right")
    fixes: dict[str, dict[str, object]] = {}
    if file is not None:
        fixes = read_fixes(file.read_text(encoding="utf-8").splitlines(), str(file))
    told = _changes(changes or [])
    with open_catalogue(given_settings().home.warehouse) as con:
        for name in ids or ([] if file else [r["quarantine_id"] for r in list_quarantine(con)]):
            fixes[name] = {**fixes.get(name, {}), **told}
        done = replay(con, fixes)
    if as_json:
        return print_json(done)
    for again in done:
        fate = f"taken in as claim {again.claim_id}"
        echo(
            f"{again.quarantine_id}  "
            + (fate if again.claim_id else f"still refused, {again.reason}: ")
            + (again.explanation or "")
        )


def refused_line(row: Mapping[str, object]) -> str:
    """Return a refused row as one line for people."""
    where = f"{row['file']} row {row['row']}"
    where += f" (line {row['line']})" if row["line"] else ""
    column = row["column"] or row["field"]
    where += f", {column}" if column else ""
    return f"{where}: {row['reason']}: {row['explanation']}"


def _changes(changes: list[str]) -> dict[str, object]:
    from flows.errors import SettingsError
    from warehouse.claims import LIST_FIELDS

    told: dict[str, object] = {}
    for change in changes:
        field, is_there, value = change.partition("=")
        if not is_there:
            raise SettingsError(f"--set {change!r} must be FIELD=VALUE, such as value=Lima")
        told[field] = value.split(";") if field in LIST_FIELDS else value
    return told
