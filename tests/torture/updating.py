"""Take in generated files one after the other, publishing after each: the work that is killed.

python -m tests.torture.updating HOME SOURCES
"""

import json
import random
import sys
from datetime import date, timedelta
from pathlib import Path

from warehouse.assignment import assign
from warehouse.catalogue import open_catalogue
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest, retract
from warehouse.snapshots import head, publish
from warehouse.sources import load_mapping, read_source

AS_OF = date(2025, 6, 1)
NUM_FILES = 5
ROWS_PER_FILE = 150
RETRACTED_AFTER = 3
"""After so many files, some claims of the first one are withdrawn."""
MAX_ANSWER_TOKENS = 20

COLUMNS = ("service", "role", "person", "system", "rank", "seen", "from", "until")
MAPPING = """
name = "services"
path = "{path}"

[claim]
subject = "service"
relation = "role"
value = "person"
source = "system"
authority = "rank"
observed_at = "seen"
valid_from = "from"
valid_to = "until"
question = {{ template = "Who is the {{relation}} of {{subject}}?" }}
paraphrases = {{ templates = ["Name the {{relation}} of {{subject}}.", "Who is {{relation}}?"] }}

[relations."contact"]
slot = "multi_valued"
"""


def write_sources(folder):
    """Write the mappings and their tables, always the same; gives the number of rows."""
    rng = random.Random(7)
    folder.mkdir()
    earlier = []
    for number in range(NUM_FILES):
        rows = [_row(rng, earlier) for _ in range(ROWS_PER_FILE)]
        earlier += rows
        name = f"part-{number}.{'jsonl' if number % 2 else 'csv'}"
        lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
        if not number % 2:
            lines = [",".join(row) for row in [COLUMNS, *rows]]
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"part-{number}.toml").write_text(MAPPING.format(path=name), encoding="utf-8")
    return len(earlier)


def _row(rng, earlier):
    if earlier and rng.random() < 0.1:
        return rng.choice(earlier)
    day = AS_OF + timedelta(days=150 * rng.randint(-6, 2))  # few days, so some values tie
    persons = [*(f"Person {i}" for i in range(8)), "much " * 25 + "too long", ""]
    return (
        f"Service {rng.randint(0, 40)}",
        rng.choice(("owner", "contact", "deputy")),
        rng.choices(persons, [10] * 8 + [2, 2])[0],
        rng.choice(("crm", "wiki", "sheet")),
        rng.choice(("1", "2")),
        rng.choices((str(day - timedelta(days=400)), "2025-13-45"), [30, 1])[0],
        rng.choice(("", str(day))),
        rng.choice(("", "", str(day + timedelta(days=500)))),
    )


def update(home, sources):
    """Bring the warehouse from wherever it stands to the state of all files."""
    for number, mapping in enumerate(sorted(sources.glob("*.toml")), start=1):
        with open_catalogue(home) as con:
            ingest(con, read_source(load_mapping(mapping)))
        decide(home)
        if number == RETRACTED_AFTER:
            with open_catalogue(home) as con:
                retract(con, _first_claims(home), "the system was wrong")
            decide(home)


def decide(home):
    """Reconcile, publish and assign, as a run does."""
    with open_catalogue(home) as con:
        count = lambda answers: [len(answer.split()) for answer in answers]  # noqa: E731
        reconcile(
            con,
            ReconcileSettings(as_of=AS_OF, count_tokens=count, max_answer_tokens=MAX_ANSWER_TOKENS),
        )
        publish(con, home)
    with open_catalogue(home) as con:
        plan = {"num_groups": 256, "group_size": 8, "num_shards": 4}
        assign(con, home, head(home), num_tokens_by_fact=count, **plan)


def _first_claims(home):
    claims = head(home).claims().select(["claim_id", "file", "row"]).to_pylist()
    return [c["claim_id"] for c in claims if c["file"] == "part-0.csv" and c["row"] <= 10]


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    update(Path(sys.argv[1]), Path(sys.argv[2]))
