"""Ray: three virtual machines on this one, workers that die, nothing lost and nothing doubled."""

import hashlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents import cluster

# Ray reads its environment when it is imported. The times are for machines with much other work.
os.environ.update(cluster.PRIVATE)
os.environ.update(RAY_agent_register_timeout_ms="300000", RAY_gcs_server_port_wait_time_s="300")
os.environ.update(RAY_health_check_timeout_ms="60000", RAY_worker_register_timeout_seconds="300")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
pytest.importorskip("ray", reason="needs Ray: make test-cluster")
import ray
from ray.cluster_utils import Cluster

from agents.classical import make_policy
from agents.evaluation import evaluate
from agents.learned import network_training
from agents.learned.settings import EvolutionSettings
from agents.rollout import play
from envs.scenario import load_scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DUEL = load_scenario("duel")
SEEDS = range(600)
ES = EvolutionSettings(
    iterations=2, raids=32, pairs=16, hidden=4, num_envs=128, validation_raids=600
)


def machine() -> dict[str, int]:
    """A virtual machine of one core; with ports given, it does not wait until its agents tell."""
    names = ("metrics_agent_port", "metrics_export_port")
    names += ("dashboard_agent_listen_port", "runtime_env_agent_port")
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in names]
        for one in found:
            one.bind(("", 0))
        ports = [one.getsockname()[1] for one in found]
    return {"num_cpus": 1, **dict(zip(names, ports, strict=True))}


@pytest.fixture(scope="module")
def machines():
    """A head, to which the tests add machines."""
    found = Cluster(initialize_head=True, head_node_args={**machine(), "include_dashboard": False})
    try:
        yield found
    finally:
        ray.shutdown()
        found.shutdown()


def same(one, other) -> bool:
    return list(one) == list(other) and all(
        one[name].tobytes() == other[name].tobytes() for name in one
    )


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "checkpoint").iterdir())}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Rows and a training of this process alone."""
    folder = tmp_path_factory.mktemp("alone")
    network_training.fit(ES, DUEL, folder)
    return play(make_policy("wta_pricing", DUEL), DUEL, SEEDS), files(folder)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_two_or_three_machines_give_what_this_process_gives(
    count: int, machines, alone, tmp_path
) -> None:
    while len(machines.list_all_nodes()) < count:
        machines.add_node(**machine())
    machines.wait_for_nodes()
    policies = {name: make_policy(name, DUEL) for name in ("wta_greedy", "wta_pricing")}
    with cluster.workers(machines.address) as mapped:
        assert len([node for node in ray.nodes() if node["Alive"]]) == count
        found = evaluate(policies, DUEL, SEEDS, bound=count == 3, mapped=mapped)
        network_training.fit(ES, DUEL, tmp_path, mapped=mapped)
    assert same(found.results["wta_pricing"].rows, alone[0])
    assert (found.bound is not None) == (count == 3)
    assert files(tmp_path) == alone[1]


def square(folder: str, number: int, deadly: int, slow_on: str = "") -> int:
    """Note that it was begun; kill the worker the first time that the deadly job is begun."""
    again = any(path.name.startswith(f"{number}-") for path in Path(folder).iterdir())
    node = ray.get_runtime_context().get_node_id()
    Path(folder, f"{number}-{os.getpid()}-{node}").touch()
    if number == deadly and not again:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600.0 if node == slow_on else 0.05)
    return number * number


def begun(folder: Path) -> list[int]:
    return [int(path.name.split("-")[0]) for path in folder.iterdir()]


def test_jobs_of_a_killed_worker_are_done_again_and_counted_once(machines, tmp_path) -> None:
    with cluster.workers(machines.address) as mapped:
        found = list(mapped(square, [(str(tmp_path), n, 7) for n in range(40)]))
    assert found == [n * n for n in range(40)]
    assert begun(tmp_path).count(7) >= 2
    assert set(begun(tmp_path)) == set(range(40))


def test_a_machine_that_ends_loses_nothing(machines, tmp_path) -> None:
    gone = machines.add_node(**machine())
    machines.wait_for_nodes()
    with cluster.workers(machines.address) as mapped:
        results = mapped(square, [(str(tmp_path), n, -1, gone.node_id) for n in range(40)])
        on_it: list[int] = []
        while not on_it:  # it never ends a job that it has begun
            time.sleep(0.1)
            names = [path.name.split("-") for path in tmp_path.iterdir()]
            on_it = [int(number) for number, _, node in names if node == gone.node_id]
        machines.remove_node(gone, allow_graceful=False)
        found = list(results)
    assert found == [n * n for n in range(40)]
    assert all(begun(tmp_path).count(number) >= 2 for number in on_it)


def test_a_killed_worker_changes_no_row_of_an_evaluation(machines, alone) -> None:
    policies = {name: make_policy(name, DUEL) for name in ("wta_greedy", "wta_pricing")}
    killed: list[int] = []
    with cluster.workers(machines.address) as mapped:
        killer = threading.Thread(target=_kill_a_worker, args=(killed,))
        killer.start()
        found = evaluate(policies, DUEL, SEEDS, bound=True, mapped=mapped)
        killer.join()
    assert len(killed) == 1
    assert same(found.results["wta_pricing"].rows, alone[0])


def _kill_a_worker(killed: list[int]) -> None:
    """Kill a process of Ray's that is at a job, and note which."""
    deadline = time.monotonic() + 60
    while not killed and time.monotonic() < deadline:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes()
            except OSError:
                continue
            if words.startswith(b"ray::_work"):
                os.kill(int(path.parent.name), signal.SIGKILL)
                killed.append(int(path.parent.name))
                return


