"""One self-contained HTML page about a run that a manager can read: no script, nothing fetched."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from flows.home.home import Home
from flows.reporting.charts import heat, recall_chart
from flows.reporting.gather import gather
from warehouse.durable import write_text


def build_report(home: Home, run_key: str, links: Mapping[str, str] | None = None) -> str:
    """Return the page of a run as HTML; `links` are shown by name at its end."""
    found = gather(home, run_key)
    template = _environment().get_template("report.html.jinja")
    return template.render(
        **vars(found),
        mode=found.mode,
        proof=found.proof,
        recall=found.recall,
        phrasings=found.phrasings,
        heat=heat(found.history),
        chart=recall_chart(found.history),
        links=dict(links or {}),
    )


def write_report(home: Home, run_key: str, links: Mapping[str, str] | None = None) -> Path:
    """Write the page to RUN/report.html, whole or not at all; return the file."""
    path = home.run(run_key) / "report.html"
    write_text(build_report(home, run_key, links), path)
    return path


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda value: "-" if value is None else f"{100 * value:.1f}%",
        "seconds": _seconds,
        "size": _size,
        "heat": _colour,
    }
    return environment


def _seconds(value: float) -> str:
    if value < 90:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 5400 else f"{value / 3600:.1f} h"


def _size(number: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"


def _colour(share: float | None) -> str:
    """Return the background of a share: green when all is recalled, red from a tenth missed on."""
    if share is None:
        return "transparent"
    return f"hsl({max(0.0, 120 * (1 - 10 * (1 - share))):.0f} 55% 78%)"
