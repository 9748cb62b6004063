"""One self-contained HTML page about a golden set: no script, nothing fetched."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from flows.serving.golden_answers import Golden
from flows.serving.golden_set import MODES, Mode

TITLES: dict[Mode, str] = {
    "model": "the model alone",
    "memory": "memory",
    "rows": "rows in the prompt",
}


def write_golden_page(golden: Golden, run_key: str, path: Path) -> None:
    """Write the page, whole or not at all."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("golden.html.jinja").render(
        golden=golden,
        run_key=run_key,
        modes=MODES,
        titles=TITLES,
        answers={(one.line, one.mode): one for one in golden.answers},
    )
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(page, encoding="utf-8")
    part.replace(path)
