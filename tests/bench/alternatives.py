"""A table's facts by dictionary, by search, by retrieval into the prompt, and by memory tuning.

    python -m tests.bench.alternatives HOME [--sample N] [--rows K]

HOME is where `lamini run` put its state; the same facts and backbone answer for all. A dictionary
holds every training phrasing. Search is BM25 over all phrasings of a fact; its best row's value is
the answer. Retrieval puts the best K rows into the prompt of the bare backbone (Lewis et al. 2020,
arXiv:2005.11401). Printed: how many answers are the value and nothing else, and how many hold it,
for questions as trained, held out, inside a paragraph, and when a sentence is asked for; how many
questions without a fact are answered with a row's value; tokens and processor time of a question;
what a change and a deletion cost. A chat model reads rows; the embedded backbone cannot.
"""

import argparse
import dataclasses
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

import lamini
from flows.home.champion import promoted
from flows.home.home import Home
from flows.measure_recall import questions_for
from lamini.backbone.memory import pad_left
from lamini.backbone.text import decode_answer, encode_prompt, normal_form
from lamini.model.memory_model import MemoryModel
from lamini.proof.recall import Question
from lamini.training_data import read_training_facts
from lamini.update.update import update_model
from tests.bench.measuring import conditions, show
from tests.bench.phrasing import WRAPPERS
from tests.bench.routing import bm25_index, bm25_words
from warehouse.snapshots import head

MAX_NEW_TOKENS = 48
ASKED_WITH_ROWS = (
    "{rows}\n\nAnswer the question from these lines with the value alone. If they do not say, "
    "answer: unknown.\n\n{question}"
)
SENTENCE = "Write one full sentence that answers this: {}"


@dataclasses.dataclass(frozen=True)
class Row:
    """A fact as the others than memory read it."""

    question: str
    answer: str
    prompts: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Reply:
    """What one way says, and whether it says a row's value (for questions without a fact)."""

    text: str
    tells: bool
    num_tokens: int = 0
    """Tokens that the backbone reads for it."""


Way = Callable[[Sequence[str]], list[Reply]]


