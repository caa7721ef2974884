"""A sweep through a real SLURM of one machine: `make test-slurm`.

As root, with Debian's packages slurm-wlm and munge; both run for the test alone, in its own folder.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.test_sweep import TINY, made

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("SLURM_NEEDED") is None, reason="needs root and SLURM: make test-slurm"
    ),
]

ROOT = Path(__file__).parents[1]
LONGER = [*TINY, "agent.generations=400"]
CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# Jobs that are queued again wait until their credentials have run out: two minutes otherwise.
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=1,sched_interval=5
MpiDefault=none
ReturnToService=2
NodeName={host} CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what: Callable[[], object], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.2)


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A SLURM of this machine alone; its folder."""
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    ports = {"controller_port": free_port(), "node_port": free_port()}
    text = CONFIGURATION.format(host=socket.gethostname(), folder=folder, **ports)
    (folder / "slurm.conf").write_text(text)
    (folder / "munge.key").write_bytes(secrets.token_bytes(1024))
    (folder / "munge.key").chmod(0o400)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log"}
    options = [f"--{name}={folder}/munge.{suffix}" for name, suffix in files.items()]
    commands = [
        ["munged", "--foreground", "--force", *options, f"--seed-file={folder}/munge.seed"],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", socket.gethostname()],
    ]
    running = []
    try:
        for command in commands:
            found = shutil.which(command[0], path=f"{os.environ['PATH']}:/usr/sbin")
            assert found is not None, f"{command[0]} is not installed"
            output = (folder / f"{command[0]}.out").open("w")
            running.append(subprocess.Popen([found, *command[1:]], stdout=output, stderr=output))
            if command[0] == "munged":
                wait_for((folder / "munge.socket").exists, 30)
        wait_for(lambda: "idle" in ask("sinfo", "--noheader", "--format=%t"), 60)
        yield folder
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(30)


def ask(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def states() -> str:
    return ask("squeue", "--noheader", "--array", "--format=%i %T")


def test_a_sweep_goes_through_slurm_and_a_job_that_is_queued_again_resumes(
    slurm: Path, tmp_path: Path
) -> None:
    log: list[str] = []

    def watch() -> None:
        """Once a run has saved some generations, have SLURM queue its job again."""
        wait_for(lambda: progress(tmp_path / "swept", 0) >= 2, 600)
        log.append(states())
        job = next(line.split()[0] for line in log[0].splitlines() if "_0 " in line)
        subprocess.run(["scontrol", "requeue", job], check=True)
        log.append(states())

    watcher = threading.Thread(target=watch)
    watcher.start()
    train("-m", f"sweep={tmp_path}/swept", "seed=0,1", *LONGER, "hydra/launcher=slurm")
    watcher.join()
    print(*log, sep="\n")
    assert "RUNNING" in log[0]
    assert states() == ""
    told = "".join(p.read_text() for p in (tmp_path / "swept/.submitit").rglob("*_0_0_log.out"))
    assert told.count("run: ") == 2  # begun twice
    assert told.count("stopped and saved") == 1
    runs = made(tmp_path / "swept")
    assert sorted(runs) == [0, 1]
    assert all((run / "results.json").is_file() for run in runs.values())
    train("-m", f"sweep={tmp_path}/whole", "seed=0", *LONGER)
    whole = made(tmp_path / "whole")[0]
    assert (runs[0] / "weights.yaml").read_bytes() == (whole / "weights.yaml").read_bytes()
    assert (runs[0] / "history.json").read_bytes() == (whole / "history.json").read_bytes()


def train(*arguments: str) -> None:
    environment = {**os.environ, "HYDRA_FULL_ERROR": "1"}
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=1500)


def progress(folder: Path, seed: int) -> int:
    """Generations that a run of a sweep has saved."""
    run = made(folder).get(seed)
    if run is None or not (run / "history.json").is_file():
        return 0
    return len(json.loads((run / "history.json").read_text())["fitness"])
