"""A sixth node, which joins the running network from its genesis alone."""

import json
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from network import ENVIRONMENT, QUERND, get, quernd, run

# Seconds that a stopped node's state may take to read.
PATIENCE = 60
# What must be among the invariants that are checked.
CONTRACTS = {"audits/balance", "bonding/balance", "bonding/positions", "rewards/balance", "settlement/escrows",
             "staking/completions"}


class Joiner:
    """A node that is no validator."""

    def __init__(self, network):
        self.network, self.home = network, network.dir / "sixth/node"
        sockets = [socket.socket() for _ in range(4)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        rpc, p2p, grpc, telemetry = (each.getsockname()[1] for each in sockets)
        for each in sockets:
            each.close()
        ports = ["--rpc-port", rpc, "--p2p-port", p2p, "--grpc-port", grpc, "--telemetry-port", telemetry]
        quernd("init", "sixth", "--home", self.home, "--chain-id", network.net["chain_id"], *ports)
        first = Path(network.net["nodes"][0]["home"])
        shutil.copy(first / "config/genesis.json", self.home / "config/genesis.json")
        peers = []
        for node in network.net["nodes"]:
            status = get(f"{node['rpc']}/status")["result"]["node_info"]
            peers.append(f"{status['id']}@{status['listen_addr'].removeprefix('tcp://')}")
        for key, value in [("p2p.persistent_peers", ",".join(peers)), ("p2p.allow_duplicate_ip", "true"),
                           ("p2p.addr_book_strict", "false")]:
            run("config", "set", "config", key, value, "--home", self.home)
        self.rpc = f"http://127.0.0.1:{rpc}"
        log = (network.dir / "logs/sixth.log").open("w")
        self.process = subprocess.Popen(
            [str(QUERND), "start", "--home", str(self.home)], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env=ENVIRONMENT, start_new_session=True,
        )

    def height(self):
        status = get(f"{self.rpc}/status")
        return int(status["result"]["sync_info"]["latest_block_height"]) if status else 0

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def rows(home, height):
    """A stopped node's state: every key with its value. In bounded time: while it is asked, no signal ends the run."""
    command = [str(QUERND), "state", "--home", str(home), "--height", str(height)]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=True, timeout=PATIENCE)
    return dict(line.split(" ") if " " in line else (line, "") for line in done.stdout.splitlines())


def compare(homes, height, checks):
    """All nodes have the same state, key by key."""
    name = "all nodes have the same state, key by key"
    try:
        first = rows(homes[0], height)
        different = {}
        for home in homes[1:]:
            other = rows(home, height)
            keys = [key for key in first.keys() | other.keys() if first.get(key) != other.get(key)]
            if keys:
                different[str(home)] = keys[:3]
    except subprocess.SubprocessError as error:
        checks.that(name, False, error)
        return
    checks.that(name, len(first) > 100 and not different,
                different or f"{len(homes)} nodes, {len(first)} keys at block {height}")


def books(home, checks):
    """Every invariant of a stopped node's state, as `quernd invariants` checks them."""
    name = "the books of every module and contract agree"
    command = [str(QUERND), "invariants", "--home", str(home), "-o", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=PATIENCE)
        held = json.loads(done.stdout)["held"] if done.returncode == 0 else []
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        checks.that(name, False, error)
        return
    missing = CONTRACTS - set(held)
    checks.that(name, not missing, f"{len(held)} invariants" if held else done.stderr.strip() or f"missing: {missing}")
