"""Commands that explain snapshots: what changed between two, and how sources fare."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.program import MOST_ROWS, Json, app, given_settings, print_json, show

Limit = Annotated[
    int | None, typer.Option(min=1, max=MOST_ROWS, help="At most so many rows of each table.")
]
DEFAULT_LIMIT = 20


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="[OLD]")] = "promoted",
    new: Annotated[str, typer.Argument(metavar="[NEW]")] = "head",
    limit: Limit = None,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the changed facts there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what changed between two snapshots (head, promoted, a hash, a date), and why."""
    from flows.planning.choosing import chosen_snapshot
    from warehouse.snapshots import compare

    home = given_settings().home
    snapshots = chosen_snapshot(home, old), chosen_snapshot(home, new)
    found = compare(*snapshots)
    names = {"old": snapshots[0].path.name, "new": snapshots[1].path.name}
    if parquet is not None:
        from warehouse.durable import write_parquet

        write_parquet(found.facts, parquet)
        return show({**names, "path": str(parquet.resolve()), **found.counts}, as_json)
    if limit is None and not as_json:
        limit = DEFAULT_LIMIT
    tables = {
        name: getattr(found, name).slice(0, limit).to_pylist()
        for name in ("facts", "claims", "sources")
    }
    if as_json:
        return print_json({**names, "counts": found.counts, **tables})
    from flows.commands.screen_explain import show_comparison

    show_comparison(names, found.counts, tables)


@app.command()
def sources(
    relation: Annotated[str | None, typer.Option(help="In this relation alone.")] = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Rank the sources: by learned accuracy, else by the share of their claims that is used."""
    from flows.errors import SettingsError
    from warehouse.nearest import hint
    from warehouse.snapshots import head, rank_sources

    snapshot = head(given_settings().home.warehouse)
    ranked = rank_sources(snapshot, relation)
    if relation is not None and not ranked.num_rows:
        known = snapshot.sources()["relation"].unique().to_pylist()
        raise SettingsError(
            f"no source speaks of the relation {relation!r}"
            f"{hint(relation, known, what='there are')}"
        )
    if limit is None and not as_json:
        limit = DEFAULT_LIMIT
    rows = ranked.slice(0, limit).to_pylist()
    if as_json:
        return print_json(rows)
    from flows.commands.screen_explain import show_sources

    show_sources(rows, ranked.num_rows)
