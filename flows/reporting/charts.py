"""The charts of a run's report as plain numbers, for its template to draw."""

from collections.abc import Mapping, Sequence
from typing import Any

MAX_CHECKPOINTS = 24
"""The newest ones are drawn."""
_WIDTH, _HEIGHT = 960, 190
_LEFT, _RIGHT, _TOP, _DEPTH = 60, 80, 20, 130
_LINES = (("memorized", "#1b7837"), ("heldout", "#2b6cb0"))

Cells = Sequence[Mapping[str, Any]]


def heat(cells: Cells) -> dict[str, Any]:
    """Arrange recall by relation and checkpoint: columns, and a row of shares for each relation."""
    columns = checkpoints(cells)
    share = {
        (cell["relation"], cell["run_key"]): cell["num_memorized"] / cell["num_facts"]
        for cell in cells
    }
    relations = sorted({cell["relation"] for cell in cells})
    rows = [
        {"relation": name, "shares": [share.get((name, c["run_key"])) for c in columns]}
        for name in relations
    ]
    return {"columns": columns, "rows": rows}


def recall_chart(cells: Cells) -> dict[str, Any]:
    """Place the recall of all facts and of held-out phrasings at each checkpoint on a canvas.

    There are no lines as long as there is one checkpoint only.
    """
    points = _recall(cells)
    if len(points) < 2:
        return {"lines": []}
    shares = [point[name] for point in points for name, _ in _LINES if point[name] is not None]
    floor = max(0.0, (int(min(shares) * 20) - 1) / 20)
    step = (_WIDTH - _LEFT - _RIGHT) / (len(points) - 1)
    placed = [{**point, "x": round(_LEFT + i * step, 1)} for i, point in enumerate(points)]
    named = [p for i, p in enumerate(placed) if len(placed) < 9 or i in (0, len(placed) - 1)]
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "lines": [_line(name, colour, placed, floor) for name, colour in _LINES],
        "rules": [
            {"share": share, "y": _height(share, floor)} for share in (floor, (1 + floor) / 2, 1.0)
        ],
        "labels": [
            {
                "x": point["x"],
                "when": f"{point['measured_at']:%m-%d %H:%M}",
                "run_key": point["run_key"][:8],
            }
            for point in named
        ],
    }


def _line(name: str, colour: str, placed: Cells, floor: float) -> dict[str, Any]:
    dots = [
        {
            "x": point["x"],
            "y": _height(point[name], floor),
            "share": point[name],
            "run_key": point["run_key"][:8],
            "passed": point["passed"],
        }
        for point in placed
        if point[name] is not None
    ]
    points = " ".join(f"{dot['x']},{dot['y']}" for dot in dots)
    return {"colour": colour, "dots": dots, "points": points}


def _height(share: float, floor: float) -> float:
    return round(_TOP + _DEPTH * (1 - (share - floor) / (1 - floor)), 1)


def _recall(cells: Cells) -> list[dict[str, Any]]:
    found = []
    for checkpoint in checkpoints(cells):
        own = [cell for cell in cells if cell["run_key"] == checkpoint["run_key"]]
        heldout = _sum(own, "num_heldout")
        found.append(
            {
                **checkpoint,
                "memorized": _sum(own, "num_memorized") / max(1, _sum(own, "num_facts")),
                "heldout": _sum(own, "num_heldout_exact") / heldout if heldout else None,
            }
        )
    return found


def _sum(cells: Cells, name: str) -> int:
    return sum(int(cell[name]) for cell in cells)


def checkpoints(cells: Cells) -> list[dict[str, Any]]:
    """Return the newest checkpoints that the cells speak of, the oldest first."""
    names = ("run_key", "mode", "as_of", "passed", "measured_at")
    found = {cell["run_key"]: {name: cell[name] for name in names} for cell in cells}
    inorder = sorted(found.values(), key=lambda each: (each["measured_at"], each["run_key"]))
    return inorder[-MAX_CHECKPOINTS:]
