"""Facts in running text: the backbone alone, rows in its prompt, memory read inline, and both.

    python -m tests.bench.running_text [--backbone smollm2|qwen|FOLDER] [--work FOLDER]
        [--texts N] [--tokens N] [--modes MODE ...] [--final] [--quick]

A table of countries (currency, alpha-3 code, official name; CLDR and ISO) is memorized on a chat
backbone, SmolLM2-135M-Instruct where it is installed; due keys are learned from other countries
than those asked for. N prompts of each sort are put to it. A slot is right where its value stands
in the text, wrong where the text speaks of the relation without it, else not stated, by the
regular expressions below. --work keeps what was tuned and learned for the next run.

What is changed here is changed on `prompts`; --final puts `final_prompts`, other wordings about
other countries, which nothing may be tuned on. Their hash is printed.
"""

import argparse
import hashlib
import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pycountry
from babel import Locale
from babel.numbers import get_territory_currencies

from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import attach
from lamini.checkpoint.checkpoint import build_checkpoint
from lamini.config import DueTraining, MemoryConfig, RouterConfig, RouterTraining, Tuning
from lamini.errors import CheckpointError
from lamini.inline.due_keys import read_due_keys
from lamini.model.loading import load
from lamini.model.memory_model import MemoryModel
from lamini.model.running_text import Passage
from lamini.recorder import SilentRecorder
from lamini.router.training import pretrain_router
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory
from tests.bench.backbones import chat_model

ASKED = ("Croatia", "Peru", "Japan", "Poland", "Kenya", "Sweden", "Iceland", "Mexico")
LEARNED = (
    "Hungary", "Thailand", "Chile", "Norway", "Romania", "Albania", "Nepal", "Malaysia", "Nigeria",
    "Ethiopia", "Tunisia", "Egypt", "Guatemala", "Israel", "Canada", "India",
)  # fmt: skip
CURRENCY, CODE, NAME = "currency", "alpha-3 code", "official name"
SPOKEN_OF = {
    CURRENCY: re.compile(r"currenc|money", re.I),
    CODE: re.compile(r"alpha.?3|three.letter|\bcode\b", re.I),
    NAME: re.compile(r"official|formal|\b(?:Republic|Kingdom|State) of\b", re.I),
}
PHRASINGS = (
    "What is the {r} of {s}?",
    "Which {r} does {s} have?",
    "{s}: {r}?",
    "Please give me {s}'s {r}.",
)
GEOMETRY = MemoryConfig(num_experts=64 * 256)
ROUTER = RouterTraining(
    num_steps=1, batch_facts=4, batch_negatives=4, renderings_per_fact=1, num_negatives=16
)
"""These facts are found by subject and relation; the learned router has nothing to decide."""
TUNING = Tuning(prompts_per_fact=1, verified_per_fact=0)


@dataclass(frozen=True)
class Prompt:
    """A prompt, and the slots that it asks for."""

    sort: str
    messages: tuple[dict[str, str], ...]
    slots: tuple[tuple[str, str], ...]


def user(text: str) -> dict[str, str]:
    """Return a user turn."""
    return {"role": "user", "content": text}


def table() -> list[TrainingFact]:
    """Return the facts of all countries."""
    locale, facts = Locale("en"), []
    for subject in (*ASKED, *LEARNED):
        country = pycountry.countries.lookup(subject)
        money = locale.currencies[get_territory_currencies(country.alpha_2)[-1]]
        values = {CURRENCY: money, CODE: country.alpha_3}
        values[NAME] = getattr(country, "official_name", "")
        for relation, value in values.items():
            if value:
                facts.append((subject, relation, value))
    return [
        TrainingFact(
            fact_id=f"{subject}, {relation}",
            subject=subject,
            prompts=tuple(p.format(r=relation, s=subject) for p in PHRASINGS),
            answer=value,
            cloze=False,
            group_index=row,
            num_experts=64,
            shard_index=row // 8,  # what was tuned before a run was stopped is kept
            relation=relation,
        )
        for row, (subject, relation, value) in enumerate(facts)
    ]


