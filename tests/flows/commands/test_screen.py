"""What people are shown of a run and of recall: short, and in numbers that add up."""

from types import SimpleNamespace

from flows.commands.report import _estimate, show_run
from flows.commands.screen import show_recall
from flows.home.receipts import Cell, Measured, Trained
from flows.planning.estimate import Estimate
from flows.reporting.status import MeasuredRun


def test_recall_lists_the_templates_that_missed_and_counts_the_others(capsys):
    cells = [Cell(kind="phrasing", template="*", num_questions=6, exact=0.9)]
    cells += [Cell(kind="phrasing", template=f"fine {i} {{}}", exact=1.0) for i in range(40)]
    cells += [Cell(kind="phrasing", template="bad {}", num_questions=2, exact=0.5)]
    show_recall(MeasuredRun(run_key="r", measured=Measured(summary=tuple(cells))))
    said = capsys.readouterr().out
    assert "bad {}" in said
    assert "fine" not in said
    assert "40 templates" in said


def test_a_run_that_took_over_what_a_killed_one_had_done_tells_no_negative_time(capsys):
    counts = dict.fromkeys(("outdated", "quarantined", "held_back", "duplicate"), 0)
    numbers = dict.fromkeys(("num_facts", "num_slots", "num_input_rows", "conflicts_resolved"), 1)
    decided = SimpleNamespace(counts=counts, as_of="2026-12-01", ties=1, **numbers)
    trained = Trained(pretrain_router_seconds=83.0, tune_memory_seconds=14.0)
    result = SimpleNamespace(
        run_key="r",
        is_new=True,
        reasons=("nothing was promoted yet",),
        decision="full",
        reconciled=decided,
        written=SimpleNamespace(num_experts=1, num_groups=1),
        receipts=SimpleNamespace(updated=None, trained=trained),
        measured=SimpleNamespace(summary=(), captured_foreign=()),
        prepared_seconds=1.0,
        changes=None,
    )
    show_run(result, 46.0)
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "46 s; what an earlier start had done was taken over" in said
    assert "1 tie," in said
    show_run(result, 100.0)
    assert "100 s, 2 s of it Prefect, Ray and MLflow" in capsys.readouterr().out


def test_an_estimate_of_next_to_nothing_is_not_called_0_s():
    found = Estimate(training_seconds=0.2, measuring_seconds=3.4, by="the update of run k")
    assert _estimate(found) == (
        "training less than a second, measuring 3 s (by the update of run k)"
    )
