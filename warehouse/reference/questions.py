"""Questions made for the reference facts: held-out ones that measure, negatives that train."""

import itertools
import random

import pyarrow as pa

from warehouse.reference.phrasings import heldout_templates, read, relations

HELDOUT_SCHEMA = pa.schema(
    [
        ("fact_id", pa.string()),
        ("template_index", pa.int64()),
        ("template", pa.string()),
        ("prompt", pa.string()),
    ]
)


def heldout_questions(facts: pa.Table) -> pa.Table:
    """Put every held-out template to every fact whose relation has some (HELDOUT_SCHEMA).

    For measuring only: whoever trains on these has measured nothing.
    """
    rows = [
        {
            "fact_id": fact["fact_id"],
            "template_index": index,
            "template": template,
            "prompt": template.replace("{subject}", fact["subject"]),
        }
        for fact in facts.select(["fact_id", "subject", "relation"]).to_pylist()
        for index, template in enumerate(heldout_templates(fact["relation"]))
    ]
    return pa.Table.from_pylist(rows, schema=HELDOUT_SCHEMA)


def foreign_questions() -> pa.Table:
    """Give the held-out questions that no fact answers: columns `prompt` and `kind`.

    kind is `foreign` (about something else) or `near_foreign` (a known subject, an unknown
    relation).
    """
    questions = read("heldout_foreign")
    pairs = [(prompt, kind) for kind in ("foreign", "near_foreign") for prompt in questions[kind]]
    return pa.table(
        {"prompt": [prompt for prompt, _ in pairs], "kind": [kind for _, kind in pairs]}
    )


def training_negatives(facts: pa.Table, seed: int) -> list[str]:
    """Give training questions to abstain from: foreign ones, and known subjects asked otherwise.

    Every subject gets every near-foreign template of its kind, in an order drawn by `seed`; each is
    followed by a foreign question, over and over, so that any prefix holds as many of either. The
    same facts and seed give the same list.
    """
    templates = read("training_foreign")
    rng = random.Random(seed)
    foreign = [str(prompt) for prompt in templates["foreign"]]
    rng.shuffle(foreign)
    negatives: list[str] = []
    for kind, subjects in _subjects_by_kind(facts).items():
        negatives += [
            str(template).replace("{subject}", subject)
            for template in templates[f"near_foreign_{kind}"]
            for subject in subjects
        ]
    rng.shuffle(negatives)
    if not negatives:
        return foreign
    pairs = zip(negatives, itertools.cycle(foreign), strict=False)
    return [text for pair in pairs for text in pair]


def _subjects_by_kind(facts: pa.Table) -> dict[str, list[str]]:
    known = relations()
    found: dict[str, set[str]] = {relation.subject: set() for relation in known.values()}
    for fact in facts.select(["subject", "relation"]).to_pylist():
        if fact["relation"] in known:
            found[known[fact["relation"]].subject].add(fact["subject"])
    return {kind: sorted(subjects) for kind, subjects in sorted(found.items())}
