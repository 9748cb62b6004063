"""MLflow's system metrics of a run: processor, memory, disk, network, and GPUs where there are any.

Of this machine alone: workers on other nodes are not seen.
"""

import contextlib
import logging
from collections.abc import Iterator

from flows.tracking.runs import TrackedRun

SAMPLING_SECONDS = 5.0
"""An update takes half a minute; MLflow's own 10 s would draw three points of it."""
log = logging.getLogger(__name__)


@contextlib.contextmanager
def system_metrics(run: TrackedRun) -> Iterator[None]:
    """Log system metrics to `run` for as long as the block lasts; a run gone on with is continued.

    It needs psutil, and for NVIDIA GPUs nvidia-ml-py, for AMD ones pyrsmi; what is lacking is left
    out.
    """
    monitor = None
    try:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
        monitor = SystemMetricsMonitor(
            run.run_id,
            sampling_interval=SAMPLING_SECONDS,
            resume_logging=True,
            tracking_uri=run.uri,
        )
        monitor.start()
    except Exception:
        log.warning("no system metrics of MLflow run %s", run.run_id, exc_info=True)
    try:
        yield
    finally:
        if monitor is not None:
            with contextlib.suppress(Exception):
                monitor.finish()