def prompts(values: dict[tuple[str, str], str], number: int) -> list[Prompt]:
    """Return `number` prompts of each sort, and as many that ask for something else."""
    found = []
    for i in range(number):
        s, t = ASKED[i % len(ASKED)], ASKED[(i + 5) % len(ASKED)]
        a = (CURRENCY, CODE, NAME)[i % 3] if (s, NAME) in values else CURRENCY
        one = f"Write one sentence that states the {a} of {s}."
        two = f"Name the currency and the alpha-3 code of {s} in full sentences."
        text = f"Write a paragraph for a traveller to {s}: its official name, its money, its code."
        earlier = (
            user(f"What currency do they use in {t}?"),
            {"role": "assistant", "content": f"The currency of {t} is the {values[t, CURRENCY]}."},
        )
        both = f"How do {s} and {t} differ in their currency?"
        listed = f"List what you know of {s} as bullet points: currency, alpha-3 code."
        json = f"Answer in JSON with the keys currency and alpha3 for {s}."
        held = tuple((s, r) for r in (NAME, CURRENCY, CODE) if (s, r) in values)
        pair = ((s, CURRENCY), (s, CODE))
        found += [
            Prompt("sentence", (user(one),), ((s, a),)),
            Prompt("two facts", (user(two),), pair),
            Prompt("paragraph", (user(text),), held),
            Prompt("follow-up", (*earlier, user(f"And in {s}?")), ((s, CURRENCY),)),
            Prompt("compared", (user(both),), ((s, CURRENCY), (t, CURRENCY))),
            Prompt("list", (user(listed),), pair),
            Prompt("JSON", (user(json),), pair),
            Prompt("other", (user(f"Which mountains and lakes are there in {s}?"),), ()),
            Prompt("other", (user("Explain how rain forms."),), ()),
        ]
    return found


def final_prompts(values: dict[tuple[str, str], str], number: int) -> list[Prompt]:
    """Return `number` prompts of each sort in other words, about the last of the countries."""
    found = []
    for i in range(number):
        s, t = ASKED[-1 - i % len(ASKED)], ASKED[(5 * i + 2) % len(ASKED)]
        a = (CODE, NAME, CURRENCY)[i % 3] if (s, NAME) in values else CODE
        one = f"Tell me in a sentence which {a} {s} has."
        two = (
            f"I am filling in a form about {s}. What do I write for currency and for alpha-3 "
            "code? Answer in sentences."
        )
        text = (
            f"Introduce {s} in a short encyclopedia paragraph that gives its official name, "
            "currency and alpha-3 code."
        )
        earlier = (
            user(f"Tell me the alpha-3 code of {t}."),
            {"role": "assistant", "content": f"The alpha-3 code of {t} is {values[t, CODE]}."},
        )
        both = f"Compare the currencies of {s} and {t} in two sentences."
        listed = f"Make a short list with the currency and the alpha-3 code of {s}."
        json = f"Return a JSON object for {s} with the fields currency and alpha_3_code."
        held = tuple((s, r) for r in (NAME, CURRENCY, CODE) if (s, r) in values)
        pair = ((s, CURRENCY), (s, CODE))
        found += [
            Prompt("sentence", (user(one),), ((s, a),)),
            Prompt("two facts", (user(two),), pair),
            Prompt("paragraph", (user(text),), held),
            Prompt("follow-up", (*earlier, user(f"And what about {s}?")), ((s, CODE),)),
            Prompt("compared", (user(both),), ((s, CURRENCY), (t, CURRENCY))),
            Prompt("list", (user(listed),), pair),
            Prompt("JSON", (user(json),), pair),
            Prompt("other", (user(f"What do people in {s} like to eat?"),), ()),
            Prompt("other", (user(f"Write a haiku about the weather in {s}."),), ()),
        ]
    return found


def judged(text: str, slot: tuple[str, str], value: str) -> str:
    """Return `right`, `wrong` or `not stated`."""
    relation = slot[1]
    word = value.split()[-1] if relation == CURRENCY else value
    if re.search(rf"(?<!\w){re.escape(word)}s?(?!\w)", text, re.I if relation != CODE else 0):
        return "right"
    return "wrong" if SPOKEN_OF[relation].search(text) else "not stated"


def loaded(backbone: str, work: Path, *, num_subjects: int, new_tokens: int) -> MemoryModel:
    """Return the model with its due keys; made first where `work` does not hold them."""
    checkpoint = work / "checkpoint"
    try:
        model = load(checkpoint)
    except CheckpointError:
        began, facts = time.time(), table()
        attached = attach(load_backbone(backbone), GEOMETRY)
        nothing = [f"{fact.subject} weather" for fact in facts[:20]]
        pretrain_router(
            attached, facts, nothing, RouterConfig(), ROUTER, work / "router", SilentRecorder()
        )
        tune_memory(attached, facts, TUNING, work / "tuning", SilentRecorder())
        build_checkpoint(
            checkpoint, backbone=attached.backbone, memory=GEOMETRY,
            hidden_size=attached.hidden_size, facts=facts, router_folder=work / "router",
            tuning_folder=work / "tuning", snapshot_hash="", training_hash="",
        )  # fmt: skip
        print(f"{len(facts)} facts tuned in {time.time() - began:.0f} s", flush=True)
        del attached
        model = load(checkpoint)
    if read_due_keys(checkpoint) is None:
        began = time.time()
        settings = DueTraining(subjects_per_relation=num_subjects, max_new_tokens=new_tokens)
        keys = model.learn_due_keys(settings, excluded=ASKED)
        keys.save(checkpoint)
        print(f"due keys learned in {time.time() - began:.0f} s", flush=True)
    return model


