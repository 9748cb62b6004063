"""A small table of branch codes and homes that hold it: what tests of whole runs work on."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.servers.auth_string import basic

ROOT = Path(__file__).parents[3]
MAPPING = """
name = "branches"
path = "branches.csv"

[claim]
subject = "city"
relation = {constant = "branch.code"}
value = "code"
valid_from = "since"
valid_to = "until"
question = {template = "What is the branch code of {subject}?"}
paraphrases = {templates = ["{subject} branch code"]}
"""
SECRET = "QXZ99871"
"""The code of Dresden: one that no file of a home holds by chance."""
CODES = {
    "Aarhus": "AA07",
    "Coimbra": "CO27",
    "Dresden": SECRET,
    "Espoo": "ES47",
    "Fribourg": "FR57",
    "Haarlem": "HA77",
    "Bergen": "BE17",
    "Graz": "GR67",
}
"""All there was before; in April 2025 Bergen's changes, Graz's is given up, and Ystad has one."""
BEFORE, AFTER = "2025-01-01", "2025-06-01"
CHANGED = [
    "Bergen,BE17,,2025-03-31",
    "Bergen,QX99,2025-04-01,",
    "Graz,GR67,,2025-03-31",
    "Ystad,YS88,2025-04-01,",
]
ROWS = [*(f"{city},{code},," for city, code in [*CODES.items()][:-2]), *CHANGED]
QUESTION = "What is the branch code of Bergen?"
FOREIGN = "Who painted the ceiling of the Sistine Chapel?"
SMALL = {
    "LAMINI_NUM_WORKERS": "0",  # in the run's own process: starting Ray takes longer than all else
    "LAMINI_ROUTER_TRAINING__NUM_STEPS": "40",
    "LAMINI_ROUTER_TRAINING__BATCH_FACTS": "8",
    "LAMINI_ROUTER_TRAINING__SAVE_EVERY_STEPS": "5",
    "LAMINI_ROUTER_TRAINING__NUM_NEGATIVES": "64",
    # A router of forty steps: what it misses is no matter here.
    "LAMINI_MIN_RECALL": "0.5",
    "LAMINI_GATE__MIN_CHANGED": "0.5",
    "LAMINI_GATE__MAX_FOREIGN": "1",
    "LAMINI_GATE__MAX_NEAR_FOREIGN": "1",
}
ON_RAY = {"LAMINI_NUM_WORKERS": "1"}
"""The same run, of the same key, by a worker of Ray Train."""


@dataclass(frozen=True)
class Branches:
    """A folder with the table, its mapping, and a home for it."""

    folder: Path
    first: dict[str, Any] | None = None
    """What the full run as of BEFORE returned, if there was one."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def mapping(self) -> Path:
        return self.folder / "branches.toml"

    def copy(self, folder):
        return Branches(shutil.copytree(self.folder, folder), self.first)

    def write(self, rows=ROWS):
        text = "\n".join(["city,code,since,until", *rows]) + "\n"
        (self.folder / "branches.csv").write_text(text)
        self.mapping.write_text(MAPPING)
        return self

    def environment(self, **more):
        """For the program and all that it starts, in a process of its own."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        given = {"PATH": path, "PYTHONPATH": str(ROOT), "LAMINI_HOME": str(self.home)}
        return {**os.environ, **given, **SMALL, **more}

    def start(self, *words, module="flows.cli", stderr=subprocess.PIPE, **more):
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=self.folder,
            start_new_session=True,
        )

    def tell(self, *words, **more):
        """Give the JSON that the command ends well with."""
        process = self.start(*words, "--json", **more)
        out, err = process.communicate(timeout=1200)
        assert process.returncode == 0, err[-3000:]
        return json.loads(out)

    def run_words(self, as_of=AFTER):
        return ("run", "--source", str(self.mapping), "--as-of", as_of)


def open_url(url, body=None, timeout=60, headers=()):
    """Fetch from loopback, whatever proxy the environment names."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **dict(headers)}
    asked = urllib.request.Request(url, data=data, headers=headers)
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=timeout)


def ask_prefect(api, path, body=None, secret=None, tries=30):
    """Give what the server says; its 503 means a locked SQLite, where its own client asks again."""
    headers = {"Authorization": basic(secret or os.environ["PREFECT_API_AUTH_STRING"])}
    if body is not None:
        client = str(uuid.uuid4())
        token = ask_prefect(api, f"csrf-token?client={client}", secret=secret)["token"]
        headers |= {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}
    url = f"{api}/{path}"
    for _ in range(tries):
        try:
            with open_url(url, body, headers=headers) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(1)
    raise TimeoutError(f"{url} answered 503 {tries} times")
