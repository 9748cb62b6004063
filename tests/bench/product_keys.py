"""Product keys against brute force, by number of groups: exactness, recall of re-ranking, time.

    python -m tests.bench.product_keys [--quick] [--checkpoint FOLDER --facts assignment.parquet]

Synthetic keys are a relation plus a subject plus something of their own, as the router makes them;
questions lie at the cosine to their key that a phrasing has. With a checkpoint, its own keys and
the queries of all phrasings in an assignment file are measured too. Top-1 is that of the real
keys alone: no thresholds, no evidence.

Shape suffixes: B questions   G groups   K key width   C cells   S sub-keys
"""

import argparse
import time
from math import isqrt
from pathlib import Path

import torch
from torch.nn.functional import normalize

import lamini
from lamini.bank.evidence import WordWeights
from lamini.config import RouterConfig
from lamini.router.group_keys import GroupKeys
from lamini.router.query_encoder import ProductKeys, fit_codebooks
from lamini.router.stream import encode
from lamini.training_data import read_training_facts
from tests.bench.measuring import alternated, conditions, ratios, resident_mib, show, spread

KEY_DIM = 256
BATCH = 64
CELLS = (16, 32, 64, 128)
LISTED = ("groups", "keys_GK", "subjects", "phrasings", "_cell_G", "_sketch_GE")
HEAD = (
    "groups", "sub-keys", "keys", "fit s", "lists s", "top-32 exact",
    *(f"top-1 @{c}" for c in CELLS), "candidates @32",
    "CPU ms/question @32", "@128", "brute / @32", "keys+lists MiB", "resident MiB",
)  # fmt: skip


def clustered_keys(num_groups: int, generator: torch.Generator) -> torch.Tensor:
    """Return unit keys [G, K]: 64 relations, and as many subjects as it takes."""
    relation, subject = torch.arange(num_groups) % 64, torch.arange(num_groups) // 64
    key_GK = torch.randn(64, KEY_DIM, generator=generator)[relation]
    key_GK += torch.randn(int(subject.max()) + 1, KEY_DIM, generator=generator)[subject]
    return normalize(key_GK.add_(torch.randn(key_GK.shape, generator=generator), alpha=0.5), dim=-1)


def questions_near(
    key_GK: torch.Tensor, number: int, cosine: float, generator: torch.Generator
) -> torch.Tensor:
    """Return unit queries [B, K], each at about `cosine` from a key."""
    rows = torch.randint(len(key_GK), (number,), generator=generator)
    noise_BK = normalize(torch.randn(number, key_GK.shape[1], generator=generator), dim=-1)
    return normalize(key_GK[rows] * cosine + noise_BK * (1 - cosine**2) ** 0.5, dim=-1)


def brute_cells(product_keys: ProductKeys, query_BK: torch.Tensor, num_cells: int) -> torch.Tensor:
    """Return the best cells [B, C] of all S x S, in the stated order."""
    ranked = [
        (-torch.cdist(half_BE, codebook_SE).square()).sort(dim=-1, descending=True, stable=True)
        for half_BE, codebook_SE in zip(
            query_BK.chunk(2, -1), product_keys.codebook_2SE, strict=True
        )
    ]
    side = product_keys.codebook_2SE.shape[1]
    score_BN = (ranked[0].values[:, :, None] + ranked[1].values[:, None, :]).flatten(1)
    order_BN = score_BN.sort(dim=-1, descending=True, stable=True).indices[:, :num_cells]
    row_BC, column_BC = order_BN // side, order_BN % side
    return ranked[0].indices.gather(1, row_BC) * side + ranked[1].indices.gather(1, column_BC)


def nearest_by_brute_force(query_BK: torch.Tensor, key_GK: torch.Tensor) -> torch.Tensor:
    """Return the row of the nearest key of each question [B]."""
    return torch.cat([(part @ key_GK.T).argmax(-1) for part in query_BK.split(BATCH)])


