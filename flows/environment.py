"""The environment that Prefect, Ray, MLflow and transformers get, and where MLflow's state lies."""

import atexit
import contextlib
import logging
import os
import stat
from pathlib import Path

log = logging.getLogger(__name__)
_TOKENS = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}


def environment(home: Path) -> dict[str, str]:
    """Return the environment of Prefect, Ray, MLflow and transformers for state under `home`.

    To be in place before any of them is imported. Everything stays on this machine: no telemetry,
    no model hub, and requests to our own servers pass by no proxy.
    """
    local = "127.0.0.1,localhost"
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    direct = f"{no_proxy},{local}" if no_proxy and local not in no_proxy else no_proxy or local
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # Also of the server that Prefect starts by itself for a flow that is called by hand.
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://127.0.0.1",  # any, by default
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",  # MLflow knows no other word for it
        "RAY_USAGE_STATS_ENABLED": "0",
        # Of a cluster that the user has; a local one has a token of its own (local_cluster.py).
        "RAY_AUTH_MODE": "token" if _TOKENS & os.environ.keys() else "disabled",
        "RAY_worker_niceness": "0",  # 15 by default: any other work on the machine starves training
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # 2.0 by default, and each report waits for it
        "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # there is no preemption on one machine
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "180",  # 60 by default, tight on two cores
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "LANCE_LOG": "error",  # it warns of every dataset that it creates
        "MPLBACKEND": "Agg",
        "GIT_PYTHON_REFRESH": "quiet",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def apply_environment(home: Path) -> None:
    """Put `environment` in place; only where our state lies overrules what the user has set.

    From here on, what this process and its children write is their user's alone (`keep_private`).
    """
    keep_private(home)
    for name, value in environment(home).items():
        if name in ("PREFECT_HOME", "NO_PROXY", "no_proxy"):
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
    with contextlib.suppress(OSError):  # whoever writes there next says it better
        (home / "prefect").mkdir(parents=True, exist_ok=True)


def keep_private(home: Path) -> None:
    """Have the home, and what this process and its children write, read by its user alone.

    A home that others may enter, as older versions made them, is put right, and the user is told.
    """
    os.umask(0o077)
    if not _is_open(home):
        return
    for folder, _, names in os.walk(home):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            if not path.is_symlink():
                with contextlib.suppress(OSError):  # it is gone since, or somebody else's
                    path.chmod(path.stat().st_mode & ~0o077)
    log.warning("%s and all in it were open to other users, and are yours alone from now on", home)


def _is_open(home: Path) -> bool:
    """Whether others may enter it; false for what is not ours, or was never only a home."""
    try:
        found = home.stat()
        names = {path.name for path in home.iterdir()}
    except OSError:
        return False
    shared = found.st_uid != os.getuid() or found.st_mode & stat.S_ISVTX or home == Path.home()
    is_home = not names or names & {"warehouse", "runs", "prefect", "mlflow"}
    return bool(found.st_mode & 0o077 and is_home and not shared)


def mlflow_database(home: Path) -> Path:
    """Return the file of the MLflow database under `home`."""
    return home / "mlflow" / "mlflow.db"


def mlflow_uri(home: Path) -> str:
    """Return the tracking URI of the MLflow database under `home`."""
    return f"sqlite:///{mlflow_database(home)}"


def mlflow_artifacts(home: Path) -> str:
    """Return the URI of the folder of MLflow's artifacts under `home`."""
    return (home / "mlflow" / "artifacts").as_uri()


def end_quietly() -> None:
    """Keep DuckDB from listing leaks at exit; to be called before Prefect is imported.

    DuckDB 2.0.0 (nanobind) lists them on stderr while Prefect's threads still live. What is
    registered first runs last. To be removed when a DuckDB no longer does it.
    """
    atexit.register(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 2))
