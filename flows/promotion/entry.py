"""What the pointer says of a checkpoint once it is promoted."""

from flows.configuration.settings import Settings
from flows.home.champion import Champion
from flows.home.receipts import Measured, Updated
from flows.home.run_folder import RunFolder
from flows.planning.survey import Survey
from lamini.checkpoint.checkpoint import read_manifest


def entry_of(
    settings: Settings,
    folder: RunFolder,
    found: Survey,
    recall: Measured,
    *,
    mode: str,
) -> Champion:
    """Return what the pointer will say of a candidate; `found` is what its run began with."""
    checkpoint = folder.path / "checkpoint"
    manifest = read_manifest(checkpoint)
    total = recall.total("training")
    agreement = None if total is None else total.agreement
    before = found.champion
    full = mode == "full"
    updated = folder.read(Updated)
    collided = {} if updated is None else updated.collisions
    made = 0 if before is None else before.num_collisions
    return Champion(
        path=str(checkpoint.relative_to(settings.home.path)),
        run_key=folder.run_key,
        mode=mode,
        base=None if full or before is None else before.run_key,
        snapshot_hash=manifest["snapshot_hash"],
        training_hash=manifest["training_hash"],
        as_of=str(settings.as_of),
        num_facts=manifest["num_facts"],
        bank=manifest["bank"],
        router_sha256=manifest["router_sha256"],
        recipe=dict(found.situation.recipe),
        agreement=agreement,
        num_collisions=0 if full else made + len(collided),
        agreement_when_full=agreement if full or before is None else before.agreement_when_full,
    )
