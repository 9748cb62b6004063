"""Facts that no one here wrote, as training facts: Parquet files of subject, question, paraphrases.

Training phrasings are made of a row's own question and unfinished statement by rules (`phrasings`);
its paraphrases are never trained on.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from lamini.training_data import TrainingFact
from warehouse.reference.phrasings import read

_SHORT_WORDS = frozenset(
    """a an and are as at by can could did do does for from had has have how i if in is it its me of
    on or s tell that the their there this to was were what when where which who whom whose why
    will with would you""".split()  # noqa: SIM905
)

# Of people, works and places alike; none is asked by the files this was written for.
UNSEEN_RELATIONS = (
    "What is the phone number of {}?",
    "How tall is {}?",
    "What is the religion of {}?",
    "How much did {} cost?",
    "What is the postal code of {}?",
    "Who was the best friend of {}?",
    "Which colour is {}?",
    "What does {} weigh?",
    "Is there a statue of {} in Paris?",
    "How do you pronounce {}?",
    "Who wrote a biography about {}?",
    "What is the nickname of {}?",
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fact with the phrasings that only measure."""

    fact: TrainingFact
    relation: str
    texts: tuple[str, ...]
    """The row's own question and unfinished statement, as far as it has them."""
    paraphrases: tuple[str, ...]


def phrasings(texts: Sequence[str], subject: str) -> tuple[str, ...]:
    """Return each text, in small letters without its stop, its telling words, subject before them.

    Rules, no model: who has no templates for a relation can still do this.
    """
    made: list[str] = []
    for text in texts:
        bare = text.strip().rstrip("?.! ")
        rest = re.sub(r"\s+", " ", bare.replace(subject, " ")).strip()
        telling = " ".join(w for w in rest.split() if w.casefold().strip("'") not in _SHORT_WORDS)
        made += [text, bare.lower(), f"{subject}: {telling}", f"{telling} {subject}"]
        made.append(f"Please tell me: {text}")
    return tuple(dict.fromkeys(t for t in made if subject.casefold() in t.casefold()))


def read_rows(path: Path, limit: int = 10**9, *, value: str = "object") -> list[Row]:
    """Return the rows that have paraphrases, in the file's order, a group of experts each.

    `value="wrong"` memorizes the first wrong answer: one that no backbone knows.
    """
    rows: list[Row] = []
    read = pq.read_table(path).to_pylist()
    # Of one form: a table with questions is asked by questions, one of statements by statements.
    questions = any(row["question"] for row in read)
    for row in read:
        texts = [text for text in (row["question"], row["cloze"]) if text]
        if not row["paraphrases"] or not texts or row["subject"] not in texts[0]:
            continue
        if len(rows) == limit:
            break
        wrong = row["wrong_answers"] or [row["object"]]
        rows.append(
            Row(
                fact=TrainingFact(
                    fact_id=row["fact_id"],
                    subject=row["subject"],
                    prompts=phrasings(texts, row["subject"]),
                    answer=wrong[0] if value == "wrong" else row["object"],
                    cloze=not questions,
                    group_index=len(rows),
                    num_experts=32,
                    shard_index=len(rows) % 8,
                ),
                relation=row["relation"] or "",
                texts=tuple(texts),
                paraphrases=tuple(row["paraphrases"]),
            )
        )
    return rows


def negatives(rows: Sequence[Row], number: int, seed: int = 0) -> list[str]:
    """Return what to abstain from: foreign questions, and subjects in the phrasing of others."""
    rng = random.Random(seed)
    foreign = list(read("training_foreign")["foreign"])
    known = {prompt for row in rows for prompt in row.fact.prompts}
    swapped: list[str] = []
    while len(swapped) < number:
        own, other = rng.choice(rows).fact, rng.choice(rows).fact
        text = other.prompts[0].replace(other.subject, own.subject)
        if own.subject != other.subject and text not in known:
            swapped.append(text)
    rng.shuffle(foreign)
    return [text for pair in zip(swapped, foreign * 9, strict=False) for text in pair]
