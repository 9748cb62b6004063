"""The plots of a run: recall by template, router scores, tuning progress, expert load."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from lamini.proof.recall import RecallRow, RecallSummary

mpl.use("Agg")
_DPI = 110


def recall_plots(
    rows: Sequence["RecallRow"], summary: Sequence["RecallSummary"], folder: Path
) -> list[Path]:
    """Draw recall by template and the scores of the router; return the files."""
    return [_by_template(summary, folder), _scores(rows, folder)]


def tuning_plot(loss_by_step: Sequence[float], folder: Path) -> Path:
    """Draw the mean loss of an answer token before the first step and after each."""
    figure, axes = _new("Memory tuning", "steps", "mean loss of an answer token")
    axes.plot(range(len(loss_by_step)), loss_by_step, marker=".")
    axes.set_yscale("log")
    return _save(figure, folder / "tuning.png")


def load_plot(num_experts: Sequence[int], folder: Path) -> Path:
    """Draw how many experts the groups use."""
    figure, axes = _new("Expert load", "experts written in a group", "groups")
    axes.hist(num_experts, bins=range(0, max(num_experts, default=1) + 2))
    return _save(figure, folder / "expert_load.png")


def _by_template(summary: Sequence["RecallSummary"], folder: Path) -> Path:
    cells = [cell for cell in summary if cell.kind == "heldout" and cell.template != "*"]
    figure = Figure(figsize=(9, max(2.5, 0.32 * len(cells))), layout="constrained")
    axes = figure.subplots()
    places = range(len(cells))
    for name, offset, colour in (
        ("exact", -0.27, "#1b7837"),
        ("agreement", 0.0, "#5aae61"),
        ("oracle_exact", 0.27, "#c2a5cf"),
    ):
        values = [100 * getattr(cell, name) for cell in cells]
        axes.barh([p + offset for p in places], values, 0.25, label=name, color=colour)
    axes.set_yticks(list(places), [_short(cell.template) for cell in cells], fontsize=7)
    axes.set_xlabel("%")
    axes.set_title("Held-out templates: recall, router agreement, recall under an oracle router")
    if cells:
        figure.legend(fontsize=7, loc="outside lower center", ncols=3)
    return _save(figure, folder / "heldout_templates.png")


def _scores(rows: Sequence["RecallRow"], folder: Path) -> Path:
    figure, axes = _new("Router scores", "cosine to the best key", "share of questions")
    for kind in sorted({row.kind for row in rows}):
        scores = [row.score for row in rows if row.kind == kind]
        weights = [1 / len(scores)] * len(scores)
        axes.hist(scores, bins=50, range=(-0.2, 1), weights=weights, histtype="step", label=kind)
    axes.legend()
    return _save(figure, folder / "router_scores.png")


def _new(title: str, x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def _short(text: str, limit: int = 70) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
    return path
