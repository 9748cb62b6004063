"""Commands about sources: lamini source add, list, check, preview."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.program import MOST_ROWS, Json, Program, app, given_settings, print_json, show
from flows.commands.quarantine import refused_line
from flows.terminal import echo

if TYPE_CHECKING:
    from flows.automation.source_states import SourceState
    from warehouse.claims.contracts import Finding

source_app = typer.Typer(cls=Program, help="Register, list and try sources.", no_args_is_help=True)
app.add_typer(source_app, name="source")

Source = Annotated[str, typer.Argument(metavar="NAME|FILE", help="A registered source, or a file.")]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A source held against its mapping and contract."""

    name: str
    path: str
    num_rows: int
    num_accepted: int
    num_duplicates: int
    num_quarantined: int
    watermark: str | None
    is_kept: bool
    findings: "list[Finding]"


@source_app.command()
def add(
    mapping: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML mapping file.")],
    as_json: Json = False,
) -> None:
    """Register a mapping: `lamini ingest` and `lamini run` take it when none is named."""
    from warehouse.sources.registry import add

    kept = add(given_settings().home.sources, mapping)
    found = {"name": kept.name, "format": kept.format, "path": kept.given_path}
    show({**found, "mapping": str(kept.file)}, as_json, "registered")


@source_app.command("list")
def list_sources(as_json: Json = False) -> None:
    """List registered sources and where each stands."""
    from flows.automation.source_states import source_states

    rows = source_states(given_settings().home)
    if as_json:
        return print_json(rows)
    for row in rows:
        echo(f"{row.name}: {row.format}, {row.path}")
        echo(f"    {_state(row)}")


@source_app.command()
def check(source: Source, as_json: Json = False) -> None:
    """Read a source and hold it against its mapping and contract; nothing is written."""
    from flows.automation.source_states import try_source
    from warehouse.errors import ContractError

    mapping, found = try_source(given_settings().home, source, limit=0)
    broken = [finding for finding in found.findings if finding.is_hard]
    checked = Checked(
        name=mapping.name,
        path=mapping.given_path,
        num_rows=found.receipt.num_rows,
        num_accepted=found.receipt.num_accepted,
        num_duplicates=found.receipt.num_duplicates,
        num_quarantined=found.receipt.num_quarantined,
        watermark=found.receipt.watermark,
        is_kept=not broken,
        findings=[*found.findings],
    )
    show(checked, as_json, "checked")
    if broken:
        raise ContractError(
            f"{mapping.given_path} breaks the contract of source {mapping.name!r}: "
            + "; ".join(finding.message for finding in broken)
        )


@source_app.command()
def preview(
    source: Source,
    limit: Annotated[int, typer.Option(min=1, max=MOST_ROWS, help="At most so many of each.")] = 10,
    as_json: Json = False,
) -> None:
    """Show the first claims as they would be, and what would be refused; nothing is written."""
    from flows.automation.source_states import try_source

    _, found = try_source(given_settings().home, source, limit=limit)
    if as_json:
        return print_json(asdict(found))
    from flows.commands.screen import show_rows

    show_rows(found.claims, ("row", "subject", "relation", "value"), "claims")
    from flows.planning.phrasings import shipped

    for relation, claim in {claim["relation"]: claim for claim in found.claims}.items():
        own = [claim["question"], *claim["paraphrases"]]
        told = f"{len(own)} phrasings of the mapping, {len(shipped(relation, len(own)))} that ship"
        echo(f"{relation}: {told}, such as {own[0]!r}")
    for line in dict.fromkeys(map(refused_line, found.quarantine)):
        echo(f"refused: {line}")
    for finding in found.findings:
        echo(f"{'broken' if finding.is_hard else 'warning'}: {finding.message}")
    counts = found.receipt
    echo(
        f"in all: {counts.num_accepted} claims, {counts.num_duplicates} said twice, "
        f"{counts.num_quarantined} refused; nothing was written"
    )


def _state(source: "SourceState") -> str:
    if source.last_ingest is None:
        return "never taken in"
    parts = [
        f"taken in {source.last_ingest:%Y-%m-%d %H:%M} UTC",
        f"{source.num_rows} rows, {source.num_quarantined} in quarantine",
        {True: "fresh", False: "changed since", None: ""}[source.is_fresh],
        f"watermark {source.watermark}" if source.watermark else "",
        *(f"warning: {warning}" for warning in source.warnings),
    ]
    return "; ".join(part for part in parts if part)
