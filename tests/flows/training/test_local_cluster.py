"""Ray while a run works: what listens where, and what somebody without the run's token gets."""

import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SERVICES = {
    "gcs_server": "NodeInfoGcsService/GetAllNodeInfo",
    "raylet": "NodeManagerService/RequestWorkerLease",
    "raylet's objects": "ObjectManagerService/Pull",
    "worker": "CoreWorkerService/PushTask",
}
"""What a stranger would call to run code or to read data: a process kind has one of them."""
UNIMPLEMENTED, UNAUTHENTICATED = "12", "16"
PATIENCE_SECONDS = 15.0
"""A busy machine answers late; what never answers is no port of Ray."""
STRANGER = """
import os, sys
assert set(os.environ) <= {"LC_CTYPE"}  # Python's own; the process began with none
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # or Ray 2.60 looks not on loopback at all
import ray
ray.init(address=sys.argv[1], log_to_driver=False, _node_ip_address="127.0.0.1")
task = ray.remote(num_cpus=0)(os.getcwd)
print("ran in", ray.get(task.remote()))
"""


@pytest.fixture(scope="module")
def working(tmp_path_factory):
    """Two workers on a local cluster: gives what listened, and what was seen, while they worked."""
    import ray

    from flows.training.launch import cluster

    home = tmp_path_factory.mktemp("home")
    others = {process.pid for process in psutil.Process().children(recursive=True)}
    with cluster(2):
        folder = Path(ray.get_runtime_context().get_temp_dir()).parent
        seen = {
            "address": ray.get_runtime_context().gcs_address,
            "folder": folder,
            "mode": stat.S_IMODE(folder.stat().st_mode),
            "token": os.environ["RAY_AUTH_TOKEN"],
        }
        fit_two_workers(home, lambda: seen.update(look(seen, others)))
    return seen


def fit_two_workers(folder, look):
    """Have two workers meet, one of them killed the first time, and look before they end."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from flows.training.local_cluster import LocalTorch

    died, met, looked = folder / "died", folder / "met", folder / "looked"

    def work(_):
        import ray.train
        import torch
        from torch import distributed

        leads = ray.train.get_context().get_world_rank() == 0
        ray.train.report({})  # the group has started: before, its death would be the controller's
        if not leads and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        ones = torch.ones(1)
        distributed.all_reduce(ones)
        if leads:
            met.touch()
        while not looked.exists():
            time.sleep(0.05)
        return ones.item()

    def look_when_met():
        while not met.exists():
            time.sleep(0.05)
        try:
            look()
        finally:
            looked.touch()

    thread = threading.Thread(target=look_when_met, daemon=True)
    thread.start()
    result = TorchTrainer(
        work,
        torch_config=LocalTorch(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=2),
        run_config=RunConfig(
            name="meeting",
            storage_path=str(folder / "ray"),
            failure_config=FailureConfig(max_failures=1),
        ),
    ).fit()
    thread.join()
    assert result.return_value == 2
    assert died.exists()


def look(seen, others):
    """Look at this process and what it has started but for `others`, such as a test's server."""
    started = psutil.Process().children(recursive=True)
    processes = [psutil.Process(), *(found for found in started if found.pid not in others)]
    stranger = subprocess.run(
        [sys.executable, "-c", STRANGER, seen["address"]],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    listening = [found for process in processes for found in ports_of(process)]
    with ThreadPoolExecutor(len(listening)) as pool:
        got = dict(pool.map(lambda found: (found[2], ask(found[2])), listening))
    return {
        "listening": listening,
        "got": got,
        "stranger": stranger,
        "told": [words_of(process) for process in processes],
    }


def ports_of(process):
    """Kind, address and port of each socket on which the process listens, if it lives still."""
    try:
        connections = process.net_connections("tcp")
        name = kind(process)
    except psutil.NoSuchProcess:
        return []
    return [
        (name, connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for connection in connections
        if connection.status == psutil.CONN_LISTEN
    ]


def words_of(process):
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def kind(process):
    words = words_of(process)
    if process.pid == os.getpid():
        return "driver"
    for word, name in (("monitor.py", "monitor"), ("RuntimeEnv", "runtime env agent")):
        if word in words:
            return name
    if words.startswith("ray::"):
        return "worker"
    # A worker that starts has no name of its own yet; the raylet knows how to start one.
    name = process.name()
    return "worker" if name.startswith("python") and "default_worker.py" in words else name


def ask(port):
    """What each service of Ray says to somebody without a token; or what plain HTTP gives."""
    try:
        with httpx.Client(http1=False, http2=True, timeout=PATIENCE_SECONDS) as client:
            said = {
                client.post(
                    f"http://127.0.0.1:{port}/ray.rpc.{method}",
                    content=bytes(5),
                    headers={"content-type": "application/grpc", "te": "trailers"},
                ).headers.get("grpc-status")
                for method in SERVICES.values()
            }
        return "Ray's token" if said == {UNIMPLEMENTED, UNAUTHENTICATED} else str(said)
    except httpx.HTTPError:
        pass
    try:
        code = httpx.post(
            f"http://127.0.0.1:{port}/get_runtime_envs_info", timeout=PATIENCE_SECONDS
        ).status_code
    except httpx.HTTPError:
        return "none"
    return {401: "Ray's token", 405: "none"}[code]


def listed():
    """The table of infra/README.md, without what it says in words."""
    readme = (ROOT / "infra" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| Ray: ([^|]+?) \| ([^|]+?) \| ([^|:]+?)(?:: [^|]*)? \|", readme, re.M)
    return {tuple(row) for row in rows}


def test_what_listens_while_workers_work_is_what_the_readme_lists(working):
    found = {(kind, ip, working["got"][port]) for kind, ip, port in working["listening"]}
    assert found == listed()


def test_a_stranger_with_a_clean_environment_is_refused(working):
    stranger = working["stranger"]
    assert stranger.returncode != 0
    assert "ran in" not in stranger.stdout
    assert re.search("[Aa]uth.*token", stranger.stderr)


def test_the_token_is_on_no_command_line_and_gone_after_the_run(working):
    assert len(working["token"]) == 64
    assert not [words for words in working["told"] if working["token"] in words]
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_rays_folder_is_ours_alone_and_gone_after_the_run(working):
    assert working["mode"] == 0o700
    assert not working["folder"].exists()


@pytest.mark.parametrize("long", [False, True])
def test_a_temporary_folder_with_a_long_path_is_left_for_tmp(tmp_path, monkeypatch, long):
    from flows.training.local_cluster import _short_folder

    folder = "/" + "x" * (90 if long else 10)
    monkeypatch.setenv("RAY_TMPDIR", folder)
    assert _short_folder() == ("/tmp" if long else folder)
