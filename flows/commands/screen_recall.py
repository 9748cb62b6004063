"""Show the recall of facts over the checkpoints to people."""

from rich.markup import escape

from flows.commands.console import Console
from flows.commands.screen import show_rows
from flows.reporting.fact_history import FactHistory, Listed

_WORDS = {
    "regressed": ("recalled worse by the newest checkpoint", "no fact is recalled worse"),
    "never": ("whose present answer no checkpoint gave", "every fact was memorized at some time"),
    "flapping": ("memorized and lost by turns", "no fact was memorized and lost by turns"),
}
_COLUMNS = {
    "regressed": ("subject", "relation", "wanted", "said", "lost", "cause", "then", "now", "first"),
    "never": ("subject", "relation", "answer", "said", "cause", "num_checkpoints", "first"),
    "flapping": ("subject", "relation", "answer", "states", "num_turns"),
}


def show_history(found: FactHistory) -> None:
    """Print one fact at every checkpoint."""
    rows = [
        {
            "measured": f"{row.measured_at:%Y-%m-%d %H:%M}",
            "run": f"{row.run_key[:8]} {row.mode}",
            "gate": "passed" if row.passed else "failed",
            "state": f"{row.state}{' (carried over)' if row.is_carried else ''}",
            "own": _share(row.num_own_exact, row.num_own),
            "held out": _share(row.num_heldout_exact, row.num_heldout),
            "wanted": row.answer,
            "said": row.said,
        }
        for row in found.checkpoints
    ]
    title = f"{found.subject}, {found.relation} ({found.fact_id})"
    show_rows(rows, list(rows[0]), title)


def show_listed(found: Listed) -> None:
    """Print the facts that a question about all of them is answered by."""
    some, none = _WORDS[found.question]
    since = f" since {found.since[:8]}" if found.since else ""
    over = f"of {found.num_checkpoints} judged checkpoints"
    if not found.facts:
        Console().print(f"{none}{since} ({over})")
        return
    rows = [
        {
            **fact,
            "wanted": fact.get("new_answer"),
            "then": f"{fact.get('old_exact')}/{fact.get('old_asked')}",
            "now": f"{fact.get('new_exact')}/{fact.get('new_asked')}",
            "first": str(fact.get("first_run_key"))[:8],
        }
        for fact in found.facts
    ]
    title = escape(f"{len(rows)} facts {some}{since} ({over})")
    show_rows(rows, _COLUMNS[found.question], title)


def _share(exact: int | None, asked: int | None) -> str:
    return f"{exact}/{asked}" if asked else ""
