"""Propose a mapping for a table: lamini init."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.program import Json, app, show
from flows.terminal import echo


@app.command()
def init(
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="A file, folder, glob or URL; of a database, it.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The mapping to write; none is replaced.")
    ] = Path("mapping.toml"),
    subject: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="What every row is about; else it is found out."),
    ] = None,
    table_name: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="Of a DuckDB file: its table.")
    ] = None,
    dsn_env: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="PostgreSQL: the variable with the connection string; TABLE is its table.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Propose a mapping for a table: what its rows are about, what they tell, how to ask for it."""
    from flows.errors import SettingsError
    from flows.planning.phrasings import phrasings_of
    from warehouse.proposals import as_toml, propose
    from warehouse.sources import load_mapping

    if out.exists():
        raise SettingsError(f"{out} is there, and may hold your changes; name another with --out")
    proposal = propose(table, out, table=table_name, dsn_env=dsn_env, subject=subject)
    text = as_toml(proposal, phrasings_of(proposal.form.relations))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    load_mapping(out)
    form = proposal.form
    relations = [relation.name for relation in form.relations] if form.is_wide else []
    found = {
        "mapping": str(out),
        "name": proposal.name,
        "num_rows": proposal.num_rows,
        "fields": dict(form.fields),
        "relations": relations,
        "extract": "full" if form.is_state else "incremental",
        "left_out": dict(form.left_out),
        "doubts": list(proposal.doubts),
    }
    if as_json:
        return show(found, as_json)
    fields = {
        k: v if isinstance(v, str) else next(iter(v.values())) for k, v in form.fields.items()
    }
    echo(f"{out}: {', '.join(f'{field} = {given}' for field, given in fields.items())}")
    if relations:
        echo(f"asked for: {', '.join(relations)}")
    for doubt in proposal.doubts:
        echo(f"not sure: {doubt}")
    echo(f"next: lamini source preview {out}; lamini run --source {out}")