def main() -> None:
    """Ask all four, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--sample", type=int, default=200, help="questions of each kind")
    parser.add_argument("--rows", type=int, default=3, help="rows put into the prompt")
    parser.add_argument("--timed", type=int, default=20, help="questions timed one by one")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    conditions()
    checkpoint = Home(arguments.home).checkpoint(promoted(Home(arguments.home)).champion.path)
    model = lamini.load(checkpoint)
    snapshot = head(arguments.home / "warehouse")
    facts = snapshot.facts().select(["question", "answer", "prompts"]).to_pylist()
    rows = [Row(f["question"], f["answer"], tuple(f["prompts"])) for f in facts]
    ways = {
        "dictionary": by_dictionary(rows),
        "search": by_search(rows),
        f"{arguments.rows} rows in the prompt": by_retrieval(model, rows, arguments.rows),
        "memory": by_memory(model),
        "backbone alone": by_backbone(model),
    }
    asked = sampled(
        questions_for(snapshot, checkpoint.parent / "assignment.parquet", 1), arguments.sample
    )
    print(f"{len(rows)} facts, backbone {model.manifest['backbone']['reference']}")
    recall_table(ways, asked)
    silence_table(ways, asked)
    cost_table(ways, asked["training"][: arguments.timed])
    change_table(checkpoint, rows)


def sampled(questions: Sequence[Question], number: int) -> dict[str, list[Question]]:
    """Return at most `number` questions of each kind."""
    kinds: dict[str, list[Question]] = {}
    for question in questions:
        kinds.setdefault(question.kind, []).append(question)
    draw = random.Random(0)
    return {kind: draw.sample(part, min(number, len(part))) for kind, part in kinds.items()}


def by_dictionary(rows: Sequence[Row]) -> Way:
    """Return the lookup of a question among all training phrasings."""
    known = {normal_form(p).casefold(): row.answer for row in rows for p in row.prompts}

    def answer(prompts: Sequence[str]) -> list[Reply]:
        found = [known.get(normal_form(prompt).casefold()) for prompt in prompts]
        return [Reply(text or "", text is not None) for text in found]

    return answer


def by_search(rows: Sequence[Row]) -> Way:
    """Return the answer of the best row; where no word is known, none."""
    index = bm25_index([row.prompts for row in rows])

    def answer(prompts: Sequence[str]) -> list[Reply]:
        found, score = index.retrieve(bm25_words(prompts), k=1, show_progress=False)
        pairs = zip(found[:, 0], score[:, 0], strict=True)
        return [Reply(rows[row].answer if s > 0 else "", bool(s > 0)) for row, s in pairs]

    return answer


def by_retrieval(model: MemoryModel, rows: Sequence[Row], number: int) -> Way:
    """Return what the bare backbone says with the best rows in its prompt."""
    index = bm25_index([row.prompts for row in rows])

    def answer(prompts: Sequence[str]) -> list[Reply]:
        found, _ = index.retrieve(bm25_words(prompts), k=number, show_progress=False)
        given = [
            ASKED_WITH_ROWS.format(
                rows="\n".join(f"{rows[row].question} {rows[row].answer}" for row in best),
                question=prompt,
            )
            for prompt, best in zip(prompts, found, strict=True)
        ]
        said = _generated(model, given)
        return [
            dataclasses.replace(reply, tells=any(rows[row].answer in reply.text for row in best))
            for reply, best in zip(said, found, strict=True)
        ]

    return answer


def by_memory(model: MemoryModel) -> Way:
    """Return what the memory-tuned model says."""

    def answer(prompts: Sequence[str]) -> list[Reply]:
        replies = []
        for start in range(0, len(prompts), 32):
            part = prompts[start : start + 32]
            lengths = [len(encode_prompt(model.tokenizer, prompt)) for prompt in part]
            answers = model.answer(part, max_answer_tokens=MAX_NEW_TOKENS)
            pairs = zip(answers, lengths, strict=True)
            replies += [Reply(said.text, said.from_memory, length) for said, length in pairs]
        return replies

    return answer


def by_backbone(model: MemoryModel) -> Way:
    """Return what the backbone says with neither rows nor memory."""
    return lambda prompts: _generated(model, prompts)


def _generated(model: MemoryModel, prompts: Sequence[str]) -> list[Reply]:
    replies = []
    for start in range(0, len(prompts), 16):
        ids = [encode_prompt(model.tokenizer, text) for text in prompts[start : start + 16]]
        ids_BL, mask_BL = pad_left(ids, model.attached.backbone)
        out = model.generate(
            ids_BL, mask_BL, groups=[None] * len(ids), max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
        )  # fmt: skip
        texts = [decode_answer(model.tokenizer, row) for row in out[:, ids_BL.shape[1] :].tolist()]
        replies += [Reply(text, False, len(row)) for text, row in zip(texts, ids, strict=True)]
    return replies


def recall_table(ways: dict[str, Way], asked: dict[str, list[Question]]) -> None:
    """Print how many answers are the value alone, and how many hold it."""
    heldout = asked.get("heldout") or asked["training"]
    sets = {
        "as trained": (asked["training"], "{}"),
        "held out": (heldout, "{}"),
        "inside a paragraph": (heldout, WRAPPERS["paragraph before"]),
        "as a sentence": (asked["training"], SENTENCE),
    }
    lines = []
    for name, way in ways.items():
        cells = []
        for questions, wrapper in sets.values():
            said = way([wrapper.replace("{}", q.prompt) for q in questions])
            right = [normal_form(q.answer or "") for q in questions]
            exact = sum(r.text == a for r, a in zip(said, right, strict=True))
            holds = sum(a in r.text for r, a in zip(said, right, strict=True))
            cells.append(f"{exact / len(said):.1%} / {holds / len(said):.1%}")
        lines.append([name, *cells])
    show("The value alone / the value somewhere in the answer", ["", *sets], lines)


def silence_table(ways: dict[str, Way], asked: dict[str, list[Question]]) -> None:
    """Print how many questions without a fact are answered with a row's value."""
    kinds = [kind for kind in asked if kind not in ("training", "heldout")]
    lines = []
    for name, way in ways.items():
        told = [way([q.prompt for q in asked[kind]]) for kind in kinds]
        lines.append([name, *(f"{sum(r.tells for r in t)} of {len(t)}" for t in told)])
    show("Questions without a fact that a row's value is told for", ["", *kinds], lines)


def cost_table(ways: dict[str, Way], questions: Sequence[Question]) -> None:
    """Print tokens and processor time of a question, asked one by one."""
    lines = []
    for name, way in ways.items():
        way([questions[0].prompt])
        start = time.process_time()
        replies = [way([question.prompt])[0] for question in questions]
        spent = (time.process_time() - start) / len(questions)
        tokens = sum(reply.num_tokens for reply in replies) / len(replies)
        lines.append([name, f"{tokens:.0f}", f"{spent * 1e3:.2f}"])
    show("A question alone", ["", "tokens read", "ms"], lines)


def change_table(checkpoint: Path, rows: Sequence[Row]) -> None:
    """Print what one changed and one deleted fact cost."""
    known = {normal_form(p).casefold(): row.answer for row in rows for p in row.prompts}
    start = time.process_time()
    for prompt in rows[0].prompts:
        known[normal_form(prompt).casefold()] = "changed"
    dictionary = time.process_time() - start
    start = time.process_time()
    bm25_index([row.prompts for row in rows])
    search = time.process_time() - start
    lines = [["dictionary", f"{dictionary:.6f}"], ["search, rows in the prompt", f"{search:.3f}"]]
    facts = read_training_facts(checkpoint.parent / "assignment.parquet")
    now = [dataclasses.replace(facts[0], answer=facts[1].answer, num_experts=facts[1].num_experts)]
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "checkpoint"
        shutil.copytree(checkpoint, copied)
        model = lamini.load(copied)
        for name, wanted in (("a change", [*now, *facts[1:]]), ("a deletion", facts[1:])):
            start = time.process_time()
            update_model(model, wanted)
            lines.append([f"memory, {name}", f"{time.process_time() - start:.2f}"])
    show("One change, processor seconds", ["", "s"], lines)


if __name__ == "__main__":
    main()
