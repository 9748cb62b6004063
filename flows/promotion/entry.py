"""What the pointer says of a checkpoint once it is promoted."""

from typing import Any

from flows.configuration.settings import Settings
from flows.home.receipts import RunFolder
from flows.planning.plan import Survey
from lamini.checkpoint import read_manifest


def entry_of(
    settings: Settings,
    folder: RunFolder,
    decided: dict[str, Any],
    found: Survey,
    summary: list[dict[str, Any]],
    *,
    mode: str,
) -> dict[str, Any]:
    """Return what the pointer will say of a candidate; `found` is what its run began with."""
    checkpoint = folder.path / "checkpoint"
    manifest = read_manifest(checkpoint)
    agreement = next(
        (c["agreement"] for c in summary if (c["kind"], c["template"]) == ("training", "*")), None
    )
    before = found.champion or {}
    full = mode == "full"
    collided = (folder.receipt("update_memory") or {}).get("collisions", {})
    return {
        "path": str(checkpoint.relative_to(settings.home.path)),
        "run_key": folder.key,
        "mode": mode,
        "base": None if full else before.get("run_key"),
        "snapshot_hash": manifest["snapshot_hash"],
        "training_hash": manifest["training_hash"],
        "as_of": decided["as_of"],
        "num_facts": manifest["num_facts"],
        "bank": manifest["bank"],
        "router_sha256": manifest["router_sha256"],
        "recipe": dict(found.situation.recipe),
        "agreement": agreement,
        "num_collisions": 0 if full else before.get("num_collisions", 0) + len(collided),
        "agreement_when_full": agreement if full else before.get("agreement_when_full"),
    }