def alone(model: MemoryModel, asked: Sequence[Prompt], num_tokens: int) -> list[Passage]:
    """Return what the backbone writes without memory."""
    tokenizer, texts = model.tokenizer, []
    for prompt in asked:
        given = (
            tokenizer.apply_chat_template(
                list(prompt.messages),
                add_generation_prompt=True,
                return_tensors="pt",
                return_dict=True,
            )
            if tokenizer.chat_template
            else tokenizer(prompt.messages[-1]["content"], return_tensors="pt")
        )
        given.pop("token_type_ids", None)
        out = model.attached.backbone.model.generate(
            **given, max_new_tokens=num_tokens, do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        new = out[0, given["input_ids"].shape[1] :]
        texts.append(
            Passage(
                text=(text := tokenizer.decode(new, skip_special_tokens=True)),
                ids=tuple(new.tolist()),
                num_standing=len(text),
                finish_reason="stop",
                num_prompt_tokens=given["input_ids"].shape[1],
            )
        )
    return texts


def marked(passage: Passage) -> str:
    """Return the text with what memory said in brackets, and the token that it stands for."""
    text = passage.text
    for span in reversed(passage.stated):
        value = text[span.start : span.end]
        text = f"{text[: span.start]}[{value} <{span.instead_of}>]{text[span.end :]}"
    return text


def main() -> None:
    """Print a line for each mode, then texts in full."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--texts", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--modes", nargs="*", default=["alone", "context", "inline", "both"])
    parser.add_argument("--final", action="store_true")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        given = arguments.backbone
        named = given if given in ("smollm2", "qwen") else "smollm2"
        real = None if arguments.quick else chat_model(named, work / named)
        backbone = str(real) if real and given in (None, named) else given or "embedded"
        if backbone == "embedded":
            print("the embedded backbone: a smoke test, it writes no sense")
        number, tokens = (1, 12) if arguments.quick else (arguments.texts, arguments.tokens)
        model = loaded(
            backbone, work, num_subjects=4 if arguments.quick else 20, new_tokens=max(20, tokens)
        )
        values = {(fact.subject, fact.relation): fact.answer for fact in table()}
        asked = (final_prompts if arguments.final else prompts)(values, number)
        digest = hashlib.sha256(repr(asked).encode()).hexdigest()
        print(
            f"{len(asked)} {'final' if arguments.final else 'development'} prompts "
            f"({digest[:12]}), {sum(len(p.slots) for p in asked)} slots, {tokens} tokens"
        )
        for mode in arguments.modes:
            began = time.time()
            if mode == "alone":
                texts = alone(model, asked, tokens)
            else:
                texts = model.write([p.messages for p in asked], mode=mode, max_new_tokens=tokens)
            report(mode, asked, texts, values, time.time() - began)


def report(
    mode: str,
    asked: Sequence[Prompt],
    texts: Sequence[Passage],
    values: dict[tuple[str, str], str],
    seconds: float,
) -> None:
    """Print the counts of a mode and its texts."""
    counts: Counter[str] = Counter()
    exact = spans = stray = 0
    for prompt, passage in zip(asked, texts, strict=True):
        counts.update(judged(passage.text, slot, values[slot]) for slot in prompt.slots)
        spans += len(passage.stated)
        for span in passage.stated:
            slot = span.subject, span.relation
            exact += passage.text[span.start : span.end] == values[slot]
            stray += slot not in prompt.slots
    total, tokens = sum(counts.values()), sum(len(passage.ids) for passage in texts)
    said = "; ".join(f"{what} {counts[what]}" for what in ("right", "wrong", "not stated"))
    back = sum(passage.num_taken_back for passage in texts)
    print(
        f"\n{mode}: {said} of {total}; {exact} of {spans} spans exact, {stray} not asked for; "
        f"{back} tokens taken back of {tokens}, {1000 * seconds / tokens:.0f} ms a token"
    )
    for prompt, passage in zip(asked, texts, strict=True):
        print(f"  {prompt.sort} | {prompt.messages[-1]['content']}\n    {marked(passage)!r}")


if __name__ == "__main__":
    main()