def measure(
    kind: str, key_GK: torch.Tensor, query_BK: torch.Tensor, num_subkeys: int, rounds: int
) -> list[object]:
    """Return one row of the table."""
    start = time.perf_counter()
    product_keys = fit_codebooks(key_GK, num_subkeys)
    fitted = time.perf_counter()
    tables = {c: table_of(key_GK, product_keys, c) for c in (CELLS[0],)}
    listed = time.perf_counter()
    for c in CELLS[1:]:  # the lists are the same
        tables[c] = table_of(key_GK[:0], product_keys, c)
        for name in LISTED:
            setattr(tables[c], name, getattr(tables[CELLS[0]], name))
    few_BK = query_BK[:BATCH]
    exact = sum(
        int(
            (product_keys.nearest_cells(part, 32) == brute_cells(product_keys, part, 32))
            .all(1)
            .sum()
        )
        for part in few_BK.split(4)
    )
    expected = nearest_by_brute_force(query_BK, key_GK).tolist()
    shares = []
    for c in CELLS:
        found = [
            route.nearest_group
            for part in query_BK.split(BATCH)
            for route in tables[c].route(part, [""] * len(part))
        ]
        shares.append(sum(a == b for a, b in zip(found, expected, strict=True)) / len(found))
    cell_BC = product_keys.nearest_cells(query_BK, 32)
    ends = [torch.searchsorted(tables[32]._cell_G, cell_BC, right=side) for side in (False, True)]
    candidates = (ends[1] - ends[0]).sum(1).float().mean().item()
    texts = [""] * len(few_BK)
    fast, wide, brute = alternated(
        [
            lambda: tables[32].route(few_BK, texts),
            lambda: tables[128].route(few_BK, texts),
            lambda: nearest_by_brute_force(few_BK, key_GK),
        ],
        rounds,
    )
    listed_parts = (tables[32]._cell_G, tables[32]._sketch_GE, product_keys.codebook_2SE)
    lists = sum(part.nbytes for part in listed_parts)
    return [
        f"{len(key_GK):,}", num_subkeys, kind, f"{fitted - start:.1f}", f"{listed - fitted:.2f}",
        f"{exact}/{len(few_BK)}", *(f"{share:.2%}" for share in shares), f"{candidates:.0f}",
        spread([1e3 * s / len(few_BK) for s in fast]),
        spread([1e3 * s / len(few_BK) for s in wide]), spread(ratios(brute, fast), 2),
        f"{key_GK.nbytes / 2**20:.0f}+{lists / 2**20:.0f}", f"{resident_mib():.0f}",
    ]  # fmt: skip


def table_of(key_GK: torch.Tensor, product_keys: ProductKeys, num_cells: int) -> GroupKeys:
    """Return the router's table of these keys, without thresholds."""
    number = len(key_GK)
    return GroupKeys(
        range(number), key_GK, [""] * number, [frozenset()] * number, product_keys,
        WordWeights.of([]), RouterConfig(num_cells=num_cells, explained_share=0.0),
        threshold=-1.0, unnamed_threshold=-1.0,
    )  # fmt: skip


def of_checkpoint(folder: Path, facts: Path, rounds: int) -> list[object]:
    """Return the row of a checkpoint's own keys and its facts' own phrasings."""
    model = lamini.load(folder)
    prompts = [prompt for fact in read_training_facts(facts) for prompt in fact.prompts][:4096]
    with torch.no_grad():
        query_BK = encode(model.attached, model.encoder, prompts)
    side = model.bank.config.num_subkeys
    return measure("checkpoint", model.table.keys_GK, query_BK, side, rounds)


def main() -> None:
    """Measure every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--facts", type=Path)
    parser.add_argument("--cosine", type=float, default=0.85)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    conditions()
    sizes = [2**n for n in ((10, 14) if arguments.quick else (10, 12, 14, 15, 16, 18, 20))]
    number, rounds = (512, 9) if arguments.quick else (2048, 21)
    rows = []
    for size in sizes:
        generator = torch.Generator().manual_seed(size)
        key_GK = clustered_keys(size, generator)
        query_BK = questions_near(key_GK, number, arguments.cosine, generator)
        rows.append(measure("clustered", key_GK, query_BK, isqrt(size - 1) + 1, rounds))
        print(rows[-1], flush=True)
    if arguments.checkpoint and arguments.facts:
        rows.append(of_checkpoint(arguments.checkpoint, arguments.facts, rounds))
    show(f"Product keys, {number} questions at cosine {arguments.cosine}", HEAD, rows)
    side, mib = 4096, 2**20
    print(
        f"\n16 M groups on paper: {side} sub-keys a half, "
        f"codebooks {4 * side * KEY_DIM / mib:.0f} MiB, lists {8 * side * side / mib:.0f} MiB, "
        f"sketches {4 * 64 * side * side / mib:.0f} MiB, "
        f"keys {4 * KEY_DIM * side * side / mib:.0f} MiB; cells are found with "
        f"{2 * side * KEY_DIM / 1e6:.1f} MFLOP a question (0.5 at 1 M), then lists compared"
    )


if __name__ == "__main__":
    main()
