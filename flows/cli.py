"""The program `lamini`. Only typer and the standard library are imported up here: --help is fast.

Exit codes: 0 done; 1 unexpected (with a traceback: please report it); 2 wrong usage; 3 bad input
(the message names file, row and column, or the setting); 4 another process holds what is needed,
try again; 5 a check or a gate failed; 6 an earlier step has not run yet; 130 interrupted.
"""

import atexit
import os

# Imported for their commands, which --help lists in this order.
# isort: off
from flows.commands import facts, explain, sources, quarantine, duplicates  # noqa: F401
from flows.commands import runs, recall, updates, forget, serve, services, config  # noqa: F401

# isort: on
from flows.commands.program import app

__all__ = ["app", "end_quietly", "main"]


def main() -> None:
    """Run the program."""
    end_quietly()
    app()


def end_quietly() -> None:
    """Keep DuckDB from listing leaks at exit; to be called before Prefect is imported.

    DuckDB 2.0.0 (nanobind) lists them on stderr while Prefect's threads still live. What is
    registered first runs last. To be removed when a DuckDB no longer does it.
    """
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))


if __name__ == "__main__":
    main()
