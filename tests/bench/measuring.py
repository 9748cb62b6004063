"""What the benchmarks share: alternated timing, spread, a small table, the machine's conditions."""

import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import accumulate

import torch
from torch.nn.functional import pad

from lamini.backbone.memory import Attached
from lamini.tuning.answer_states import prepare_answers


def alternated(
    sides: Sequence[Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> list[list[float]]:
    """Return the seconds of each side, one of each per round, so that all meet the same machine.

    Seconds of this process's processor time: of one thread that only computes they are what the
    clock on the wall shows on a quiet machine, and other work disturbs them less.
    """
    for side in sides:
        side()
    seconds: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for spent, side in zip(seconds, sides, strict=True):
            start = clock()
            side()
            spent.append(clock() - start)
    return seconds


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Return the median and, in brackets, the quartiles."""
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return f"{middle:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def ratios(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Return round by round how many times `other` the `one` took."""
    return [a / b for a, b in zip(one, other, strict=True)]


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, aligned, as Markdown."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    print(f"\n{title}\n", *lines, sep="\n", flush=True)


def conditions() -> None:
    """Print what the numbers depend on besides the code."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), load average {load}")


def resident_mib() -> float:
    """Return the memory of this process that is in RAM now."""
    with open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


@torch.no_grad()
def teacher_forced(
    attached: Attached,
    prompts: Sequence[list[int]],
    answers: Sequence[list[int]],
    shifts: Sequence[torch.Tensor],
) -> tuple[list[bool], list[float]]:
    """Return whether every answer token is the most likely one, and the whole answer's probability.

    `shifts` are the experts that each prompt reads. What is the most likely one everywhere is what
    greedy generation says, end included.
    """
    padded = [
        pad(s[: len(a)], (0, 0, 0, max(0, len(a) - len(s))))
        for s, a in zip(shifts, answers, strict=True)
    ]
    first = [0, *accumulate(map(len, answers))]
    states = prepare_answers(attached, prompts, answers, first[:-1])
    exact, probability = [], []
    for start in range(0, len(answers), 64):
        stop = min(start + 64, len(answers))
        rows = torch.arange(first[start], first[stop])
        part = states.only(rows)
        state_RD = part.state_RD + torch.cat(padded[start:stop]).to(part.state_RD)
        log_RV = attached.logits(state_RD).float().log_softmax(-1)
        own = [len(answer) for answer in answers[start:stop]]
        exact += [bool(hit.all()) for hit in (log_RV.argmax(-1) == part.target_R).split(own)]
        log_R = log_RV.gather(-1, part.target_R[:, None])[:, 0]
        probability += [float(log.sum().exp()) for log in log_R.split(own)]
    return exact, probability
