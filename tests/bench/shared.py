"""Exclusive groups against the paper's shared mode: the same facts, side by side, in one run.

    python -m tests.bench.shared [--quick] [--facts assignment.parquet] [--checkpoint FOLDER]

Exclusive: `lamini.tuning`, a group of experts to each fact. Shared: `lamini.studies`, each prompt
reads the best 32 of N single experts, by random product keys and by ones fitted to the queries.
Queries are the checkpoint's router's where one is given, else the mean trunk states of a prompt
less the mean of all; both modes use the same. An exclusive prompt goes to the nearest mean query of
a fact, without threshold or evidence. Facts: the embedded reference ones with their held-out
phrasings, or those of a file, with the last phrasing of each held out. Seconds are of the
processor. A change of 1%: whose read set meets an expert that the changed facts read?

Shape suffixes: P prompts   K query width   F facts
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path

import torch
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

import lamini
from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import Attached, attach, pad_left, reading_of
from lamini.backbone.text import decode_answer, encode_answer, encode_prompt, normal_form
from lamini.backbone.trunk import trunk_states
from lamini.config import MemoryConfig, Tuning
from lamini.recorder import SilentRecorder
from lamini.router.query_encoder import ProductKeys, fit_codebooks
from lamini.router.stream import encode_ids
from lamini.studies.shared_tuning import ReadSets, SharedTuning, read_sets, sharing, tune_shared
from lamini.training_data import TrainingFact, read_training_facts
from lamini.tuning.memory_tuning import tune_memory
from tests.bench.measuring import conditions, show, spread
from tests.bench.reference_facts import held_out, reference_facts

MEMORY = MemoryConfig(num_experts=2**20, group_size=32)
HEAD = (
    "mode", "steps or passes", "CPU s", "undecided", "experts", "read by > 1 fact",
    "decided (teacher-forced)",
    "free-running", "held-out phrasings", "held-out, oracle", "affected by 1%",
)  # fmt: skip
Encode = Callable[[Sequence[str]], torch.Tensor]
Reads = Callable[[list[int], int], AbstractContextManager[None]]
"""What given rows read inside a block, their prompts being so wide."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What both modes are given."""

    attached: Attached
    facts: list[TrainingFact]
    tuning: Tuning
    shared: SharedTuning
    trained_PK: torch.Tensor
    """Queries of the phrasings tuned on."""
    owner_P: torch.Tensor
    """The fact of each."""
    asked: list[tuple[int, str]]
    """Held-out phrasings, with the fact of each."""
    asked_PK: torch.Tensor

    @property
    def trained(self) -> list[tuple[int, str]]:
        first = self.tuning.prompts_per_fact
        return [(f, prompt) for f, fact in enumerate(self.facts) for prompt in fact.prompts[:first]]


def encoder_of(attached: Attached, checkpoint: Path | None, known: Sequence[str]) -> Encode:
    """Return how prompts become unit queries."""
    tokenizer = attached.backbone.tokenizer
    if checkpoint:
        encoder = lamini.load(checkpoint, backbone=load_backbone()).encoder
        return lambda texts: encode_ids(
            attached, encoder, [encode_prompt(tokenizer, text) for text in texts]
        )

    def means(texts: Sequence[str]) -> torch.Tensor:
        states = trunk_states(attached, [encode_prompt(tokenizer, text) for text in texts])
        return torch.stack([state.mean(0) for state in states])

    centre_K = means(known).mean(0)
    return lambda texts: normalize(means(texts) - centre_K, dim=-1)


@torch.no_grad()
def exact(case: Case, asked: Sequence[tuple[int, str]], reading: Reads) -> float:
    """Return the share of questions whose greedy answer, generated freely, is the fact's."""
    backbone, right = case.attached.backbone, 0
    for start in range(0, len(asked), 64):
        rows = [*range(start, min(start + 64, len(asked)))]
        ids = [encode_prompt(backbone.tokenizer, asked[row][1]) for row in rows]
        ids_BL, mask_BL = pad_left(ids, backbone)
        wanted = [case.facts[asked[row][0]].answer for row in rows]
        longest = max(len(encode_answer(backbone.tokenizer, answer)) for answer in wanted)
        with reading(rows, ids_BL.shape[1]):
            out_BL = backbone.model.generate(
                input_ids=ids_BL, attention_mask=mask_BL, max_new_tokens=longest + 1,
                do_sample=False, pad_token_id=backbone.tokenizer.pad_token_id,
            )  # fmt: skip
        said = [
            decode_answer(backbone.tokenizer, row) for row in out_BL[:, ids_BL.shape[1] :].tolist()
        ]
        right += sum(a == normal_form(b) for a, b in zip(said, wanted, strict=True))
    return right / len(asked)


def affected(read_by: Sequence[set[int]], changed_fraction: float = 0.01) -> str:
    """Return the share of the other facts that read what a change of some facts touches."""
    number, shares = max(1, round(len(read_by) * changed_fraction)), []
    for draw in range(20):
        order = torch.randperm(len(read_by), generator=torch.Generator().manual_seed(draw)).tolist()
        touched = set().union(*(read_by[f] for f in order[:number]))
        others = [f for f in order[number:] if read_by[f] & touched]
        shares.append(100 * len(others) / (len(order) - number))
    return spread(shares, 1) + " %"


def percent(share: float) -> str:
    return f"{share:.1%}"


