"""Run the flow in forks of one process that has imported everything, each killed where it is told.

python -m tests.flows.whole_runs.killing FOLDER

Takes a line of JSON on stdin for each run: its environment, and KILL_AFTER so many seconds. Answers
with the exit code; FOLDER/result.json holds what the run returned.
"""

import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

MODULES = (
    *(
        "flows.memorize",
        "flows.training.launch",
        "flows.tracking.outages",
        "flows.tracking.registry",
        "lamini.model.loading",
    ),
    *(
        "lamini.update.successor",
        "lamini.training_data",
        "lamini.proof.recall",
        "lamini.tuning.capacity",
        "ray.train",
    ),
)


def run_once(folder, environment):
    """The child's work; gives its exit code."""
    os.environ.update(environment)
    from flows import memorize
    from flows.commands.program import to_json
    from flows.configuration.settings import load_settings
    from flows.errors import exit_code

    try:
        result = memorize.run(load_settings({"sources": (folder / "branches.toml",)}))
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return exit_code(error) or 1
    (folder / "result.json").write_text(to_json(result))
    return 0


def wait(child, seconds):
    """Give the child's exit code; if seconds are given, it is killed then, with all it started."""
    if seconds:
        deadline = time.monotonic() + float(seconds)
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def serve(folder):
    from flows.environment import apply_environment

    apply_environment(folder / "zygote")
    for module in MODULES:
        importlib.import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            os.dup2(2, 1)  # Ray talks on stdout
            code = run_once(folder, json.loads(line))
            sys.stderr.flush()
            os._exit(code)
        os.setpgid(child, child)
        code = wait(child, json.loads(line).get("KILL_AFTER"))
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
