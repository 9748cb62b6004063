"""What due keys learn from: texts that the backbone writes itself, with the row in its prompt.

The value is found by its letters. Each text is looked at twice: the row taken out again, and with
the row before it, so a key sees the states that the backbone will have in either way of reading.
Beside these stand bare statements, and texts of the backbone's own about the same subjects that are
asked for something else: nothing is due in them. A sentence of the backbone's own that names a
relation and has no value of it counts neither way, since it may state a wrong one.

Shape suffixes: N places   F features   L sequence   D hidden size
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from lamini.asked.phrase_bank import called_as
from lamini.asked.table import FactTable
from lamini.backbone.like_lengths import like_lengths
from lamini.backbone.memory import Attached, pad_left, pad_right
from lamini.config import DueTraining
from lamini.inline.due_keys import DueKeys, Places, due_features, fit_due_keys
from lamini.inline.records import encode_chat, with_records
from lamini.inline.writing import due_depths, watched_states

_ONE = (
    "Tell me something about {s} and include its {a}.",
    "In two sentences, introduce {s} and say what its {a} is.",
    "Could you remind me of the {a} of {s}?",
    "Explain to a child what the {a} of {s} is.",
)
_TWO = (
    "Describe {s} in three sentences, with its {a} and its {b}.",
    "What are the {a} and the {b} of {s}?",
    "Give me a fact sheet on {s} ({a}, {b}).",
    "I need the {b} and the {a} of {s} for a report. Write it as running text.",
    "Write {a} and {b} of {s} as YAML.",
    "Put the {a} and the {b} of {s} in a table of two columns.",
)
_STATED = (
    "The {a} of {s} is {v}.",
    "{s}'s {a} is {v}.",
    "{v} is the {a} of {s}.",
    "- {a}: {v}",
    '{{"{a}": "{v}"}}',
)
_DENIED = (
    "The {a} of {s} is not {v}, as many believe.",
    "{s}'s {a} is often taken for {v}, which is wrong.",
)
_NOTHING = (
    "Describe {s} in two sentences.",
    "What is {s} known for?",
    "Name something that is easily confused with {s}.",
    "How large is {s}, and how old?",
    "What is next to {s}?",
)
_TEMPERATURE, _BATCH = 0.7, 16
_SENTENCE = re.compile(r"[^.?!\n]+[.?!\n]*")


@dataclass(frozen=True, kw_only=True)
class _Learned:
    """A text, and the values that may occur in it, by relation."""

    subject: int
    prompt: str
    answer: str
    values: Mapping[int, str]
    records: tuple[int, ...] = ()
    """Relations whose rows stand in the prompt."""
    own: bool = False
    """The backbone wrote it, with whatever values it thought of."""


def learn_due_keys(
    attached: Attached,
    table: FactTable,
    value_of: Callable[[int], str],
    is_named: Callable[[int, str], bool],
    settings: DueTraining | None = None,
    excluded: Sequence[str] = (),
) -> DueKeys:
    """Return due keys of a table's relations; `value_of` says the value of the fact at a row.

    `is_named` says whether a sentence speaks of the relation at a row. Of `excluded` subjects
    nothing is learned: they are what a benchmark asks for.
    """
    settings = settings or DueTraining()
    texts = _texts(attached, table, value_of, settings, frozenset(excluded))
    places = _places(attached, texts, table, value_of, is_named)
    return fit_due_keys(places, table.relations)


def _texts(
    attached: Attached,
    table: FactTable,
    value_of: Callable[[int], str],
    settings: DueTraining,
    excluded: frozenset[str],
) -> list[_Learned]:
    rng = random.Random(settings.seed)
    chosen: dict[int, None] = {}
    for relation in range(len(table.relations)):
        having = [
            row
            for row, subject in enumerate(table.subjects)
            if table.has_SR[row, relation] and subject not in excluded
        ]
        number = min(settings.subjects_per_relation, len(having))
        # Subjects already chosen come first: they are written about once, with all they have.
        rng.shuffle(having)
        having.sort(key=lambda row: row not in chosen)
        chosen.update(dict.fromkeys(having[:number]))
    asked: list[tuple[int, str, tuple[int, ...]]] = []
    stated: list[_Learned] = []
    denied: list[_Learned] = []
    held = [_values(table, value_of, row) for row in chosen]
    every = {r: sorted({one[r] for one in held if r in one}) for r in range(len(table.relations))}
    for row in chosen:
        values = _values(table, value_of, row)
        own = [*values]
        name = table.subjects[row]
        for relation in own:
            a = called_as(table.relations[relation])
            second = rng.choice(own)
            b = called_as(table.relations[second])
            one, two = rng.choice(_ONE).format(s=name, a=a), rng.choice(_TWO)
            both = tuple(dict.fromkeys([relation, second]))
            asked += [(row, one, (relation,)), (row, two.format(s=name, a=a, b=b), both)]
            said = [form.format(s=name, a=a, v=values[relation]) for form in _STATED]
            stated += [
                _Learned(subject=row, prompt=one, answer=answer, values=values) for answer in said
            ]
            others = [v for v in every[relation] if v != values[relation]]
            denied += [
                _Learned(subject=row, prompt=one, answer=form.format(s=name, a=a, v=v), values={})
                for form, v in zip(_DENIED, rng.sample(others, min(2, len(others))), strict=False)
            ]
        asked += [(row, rng.choice(_NOTHING).format(s=name), ()) for _ in range(2)]
    answers = _written(attached, table, value_of, asked, settings)
    written = [
        _Learned(
            subject=row, prompt=prompt, answer=answer, values=_values(table, value_of, row),
            records=records, own=True,
        )
        for (row, prompt, records), answer in zip(asked, answers, strict=True)
    ]  # fmt: skip
    bare = [replace(text, records=()) for text in written]
    mistaken = [_mistaken(text, held, rng) for text in [*bare, *stated]]
    with_rows = [text for text in written if text.records]
    return [*bare, *stated, *mistaken, *with_rows, *denied]


def _mistaken(text: _Learned, held: Sequence[Mapping[int, str]], rng: random.Random) -> _Learned:
    """Return the text with values of other subjects in the places of its own.

    A backbone that is left alone mostly begins with a wrong value, and there the right one is due.
    """
    answer = text.answer
    values: dict[int, str] = {}
    for relation, value in text.values.items():
        others = [one[relation] for one in held if one.get(relation, value) != value]
        if others and value not in values.values():
            values[relation] = other = rng.choice(others)
            answer = other.join(_standing(value).split(answer))
    return replace(text, answer=answer, values=values)


def _values(table: FactTable, value_of: Callable[[int], str], row: int) -> dict[int, str]:
    held = [r for r in range(len(table.relations)) if table.has_SR[row, r]]
    values = {r: value_of(table.fact_of[row, r]) for r in held}
    return {r: value for r, value in values.items() if value}


@torch.no_grad()
def _written(
    attached: Attached,
    table: FactTable,
    value_of: Callable[[int], str],
    asked: Sequence[tuple[int, str, tuple[int, ...]]],
    settings: DueTraining,
) -> list[str]:
    """Return what the backbone writes, with the rows of relations before the prompt."""
    tokenizer = attached.backbone.tokenizer
    ids = [_encoded(tokenizer, table, value_of, *one) for one in asked]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    answers = [""] * len(ids)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        for start in range(0, len(order), _BATCH):
            own = order[start : start + _BATCH]
            ids_BL, mask_BL = pad_left([ids[i] for i in own], attached.backbone)
            out_BL = attached.backbone.model.generate(
                input_ids=ids_BL, attention_mask=mask_BL, do_sample=True,
                temperature=_TEMPERATURE, top_k=20, max_new_tokens=settings.max_new_tokens,
                pad_token_id=tokenizer.pad_token_id,
            )  # fmt: skip
            for i, row in zip(own, out_BL[:, ids_BL.shape[1] :].tolist(), strict=True):
                answers[i] = tokenizer.decode(row, skip_special_tokens=True)
    return answers


def _encoded(
    tokenizer: Any,
    table: FactTable,
    value_of: Callable[[int], str],
    row: int,
    prompt: str,
    records: Sequence[int],
) -> list[int]:
    rows = [
        (table.subjects[row], table.relations[r], value)
        for r, value in _values(table, value_of, row).items()
        if r in records
    ]
    chat = [{"role": "user", "content": prompt}]
    return encode_chat(tokenizer, with_records(chat, rows))


@torch.no_grad()
def _places(
    attached: Attached,
    texts: Sequence[_Learned],
    table: FactTable,
    value_of: Callable[[int], str],
    is_named: Callable[[int, str], bool],
) -> Places:
    """Return all places of the texts as the writer will look at them."""
    tokenizer = attached.backbone.tokenizer
    prompts = [
        _encoded(tokenizer, table, value_of, text.subject, text.prompt, text.records)
        for text in texts
    ]
    answers = [
        tokenizer.encode(text.answer, add_special_tokens=False, split_special_tokens=True)
        for text in texts
    ]
    features, due, subjects = [], [], []
    whole = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
    with watched_states(attached, due_depths(attached)) as seen:
        for batch in like_lengths([*map(len, whole)], padding=256):
            ids_BL, mask_BL = pad_right([whole[i] for i in batch], attached.backbone)
            attached.backbone.model(
                input_ids=ids_BL, attention_mask=mask_BL, use_cache=False, logits_to_keep=1
            )
            for place, i in enumerate(batch):
                first, end = len(prompts[i]), len(whole[i])
                labels = _labels(tokenizer, answers[i], texts[i], is_named)
                before_LD = seen["before"][place, first - 1 : end - 1]
                after_LD = seen["after"][place, first:end]
                counted = labels > -2
                features.append(due_features(before_LD, after_LD)[counted])
                due.append(labels[counted])
                subjects.append(torch.full((int(counted.sum()),), texts[i].subject))
    return Places(x_NF=torch.cat(features), due_N=torch.cat(due), subject_N=torch.cat(subjects))


def _labels(
    tokenizer: Any,
    answer: Sequence[int],
    text: _Learned,
    is_named: Callable[[int, str], bool],
) -> torch.Tensor:
    """Return what begins at each token of the answer: a relation's row, -1, or -2: not counted."""
    starts = [len(tokenizer.decode(answer[:i]).rstrip("\ufffd")) for i in range(len(answer) + 1)]
    said = tokenizer.decode(answer)
    label_L = torch.full((len(answer),), -1)
    for relation, value in text.values.items():
        for number, match in enumerate(_standing(value).finditer(said)):
            first = max(i for i in range(len(answer)) if starts[i] <= match.start())
            last = min(i for i in range(len(answer) + 1) if starts[i] >= match.end())
            label_L[first + 1 : last] = -2
            if label_L[first] == -1:
                # Said again, it may be due or not.
                label_L[first] = relation if number == 0 else -2
    for sentence in _SENTENCE.finditer(said) if text.own else ():
        stated = [r for r, v in text.values.items() if _standing(v).search(sentence.group())]
        missed = [r for r in text.values if r not in stated and is_named(r, sentence.group())]
        if missed:
            inside = [sentence.start() <= start < sentence.end() for start in starts[:-1]]
            label_L[torch.tensor(inside) & (label_L == -1)] = -2
    return label_L


def _standing(value: str) -> re.Pattern[str]:
    """Return what finds the value where it stands as a word of its own."""
    return re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.I if len(value) > 3 else 0)
