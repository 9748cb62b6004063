"""What a model is made of, and the names that runs get by it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flows.configuration.settings import Settings
from lamini.checkpoint.checkpoint import FORMAT_VERSION


def recipe(settings: Settings, fingerprint: str) -> dict[str, Any]:
    """Return all that a router and its experts are made of besides the facts.

    `fingerprint` is that of the frozen models.
    """
    return {
        "backbone": fingerprint,
        "format_version": FORMAT_VERSION,
        **settings.trained_by(),
    }


def fingerprint_of(settings: Settings, backbone: Any = None) -> str:
    """Return what tells the weights of the frozen models from any other's.

    They are the backbone's, loaded where it is not given, and a sentence encoder's.
    """
    from lamini.backbone.backbone import load_backbone
    from lamini.backbone.sentences import load_sentences

    weights = (backbone or load_backbone(settings.backbone)).fingerprint()
    named = settings.router.sentence_encoder
    return f"{weights} {load_sentences(named).fingerprint()}" if named else weights


def run_key(settings: Settings, training_hash: str, fingerprint: str) -> str:
    """Return the name of a full run: a hash of settings, facts, backbone and format version."""
    # The router's gradient is averaged over workers, so their number is part of what it is; none
    # is one: the job in this process.
    more = {"training_hash": training_hash, "num_workers": max(1, settings.num_workers)}
    return _hash({**recipe(settings, fingerprint), **more})


def update_key(base: str, training_hash: str, made_of: Mapping[str, Any]) -> str:
    """Return the name of the run that updates the champion of run `base` to these facts."""
    return _hash({**made_of, "base": base, "training_hash": training_hash})


def _hash(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
