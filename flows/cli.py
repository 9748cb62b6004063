"""The program `lamini`. Only typer and the standard library are imported up here: --help is fast.

Exit codes: 0 done; 1 unexpected (with a traceback: please report it); 2 wrong usage; 3 bad input
(the message names file, row and column, or the setting); 4 another process holds what is needed,
try again; 5 a check or a gate failed; 6 an earlier step has not run yet; 130 interrupted.
"""

import gc

# Imported for their commands, which --help lists in this order.
# isort: off
from flows.commands import init, facts, explain, sources, quarantine, duplicates  # noqa: F401
from flows.commands import runs, evaluate, recall, updates, forget, serve, endpoint  # noqa: F401
from flows.commands import services, config  # noqa: F401

# isort: on
from flows.commands.program import app
from flows.environment import end_quietly
from flows.terminal import flush_to_reader, guard_terminal

__all__ = ["app", "main"]


def main() -> None:
    """Run the program."""
    end_quietly()
    # Imports make a million objects, all of which stay: at the usual thresholds a tenth of the time
    # to start is spent on looking for garbage among them.
    gc.set_threshold(10_000, 10, 50)
    guard_terminal()
    try:
        app()
    finally:
        flush_to_reader()


if __name__ == "__main__":
    main()
