"""A real SLURM on this machine: slurmctld and slurmd under a configuration of their own.

Needs root, and `slurm-wlm` and `munge` of the distribution.
"""

from contextlib import contextmanager, suppress
import os
from pathlib import Path
import shutil
import signal
import socket
import subprocess

from busy import HANG, await_that

GPUS = 4
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={daemon_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=30
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0
KillWait=60
SlurmdTimeout=3600
BatchStartTimeout=1200
UnkillableStepTimeout=1200
MessageTimeout=30
InactiveLimit=0
MinJobAge=2
MaxArraySize=16
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 Gres=gpu:{gpus} State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gentle Nodes={host} PriorityTier=2 GraceTime=300 State=UP
PartitionName=abrupt Nodes={host} PriorityTier=2 State=UP
PartitionName=urgent Nodes={host} PriorityTier=3 PreemptMode=OFF State=UP
"""


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Cluster:
    """The daemons of the cluster, each stopped by the pid it was started with."""

    def __init__(self, folder: Path, cpus: int = 2) -> None:
        missing = [name for name in ("slurmctld", "slurmd", "munge") if not shutil.which(name)]
        assert not missing, f"{missing} are not here; see the README on the tests named slurm"
        assert os.geteuid() == 0, "slurmd wants root; see the README on the tests named slurm"
        subprocess.run(["munge", "--no-input"], check=True, capture_output=True)  # munged runs
        self.folder = folder
        for name in ("state", "spool", "devices"):
            (folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        for k in range(GPUS):  # null devices instead of accelerators
            subprocess.run(["mknod", folder / "devices" / f"gpu{k}", "c", "1", "3"], check=True)
        (folder / "gres.conf").write_text(
            f"NodeName={host} Name=gpu File={folder}/devices/gpu[0-{GPUS - 1}]\n")
        (folder / "slurm.conf").write_text(CONFIGURATION.format(
            host=host, folder=folder, cpus=cpus, gpus=GPUS,
            controller_port=_free_port(), daemon_port=_free_port()))
        self.env = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Starts slurmctld or slurmd."""
        with open(self.folder / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen([f"/usr/sbin/{name}", "-D"], env=self.env,
                                                  stdout=out, stderr=out, start_new_session=True)

    def stop(self, name: str) -> None:
        """Ends the daemon by its pid; running jobs are left alone."""
        daemon = self.daemons.pop(name)
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(HANG)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def say(self, *words: str) -> str:
        """Returns what a SLURM command prints."""
        return subprocess.run(words, env=self.env, check=True, capture_output=True, text=True,
                              timeout=HANG).stdout

    def queue(self) -> list[str]:
        """A line for every job that is pending or running: id, state."""
        return self.say("squeue", "--noheader", "--array", "--format=%i %T").splitlines()

    def await_empty(self) -> None:
        """Waits until no job is left."""
        await_that(lambda: not self.queue(), 0.3)

    def await_up(self) -> None:
        """Waits until the node takes jobs."""
        def idle() -> bool:
            with suppress(subprocess.SubprocessError):
                states = self.say("sinfo", "--noheader", "--partition=main", "--format=%t").split()
                return set(states) <= {"idle", "mix"}
            return False
        await_that(idle, 0.3)

    @contextmanager
    def closed(self):
        """The cluster accepts jobs and starts none."""
        self.say("scontrol", "update", "PartitionName=main", "State=DOWN")
        try:
            yield
        finally:
            self.say("scontrol", "update", "PartitionName=main", "State=UP")

    def __enter__(self):
        for name in ("slurmctld", "slurmd"):
            self.start(name)
        self.await_up()
        return self

    def __exit__(self, *error) -> None:
        with suppress(subprocess.SubprocessError):
            self.say("scancel", "--user=root", "--signal=KILL", "--full")
            self.say("scancel", "--user=root")
            self.await_empty()
        for name in list(self.daemons):
            self.stop(name)


class TwoNodes(Cluster):
    """Two nodes of this machine, each with a host name, a network and mounts of its own."""

    NODES = ("nodea", "nodeb")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.bridge, network = f"wae{os.getpid()}", f"10.{os.getpid() % 200 + 20}.113"
        path = folder / "slurm.conf"
        text = path.read_text().replace("(127.0.0.1)", f"({network}.1)")
        text = text.replace(f"{folder}/spool", f"{folder}/spool.%n").replace(
            f"{folder}/slurmd.", f"{folder}/slurmd.%n.").replace("GresTypes=gpu\n", "").replace(
            "KillWait=60", "KillWait=10")
        head, _ = text.split("NodeName=", 1)
        for k, name in enumerate(self.NODES):
            head += f"NodeName={name} NodeAddr={network}.{11 + k} CPUs=2 RealMemory=16000\n"
        path.write_text(head + "PartitionName=main Nodes=nodea,nodeb Default=YES State=UP\n")
        (folder / "gres.conf").write_text("")
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "address", "add", f"{network}.1/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")
        for k, name in enumerate(self.NODES):
            space, outer = self.space(name), self.link(name)
            run("ip", "netns", "add", space)
            run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
            run("ip", "link", "set", outer, "master", self.bridge, "up")
            run("ip", "-netns", space, "address", "add", f"{network}.{11 + k}/24", "dev", "eth0")
            for inner in ("eth0", "lo"):
                run("ip", "-netns", space, "link", "set", inner, "up")

    def space(self, node: str) -> str:
        """The name of a node's network namespace."""
        return f"{self.bridge}-{node}"

    def link(self, node: str) -> str:
        """The name of the network device that leads to a node."""
        return f"{self.bridge}{node[-1]}"

    def start(self, name: str, *before: str) -> None:
        """Starts slurmctld, slurmd on both nodes, or slurmd on the node of that name.

        `before`: shell commands that the node executes first."""
        if name == "slurmctld":
            super().start(name)
            return
        for node in self.NODES if name == "slurmd" else (name,):
            script = " && ".join((f"hostname {node}", *before, "exec slurmd -D"))
            with open(self.folder / f"{node}.out", "ab") as out:
                self.daemons[node] = subprocess.Popen(
                    ["nsenter", f"--net=/run/netns/{self.space(node)}", "unshare", "--uts",
                     "--mount", "sh", "-c", script],
                    env=self.env, stdout=out, stderr=out, start_new_session=True)

    def cut(self, node: str) -> None:
        """Takes the node off the network; the controller gives it up, its jobs go on."""
        run("ip", "link", "set", self.link(node), "down")
        self.say("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=cut")

    def switch_off(self, node: str) -> None:
        """Ends every process of the node at once; the controller gives it up."""
        for pid in run("ip", "netns", "pids", self.space(node)).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self.daemons.pop(node).wait()
        self.cut(node)

    def restore(self, node: str) -> None:
        """The node is there again."""
        run("ip", "link", "set", self.link(node), "up")
        if node not in self.daemons:
            self.start(node)
        self.say("scontrol", "update", f"NodeName={node}", "State=RESUME")
        self.await_up()

    def __exit__(self, *error) -> None:
        super().__exit__(*error)
        for node in self.NODES:
            run("ip", "netns", "delete", self.space(node))
        run("ip", "link", "delete", self.bridge)


def run(*words: str) -> str:
    """Runs a command to its end; returns what it prints."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
