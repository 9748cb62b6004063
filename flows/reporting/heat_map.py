"""Heat maps of recall: relations, or the facts missed most, by checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_DPI = 110
_MAX_COLUMNS = 60
"""Checkpoints drawn: the newest ones."""


def relations_map(cells: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Draw the share of each relation's facts that are memorized; return the file."""
    values = {
        (str(cell["relation"]), cell["run_key"]): cell["num_memorized"] / cell["num_facts"]
        for cell in cells
    }
    title = "Memorized facts of each relation, by checkpoint"
    return _draw(cells, "relation", values, title, folder / "heat_relations.png")


def facts_map(cells: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """Draw the recall of the facts missed most, the worst first; return the file."""
    named = [{**cell, "fact": f"{cell['subject']}: {cell['relation']}"} for cell in cells]
    values = {(cell["fact"], cell["run_key"]): cell["recall"] for cell in named}
    title = "Recall of the facts missed most, by checkpoint"
    return _draw(named, "fact", values, title, folder / "heat_facts.png")


def _draw(
    cells: Sequence[Mapping[str, Any]],
    row: str,
    values: Mapping[tuple[str, str], float],
    title: str,
    path: Path,
) -> Path:
    moments = {cell["run_key"]: cell["measured_at"] for cell in cells}
    keys = sorted(moments, key=lambda key: (moments[key], key))[-_MAX_COLUMNS:]
    rows = list(dict.fromkeys(str(cell[row]) for cell in cells))
    absent = float("nan")
    grid = [[values.get((name, key), absent) for key in keys] for name in rows]
    size = (max(5.0, 2.8 + 0.55 * len(keys)), max(1.8, 1.2 + 0.24 * len(rows)))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=9)
    if rows:
        image = axes.imshow(grid, vmin=0, vmax=1, cmap="RdYlGn", aspect="auto")
        figure.colorbar(image, ax=axes, shrink=0.8)
        _label(axes, rows, [f"{moments[key]:%Y-%m-%d %H:%M}\n{key[:8]}" for key in keys])
        if len(keys) <= 12:
            _write(axes, grid)
    else:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "nothing was ever missed", ha="center", transform=axes.transAxes)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
    return path


def _label(axes: Any, rows: Sequence[str], columns: Sequence[str]) -> None:
    axes.set_yticks(range(len(rows)), [name[:60] for name in rows], fontsize=7)
    axes.set_xticks(range(len(columns)), columns, fontsize=6, rotation=45, ha="right")


def _write(axes: Any, grid: Sequence[Sequence[float]]) -> None:
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            if value == value:  # a checkpoint that lacks it has no number
                axes.text(x, y, f"{100 * value:.0f}", ha="center", va="center", fontsize=6)
