"""Have a Ray cluster on this machine that nobody else can use, for as long as a block lasts.

Whoever reaches a port of Ray runs code as us. So all of them listen on loopback and want a token
that only this run knows, and Ray's sockets and logs lie in a folder that only we can read. What
listens where, and what a stranger gets there, is listed in infra/README.md.
"""

import contextlib
import logging
import os
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import ray
from ray._private import ray_constants
from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]
from ray.train.torch import TorchConfig
from ray.train.torch.config import _set_torch_distributed_env_vars, _TorchBackend

_LOOPBACK = "127.0.0.1"
_OBJECT_STORE_BYTES = 200 * 1024**2
# Ray 2.60 gives its daemons 30 s to come up, fixed in its code; a busy machine needs longer.
_START_ATTEMPTS = 6
# Of a socket's path, less what Ray puts there: session_<time>_<process>/sockets/plasma_store.
_LONGEST_FOLDER = 107 - 64 - len("/lamini-ray-12345678/r")
log = logging.getLogger(__name__)


@contextlib.contextmanager
def local_cluster(num_cpus: int) -> Iterator[None]:
    """Start the cluster and connect to it; at the end nothing of it is left.

    A block that fails leaves the folder of Ray's logs, and says where it is.
    """
    folder = Path(tempfile.mkdtemp(prefix="lamini-ray-", dir=_short_folder()))
    with _private_network():
        try:
            _start(num_cpus, folder / "r")  # which Ray opens to all, but nobody gets that far
            yield
        except BaseException:
            log.info("Ray's logs of this run lie in %s", folder)
            raise
        finally:
            ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def _start(num_cpus: int, folder: Path) -> None:
    for attempt in range(_START_ATTEMPTS):
        try:
            ray.init(
                num_cpus=num_cpus,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                configure_logging=False,
                _temp_dir=str(folder),
            )
            return
        except Exception as error:
            ray.shutdown()
            if attempt + 1 == _START_ATTEMPTS or "timed out during startup" not in str(error):
                raise
            log.warning("Ray did not come up in time; starting it again")


def _short_folder() -> str:
    """Return where temporary files go, or /tmp where Ray's sockets would have too long a path."""
    usual = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= _LONGEST_FOLDER else "/tmp"


@contextlib.contextmanager
def _private_network() -> Iterator[None]:
    """Have Ray on loopback with a token of this run, here and in the processes it starts.

    A child's environment is read by its user alone; a command line or a file might not be. Ray 2.60
    takes loopback for a node's address only where it believes that there are no clusters, and binds
    its servers to it then. It reads both once, so it is told anew.
    """
    changed = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0",
        "GLOO_SOCKET_IFNAME": _loopback_interface(),
        "NCCL_SOCKET_IFNAME": _loopback_interface(),
    }
    before = {name: os.environ.get(name) for name in changed}
    clusters = ray_constants.ENABLE_RAY_CLUSTER
    os.environ.update(changed)
    ray_constants.ENABLE_RAY_CLUSTER = False
    _read_authentication_anew()
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters
        for name, text in before.items():
            if text is None:
                del os.environ[name]
            else:
                os.environ[name] = text
        _read_authentication_anew()


def _read_authentication_anew() -> None:
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


def _loopback_interface() -> str:
    addresses = psutil.net_if_addrs()
    return next(n for n, found in addresses.items() if any(a.address == _LOOPBACK for a in found))


@dataclass
class LocalTorch(TorchConfig):  # type: ignore[misc]
    """Torch's process group of workers that are all on this machine: they meet in a file.

    Ray's own has them meet at torch's TCPStore, which listens on all interfaces and asks nobody who
    they are.
    """

    @property
    def backend_cls(self) -> type:
        return _MeetInFile


class _MeetInFile(_TorchBackend):  # type: ignore[misc]
    def on_start(self, worker_group: Any, backend_config: LocalTorch) -> None:
        worker_group.execute(_set_torch_distributed_env_vars)
        file = Path(ray.get_runtime_context().get_temp_dir()) / f"meeting-{uuid.uuid4().hex}"
        size = len(worker_group)
        met = [
            worker_group.execute_single_async(
                i,
                _meet,
                file,
                backend=backend_config.backend,
                world_rank=i,  # `rank` is a parameter of the method itself
                world_size=size,
                timeout_s=backend_config.timeout_s,
            )
            for i in range(size)
        ]
        ray.get(met)


def _meet(file: Path, *, backend: str, timeout_s: int, world_rank: int, world_size: int) -> None:
    from torch import distributed
    from torch._C._distributed_c10d import FileStore

    distributed.init_process_group(
        backend,
        store=FileStore(str(file), world_size),
        rank=world_rank,
        world_size=world_size,
        timeout=timedelta(seconds=timeout_s),
    )