def fails(number: int) -> None:
    raise ValueError(f"job {number} is wrong")


def test_an_error_in_a_job_is_the_callers(machines) -> None:
    with cluster.workers(machines.address) as mapped, pytest.raises(ValueError, match="job 1"):
        list(mapped(fails, [(1,)]))


def test_another_version_on_a_machine_is_refused(machines, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "fingerprint", lambda: "envs-0")
    with cluster.workers(machines.address) as mapped, pytest.raises(RuntimeError, match="another"):
        list(mapped(abs, [(1,)]))


CONNECT = "import ray; ray.init({address!r}, log_to_driver=False); print('connected')"


def connects(address: str, token: str, seconds: float) -> tuple[bool, str]:
    """Whether somebody with this token gets in within a time, and what is said meanwhile."""
    environment = {**os.environ, "RAY_AUTH_TOKEN": token}
    command = [sys.executable, "-c", CONNECT.format(address=address)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        words = process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:  # it asks again and again
        process.kill()
        words = process.communicate()[0]
    return "connected" in words, words


def test_who_does_not_know_the_token_stays_outside(machines) -> None:
    assert connects(machines.address, os.environ["RAY_AUTH_TOKEN"], 300.0)[0]
    inside, words = connects(machines.address, "0" * 64, 30.0)
    assert not inside
    assert "Unauthenticated" in words


LOCAL = """
import hashlib
from agents.classical import make_policy
from agents.cluster import workers
from agents.rollout import play_everywhere
from envs.scenario import load_scenario

duel = load_scenario("duel")
with workers("local") as mapped:
    import ray
    from ray._common.usage.usage_lib import usage_stats_enabled
    from ray._private.worker import get_dashboard_url

    print([node["NodeManagerAddress"] for node in ray.nodes()])
    print("usage", usage_stats_enabled(), "dashboard", bool(get_dashboard_url()))
    rows = play_everywhere(mapped, make_policy("wta_pricing", duel), duel, range(600))
print("running", ray.is_initialized(), hashlib.sha256(rows["loss"].tobytes()).hexdigest())
"""


def test_workers_on_this_machine_are_private_and_end_with_their_caller(alone) -> None:
    private = (*cluster.PRIVATE, "RAY_AUTH_TOKEN")
    own = {name: value for name, value in os.environ.items() if name not in private}
    command = [sys.executable, "-c", LOCAL]
    ended = subprocess.run(command, env=own, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    addresses, kept, result = ended.stdout.splitlines()[-3:]
    assert addresses == "['127.0.0.1']"
    assert kept == "usage False dashboard False"
    digest = hashlib.sha256(alone[0]["loss"].tobytes()).hexdigest()
    assert result == f"running False {digest}"
