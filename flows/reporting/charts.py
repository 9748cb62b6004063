"""The charts of a run's report as plain numbers, for its template to draw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

MAX_CHECKPOINTS = 24
"""The newest ones are drawn."""
_WIDTH, _HEIGHT = 960, 190
_LEFT, _RIGHT, _TOP, _DEPTH = 60, 80, 20, 130
_GREEN, _BLUE = "#1b7837", "#2b6cb0"


@dataclass(frozen=True, kw_only=True)
class RelationRecall:
    """The recall of one relation at one judged checkpoint."""

    relation: str
    run_key: str
    mode: str
    as_of: str
    passed: bool
    """The gate let it pass."""
    measured_at: datetime
    num_facts: int
    num_memorized: int
    num_heldout: int
    num_heldout_exact: int


@dataclass(frozen=True, kw_only=True, order=True)
class Checkpoint:
    """A judged checkpoint, as a column or a point; ordered by when it was measured."""

    measured_at: datetime
    run_key: str
    mode: str
    as_of: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class HeatRow:
    """A relation, and the share of its facts that each checkpoint recalls; null: it has none."""

    relation: str
    shares: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Heat:
    """Recall by relation and checkpoint."""

    columns: tuple[Checkpoint, ...]
    rows: tuple[HeatRow, ...]


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One checkpoint on a line; full where it passed the gate."""

    x: float
    y: float
    share: float
    run_key: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Line:
    """One kind of recall over the checkpoints."""

    colour: str
    dots: tuple[Dot, ...]

    @property
    def points(self) -> str:
        """As SVG's polyline takes them."""
        return " ".join(f"{dot.x},{dot.y}" for dot in self.dots)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A horizontal line, and the share that it stands for."""

    share: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Label:
    """What stands below a point."""

    x: float
    when: str
    run_key: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Lines on a canvas; none as long as there is one checkpoint only."""

    lines: tuple[Line, ...] = ()
    rules: tuple[Rule, ...] = ()
    labels: tuple[Label, ...] = ()
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, kw_only=True)
class _Point:
    """A checkpoint with its recall: of all facts, of held-out phrasings (null: none was asked)."""

    checkpoint: Checkpoint
    memorized: float
    heldout: float | None


def heat(cells: Sequence[RelationRecall]) -> Heat:
    """Arrange recall by relation and checkpoint."""
    columns = checkpoints(cells)
    share = {(cell.relation, cell.run_key): cell.num_memorized / cell.num_facts for cell in cells}
    rows = (
        HeatRow(relation=name, shares=tuple(share.get((name, c.run_key)) for c in columns))
        for name in sorted({cell.relation for cell in cells})
    )
    return Heat(columns=tuple(columns), rows=tuple(rows))


def recall_chart(cells: Sequence[RelationRecall]) -> Chart:
    """Place the recall of all facts and of held-out phrasings at each checkpoint on a canvas."""
    points = _points(cells)
    if len(points) < 2:
        return Chart()
    step = (_WIDTH - _LEFT - _RIGHT) / (len(points) - 1)
    places = [round(_LEFT + i * step, 1) for i in range(len(points))]
    memorized = [point.memorized for point in points]
    heldout = [point.heldout for point in points]
    shares = [share for share in (*memorized, *heldout) if share is not None]
    floor = max(0.0, (int(min(shares) * 20) - 1) / 20)
    ends = (0, len(points) - 1)
    return Chart(
        lines=tuple(
            _line(colour, zip(places, points, values, strict=True), floor)
            for colour, values in ((_GREEN, memorized), (_BLUE, heldout))
        ),
        rules=tuple(
            Rule(share=share, y=_height(share, floor)) for share in (floor, (1 + floor) / 2, 1.0)
        ),
        labels=tuple(
            Label(
                x=x,
                when=f"{point.checkpoint.measured_at:%m-%d %H:%M}",
                run_key=point.checkpoint.run_key[:8],
            )
            for i, (x, point) in enumerate(zip(places, points, strict=True))
            if len(points) < 9 or i in ends
        ),
    )


def _line(colour: str, placed: Iterable[tuple[float, _Point, float | None]], floor: float) -> Line:
    dots = (
        Dot(
            x=x,
            y=_height(share, floor),
            share=share,
            run_key=point.checkpoint.run_key[:8],
            passed=point.checkpoint.passed,
        )
        for x, point, share in placed
        if share is not None
    )
    return Line(colour=colour, dots=tuple(dots))


def _height(share: float, floor: float) -> float:
    return round(_TOP + _DEPTH * (1 - (share - floor) / (1 - floor)), 1)


def _points(cells: Sequence[RelationRecall]) -> list[_Point]:
    found = []
    for checkpoint in checkpoints(cells):
        own = [cell for cell in cells if cell.run_key == checkpoint.run_key]
        asked = sum(cell.num_heldout for cell in own)
        exact = sum(cell.num_heldout_exact for cell in own)
        memorized = sum(cell.num_memorized for cell in own)
        num_facts = sum(cell.num_facts for cell in own)
        found.append(
            _Point(
                checkpoint=checkpoint,
                memorized=memorized / max(1, num_facts),
                heldout=exact / asked if asked else None,
            )
        )
    return found


def checkpoints(cells: Sequence[RelationRecall]) -> list[Checkpoint]:
    """Return the newest checkpoints that the cells speak of, the oldest first."""
    found = {
        cell.run_key: Checkpoint(
            measured_at=cell.measured_at,
            run_key=cell.run_key,
            mode=cell.mode,
            as_of=cell.as_of,
            passed=cell.passed,
        )
        for cell in cells
    }
    return sorted(found.values())[-MAX_CHECKPOINTS:]
