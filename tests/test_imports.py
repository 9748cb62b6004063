"""The import direction, proved in a fresh interpreter rather than by reading source."""

import subprocess
import sys

import pytest

FORBIDDEN = {
    "lamini": ["prefect", "ray", "mlflow", "duckdb", "flows", "warehouse"],
    "warehouse": [
        *("prefect", "ray", "mlflow", "torch", "transformers", "lance"),
        *("flows", "lamini"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("package", ["lamini", "warehouse"])
def test_package_imports_without(package):
    block = f"import sys; sys.modules.update(dict.fromkeys({FORBIDDEN[package]!r}))"
    walk = (
        f"import importlib, pkgutil, {package}; "
        f"found = pkgutil.walk_packages({package}.__path__, '{package}.'); "
        "[importlib.import_module(m.name) for m in found]"
    )
    subprocess.run([sys.executable, "-c", f"{block}; {walk}"], check=True)


def test_help_imports_nothing_slow():
    slow = ["torch", "transformers", "prefect", "ray", "mlflow", "duckdb", "pyarrow", "pydantic"]
    code = (
        "import sys; from typer.testing import CliRunner; from flows.cli import app; "
        "result = CliRunner().invoke(app, ['--help']); assert 'ingest' in result.stdout; "
        f"sys.exit(', '.join(name for name in {slow!r} if name in sys.modules) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_look_at_the_sources_imports_neither_model_nor_tracking():
    """It is a process of its own every few minutes."""
    slow = ["torch", "transformers", "ray", "mlflow", "matplotlib"]
    code = (
        "import sys, flows.watch_sources; "
        f"sys.exit(', '.join(name for name in {slow!r} if name in sys.modules) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
