"""Report slots that may be one: names spelled nearly alike, questions that nearly agree."""

from typing import Annotated

import typer

from flows.commands.program import MOST_ROWS, Json, app, given_settings, print_json
from flows.terminal import echo


@app.command()
def duplicates(
    limit: Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="At most so many.")] = 20,
    as_json: Json = False,
) -> None:
    """List pairs of facts that may be about one slot; name them in HOME/same_as.toml to merge."""
    from warehouse.claims.duplicates import named_pairs
    from warehouse.snapshots import head

    pairs = named_pairs(head(given_settings().home.warehouse).facts())
    if as_json:
        return print_json(pairs)
    from flows.commands.screen import show_rows

    show_rows(pairs[:limit], ("subject", "other_subject", "relation", "reason", "score"))
    if len(pairs) > limit:
        echo(f"{len(pairs) - limit} more; --limit shows them")
