"""Questions made for the reference facts: held-out ones that measure, negatives that train.

A hole is a known subject and a relation of its kind without a fact: nobody says what Laos is called
in full. Holes and subjects of no fact only measure: no negative is made of them.
"""

import hashlib
import itertools
import random
from collections.abc import Collection, Mapping, Sequence

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

MAX_MISSING_QUESTIONS = 80
QUESTIONS_PER_FOREIGN_SUBJECT = 2


def heldout_questions(facts: pa.Table, own: Mapping[str, Sequence[str]] | None = None) -> pa.Table:
    """Put every held-out template to every fact whose relation has some (HELDOUT_SCHEMA).

    `own` are a user's, by relation, beside those of the reference. For measuring only: whoever
    trains on these has measured nothing.
    """
    more = own or {}
    rows = [
        {
            "fact_id": fact["fact_id"],
            "template_index": index,
            "template": template,
            "prompt": template.replace("{subject}", fact["subject"]),
        }
        for fact in facts.select(["fact_id", "subject", "relation"]).to_pylist()
        for index, template in enumerate(
            (*heldout_templates(fact["relation"]), *more.get(fact["relation"], ()))
        )
    ]
    return pa.Table.from_pylist(rows, schema=HELDOUT_SCHEMA)


def foreign_questions() -> pa.Table:
    """Return held-out questions about something else: columns `prompt` and `kind`, `foreign`."""
    return of_kinds({"foreign": read("heldout_foreign")["foreign"]})


def missing_questions(facts: pa.Table) -> pa.Table:
    """Ask for what `facts` do not hold, in held-out words: columns `prompt` and `kind`.

    kind is `near_foreign` (a known subject, an unknown relation), `missing_fact` (a known subject,
    a known relation: a hole) or `foreign_subject` (a known relation, a subject of no fact). None
    where the facts are not of the reference. The same facts give the same table.
    """
    near_foreign = (
        read("heldout_foreign")["near_foreign"] if any(_subjects_by_kind(facts).values()) else []
    )
    missing = [
        prompt
        for subject, relation in _holes(facts)
        for prompt in _put(heldout_templates(relation), [subject])
    ]
    foreign = [
        [
            prompt
            for relation in _relations_of(kind)
            for prompt in _put(heldout_templates(relation), [subject])
        ]
        for subject, kind in _foreign_subjects(facts)
    ]
    return of_kinds(
        {
            "near_foreign": near_foreign,
            "missing_fact": drawn(missing, MAX_MISSING_QUESTIONS),
            "foreign_subject": [
                prompt
                for prompts in foreign
                for prompt in drawn(prompts, QUESTIONS_PER_FOREIGN_SUBJECT)
            ],
        }
    )


def training_negatives(facts: pa.Table, seed: int) -> list[str]:
    """Return training questions to abstain from: foreign ones, and known subjects asked otherwise.

    Every subject gets every near-foreign template of its kind, in an order drawn by `seed`; each is
    followed by a foreign question, over and over, so that any prefix holds as many of either. The
    same facts and seed give the same list.
    """
    templates = read("training_foreign")
    rng = random.Random(seed)
    foreign = list(templates["foreign"])
    rng.shuffle(foreign)
    near_foreign = [
        prompt
        for kind, subjects in _subjects_by_kind(facts).items()
        for prompt in _put(templates[f"near_foreign_{kind}"], subjects)
    ]
    rng.shuffle(near_foreign)
    if not near_foreign:
        return foreign
    pairs = zip(near_foreign, itertools.cycle(foreign), strict=False)
    return [prompt for pair in pairs for prompt in pair]


def _subjects_by_kind(facts: pa.Table) -> dict[str, list[str]]:
    known = relations()
    found: dict[str, set[str]] = {relation.subject: set() for relation in known.values()}
    for fact in facts.select(["subject", "relation"]).to_pylist():
        if fact["relation"] in known:
            found[known[fact["relation"]].subject].add(fact["subject"])
    return {kind: sorted(subjects) for kind, subjects in sorted(found.items())}


def _relations_of(kind: str) -> list[str]:
    return [relation.name for relation in relations().values() if relation.subject == kind]


def _holes(facts: pa.Table) -> list[tuple[str, str]]:
    """Each subject with each relation of its kind for which there is no fact."""
    slots = set(zip(facts["subject"].to_pylist(), facts["relation"].to_pylist(), strict=True))
    return [
        (subject, relation)
        for kind, subjects in _subjects_by_kind(facts).items()
        for relation in _relations_of(kind)
        for subject in subjects
        if (subject, relation) not in slots
    ]


def _foreign_subjects(facts: pa.Table) -> list[tuple[str, str]]:
    """Held-out subjects that no fact names, with their kind; only kinds that facts are about."""
    questions = read("heldout_foreign")
    named = set(facts["subject"].to_pylist())
    named.update(alias for aliases in facts["aliases"].to_pylist() for alias in aliases or ())
    return [
        (subject, kind)
        for kind, known in _subjects_by_kind(facts).items()
        for subject in questions[f"foreign_subjects_{kind}"]
        if known and subject not in named
    ]


def _put(templates: Sequence[str], subjects: Sequence[str]) -> list[str]:
    return [
        template.replace("{subject}", subject) for template in templates for subject in subjects
    ]


def drawn(texts: Collection[str], number: int) -> list[str]:
    """Return at most `number` of them, the same for the same texts in any order."""
    # By hash, so that one fact more or less leaves nearly all of the draw as it is.
    return sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())[:number]


def of_kinds(prompts: Mapping[str, Sequence[str]]) -> pa.Table:
    """Return prompts by kind as a table: columns `prompt` and `kind`."""
    pairs = [(prompt, kind) for kind, of_kind in prompts.items() for prompt in of_kind]
    return pa.table(
        {"prompt": [prompt for prompt, _ in pairs], "kind": [kind for _, kind in pairs]}
    )
