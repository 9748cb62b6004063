"""The import direction, proved in a fresh interpreter rather than by reading source."""

import subprocess
import sys
from pathlib import Path

FORBIDDEN = ["torch", "transformers", "prefect", "ray", "mlflow", "flows", "lamini"]


def test_the_warehouse_imports_none_of_the_layers_above_and_beside():
    walk = (
        f"import sys; sys.modules.update(dict.fromkeys({FORBIDDEN!r}))\n"
        "import importlib, pkgutil, warehouse\n"
        "found = pkgutil.walk_packages(warehouse.__path__, 'warehouse.')\n"
        "[importlib.import_module(module.name) for module in found]"
    )
    subprocess.run([sys.executable, "-c", walk], check=True, cwd=Path(__file__).parents[2])