def exclusive(case: Case) -> list[object]:
    """Tune a group for each fact and measure it."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        result = tune_memory(
            case.attached, case.facts, case.tuning, Path(folder), SilentRecorder()
        )[0]
    seconds = time.process_time() - start
    shift_FAD = pad_sequence(result.weights, batch_first=True)

    def reads(owner_of: Sequence[int]) -> Reads:
        def reading(rows: list[int], width: int) -> AbstractContextManager[None]:
            starts = [width - 1] * len(rows)
            shift_NAD = shift_FAD[[owner_of[row] for row in rows]]
            own = reading_of(shift_NAD, range(len(rows)), starts, torch.device("cpu"))
            return case.attached.reader.reading(own)

        return reading

    key_FK = torch.zeros(len(case.facts), case.trained_PK.shape[1])
    key_FK = normalize(key_FK.index_add_(0, case.owner_P, case.trained_PK), dim=-1)
    routed = {
        name: (query_PK @ key_FK.T).argmax(-1).tolist()
        for name, query_PK in (("trained", case.trained_PK), ("asked", case.asked_PK))
    }
    own = [f for f, _ in case.asked]
    read_by: list[set[int]] = [set() for _ in case.facts]
    for f, group in zip(case.owner_P.tolist(), routed["trained"], strict=True):
        read_by[f].add(group)
    right = len(case.facts) - len(result.undecided)
    return [
        "exclusive groups", result.num_steps, f"{seconds:.0f}", len(result.undecided),
        sum(fact.num_experts for fact in case.facts), percent(0.0),
        f"{right / len(case.facts):.1%} of facts",
        percent(exact(case, case.trained, reads(routed["trained"]))),
        percent(exact(case, case.asked, reads(routed["asked"]))),
        percent(exact(case, case.asked, reads(own))), affected(read_by),
    ]  # fmt: skip


def shared(case: Case, name: str, product_keys: ProductKeys) -> list[object]:
    """Tune one table of experts that facts share and measure it."""
    sets, asked = (read_sets(q, product_keys) for q in (case.trained_PK, case.asked_PK))
    start = time.process_time()
    result = tune_shared(case.attached, case.facts, sets, case.shared)
    seconds = time.process_time() - start
    read_by: list[set[int]] = [set() for _ in case.facts]
    for f, row in zip(case.owner_P.tolist(), sets.expert_PR.tolist(), strict=True):
        read_by[f] |= set(row)
    readers = torch.bincount(
        torch.searchsorted(result.experts.number_E, torch.tensor([e for s in read_by for e in s]))
    )
    right = len(case.facts) - len(result.undecided)

    def reads(of: ReadSets) -> Reads:
        return lambda rows, width: sharing(case.attached, result.experts, of.only(rows))

    return [
        f"shared, {name}", result.num_passes, f"{seconds:.0f}", len(result.undecided),
        len(result.experts.number_E), percent((readers > 1).float().mean().item()),
        f"{right / len(case.facts):.1%} of facts",
        percent(exact(case, case.trained, reads(sets))),
        percent(exact(case, case.asked, reads(asked))),
        "-", affected(read_by),
    ]  # fmt: skip


def main() -> None:
    """Measure both modes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--facts", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--experts", type=int, nargs="+", help="N of the shared mode, a square")
    parser.add_argument("--max-passes", type=int, default=120)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    conditions()
    number = 40 if arguments.quick else arguments.number
    tuning = Tuning(prompts_per_fact=2)
    budget = SharedTuning(max_passes=40 if arguments.quick else arguments.max_passes)
    if arguments.facts:
        facts, phrasings = read_training_facts(arguments.facts)[:number], {}
    else:
        facts, phrasings = reference_facts(MEMORY, number)
    facts = [replace(fact, shard_index=0) for fact in facts]
    attached = attach(load_backbone(), MEMORY)
    trained = [(f, p) for f, fact in enumerate(facts) for p in fact.prompts[:2]]
    asked = held_out(facts, phrasings, 2)
    with torch.no_grad():
        encode = encoder_of(attached, arguments.checkpoint, [p for _, p in trained])
        case = Case(
            attached=attached, facts=facts, tuning=tuning, shared=budget, asked=asked,
            trained_PK=encode([p for _, p in trained]), asked_PK=encode([p for _, p in asked]),
            owner_P=torch.tensor([f for f, _ in trained]),
        )  # fmt: skip
    rows = [exclusive(case)]
    print(rows[-1], flush=True)
    width = case.trained_PK.shape[1] // 2
    for experts in arguments.experts or ((2**12,) if arguments.quick else (2**14, 2**20)):
        side = isqrt(experts)
        random_keys = normalize(torch.randn(2, side, width), dim=-1) * 0.5**0.5
        rows.append(
            shared(case, f"random keys, N {experts:,}", ProductKeys(codebook_2SE=random_keys))
        )
        print(rows[-1], flush=True)
        fitted = fit_codebooks(case.trained_PK, side)
        rows.append(shared(case, f"fitted keys, N {experts:,}", fitted))
        print(rows[-1], flush=True)
    source = "the checkpoint's router" if arguments.checkpoint else "mean trunk states"
    show(
        f"{len(facts)} facts, {len(trained)} phrasings tuned on, {len(asked)} held out; "
        f"queries: {source}", HEAD, rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
