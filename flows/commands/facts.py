"""Commands about claims and facts: take in, decide, list, explain, withdraw."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.program import (
    MOST_ROWS,
    AsOf,
    Backbone,
    Json,
    app,
    attach_server,
    given_settings,
    print_json,
    show,
)
from flows.terminal import echo

if TYPE_CHECKING:
    from flows.home.decided import Decided


@app.command()
def ingest(
    mappings: Annotated[
        list[Path] | None, typer.Argument(metavar="MAPPING...", help="TOML mapping files.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take in claims: of the mappings named, else those registered, else the reference facts."""
    settings = given_settings(sources=tuple(mappings or ()))
    recorded = attach_server(settings.home)
    from flows.ingest_facts import ingest_each, ingest_facts, ingest_source, source_names

    sources = list(settings.sources)
    if recorded:
        receipts = ingest_facts(settings.home.path, sources)
    else:
        names = source_names(settings.home.path, sources)
        found = ingest_each(settings.home.path, names, ingest_source.fn)
        found.raise_faults()
        receipts = found.receipts
    if as_json:
        return print_json(receipts)
    from flows.commands.screen import show_rows

    columns = ("num_rows", "num_accepted", "num_duplicates", "num_quarantined", "is_new")
    more = ("num_withdrawn", "num_restored", "watermark", "warnings")
    told = [name for name in more if any(getattr(receipt, name) for receipt in receipts)]
    show_rows(map(asdict, receipts), ("source", "file", *columns, *told))


@app.command()
def reconcile(as_of: AsOf = None, backbone: Backbone = None, as_json: Json = False) -> None:
    """Decide one fact per slot from all claims, and publish the snapshot."""
    settings = given_settings(as_of=as_of, backbone=backbone)
    recorded = attach_server(settings.home)
    from flows.reconcile_facts import reconcile_and_publish, reconcile_by, reconcile_facts

    step: Callable[..., Decided] = reconcile_facts if recorded else reconcile_and_publish.fn
    receipt = reconcile_by(settings, step)
    if recorded:
        from flows.automation.announce import announce_pending

        announce_pending(settings.home)
    show(receipt, as_json, "reconciled")


@app.command()
def recover(as_json: Json = False) -> None:
    """Make a catalogue that was lost anew: the newest snapshot's claims, tombstones kept."""
    home = given_settings().home
    from warehouse.snapshots import recover

    show(recover(home.warehouse), as_json, "recovered")
    if not as_json:
        echo("next: lamini plan, then lamini run, which reads every source anew")


@app.command()
def facts(
    relation: Annotated[str | None, typer.Option(help="Only this relation.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=MOST_ROWS, help="At most so many.")
    ] = None,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write them there.")] = None,
    as_json: Json = False,
) -> None:
    """List the resolved facts, each with the claim that won and its support."""
    from flows.reporting.resolved import resolved_facts

    if limit is None and not as_json and parquet is None:
        limit = 20
    table, num_all = resolved_facts(given_settings().home, relation=relation, limit=limit)
    if parquet is not None:
        from warehouse.durable import write_parquet

        write_parquet(table, parquet)
        return show({"path": str(parquet.resolve()), "num_facts": table.num_rows}, as_json)
    if as_json:
        return print_json(table.to_pylist())
    from flows.commands.screen import show_facts

    show_facts(table.to_pylist(), num_all)


@app.command()
def why(
    subject: str,
    relation: str,
    as_of: AsOf = None,
    known_at: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="Only what was recorded until then (UTC).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say why a slot has its value, what became of every claim, and what would change it."""
    from flows.errors import SettingsError
    from warehouse.explanations import explain
    from warehouse.snapshots import head
    from warehouse.tombstones import published_tombstone

    settings = given_settings(as_of=as_of)
    if as_of is None and known_at is None:
        snapshot = head(settings.home.warehouse)
    else:
        from flows.planning.choosing import snapshot_of_moments

        snapshot = snapshot_of_moments(settings, known_at)
    found = explain(snapshot, subject, relation)
    if not found.claims and (
        gone := published_tombstone(settings.home.warehouse, subject, relation)
    ):
        return show({"subject": subject, "relation": relation, "forgotten": gone}, as_json)
    if not found.claims and not found.refused:
        near = [*found.nearest_subjects, *found.nearest_relations]
        raise SettingsError(
            f"no claim about ({found.subject!r}, {found.relation!r}); "
            f"near: {', '.join(repr(name) for name in near) or 'nothing'}"
        )
    if as_json:
        return print_json(asdict(found))
    from flows.commands.screen_explain import show_explanation

    show_explanation(asdict(found))


@app.command()
def retract(
    reason: Annotated[str, typer.Option(help="Why; it is published with the claims.")],
    claim_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="CLAIM...", help="As `lamini why --json` names them."),
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Instead: all claims about it,")] = None,
    relation: Annotated[str | None, typer.Option(help="in this relation,")] = None,
    source: Annotated[str | None, typer.Option(help="if wanted only of this source,")] = None,
    value: Annotated[str | None, typer.Option(help="or only with this value.")] = None,
    as_json: Json = False,
) -> None:
    """Withdraw claims: they stay, with the reason, and take no part from the next reconcile on."""
    from warehouse.catalogue import open_catalogue
    from warehouse.intake import claims_like, retract

    claim_ids = claim_ids or []
    is_slot = subject is not None and relation is not None
    if bool(claim_ids) == is_slot or (not is_slot and any((subject, relation, source, value))):
        raise typer.BadParameter("give claims, or --subject and --relation")
    with open_catalogue(given_settings().home.warehouse) as con:
        if subject is not None and relation is not None:
            claim_ids = claims_like(con, subject, relation, source=source, value=value)
        num_withdrawn = retract(con, claim_ids, reason)
    num_before = len(set(claim_ids)) - num_withdrawn
    receipt = {"num_withdrawn": num_withdrawn, "num_withdrawn_before": num_before}
    show(receipt, as_json, "withdrawn, for the next `lamini reconcile` or `lamini run`")
