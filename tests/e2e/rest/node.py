"""One node on free loopback ports, stopped and removed at the end."""

import base64
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[3]
QUERND = Path(os.environ.get("QUERND", ROOT / "target/debug/quernd"))
CHAIN = "quern-rest-1"
FUNDS = 10**12
ENVIRONMENT = os.environ | {"QUERN_KEYRING_PASSWORD": "only-for-this-test-network"}
NAMES = ("one", "two", "three")


def free_ports(count):
    """Held together until all are chosen, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Node:
    """`contracts` gives it the chain's own contracts, and the first account as its host."""

    def __init__(self, contracts=False):
        self.folder = tempfile.TemporaryDirectory(prefix="quern-rest-")
        self.home = Path(self.folder.name) / "home"
        rpc, p2p, grpc, rest, metrics = free_ports(5)
        self.rpc, self.rest = f"http://127.0.0.1:{rpc}", f"http://127.0.0.1:{rest}"
        self.grpc = f"127.0.0.1:{grpc}"
        self.quernd(
            "init", "rest", "--chain-id", CHAIN, "--pace", "fast", "--rpc-port", rpc, "--p2p-port", p2p,
            "--grpc-port", grpc, "--api-port", rest, "--telemetry-port", metrics,
        )
        self.quernd("config", "set", "app", "api.enabled-unsafe-cors", "true")
        self.quernd("config", "set", "app", "minimum-gas-prices", "0.01nqrn")
        self.accounts = {}
        for name in NAMES:
            self.accounts[name] = json.loads(self.quernd("keys", "add", name, "-o", "json"))
            self.quernd("genesis", "add-account", self.accounts[name]["address"], f"{FUNDS}nqrn")
        if contracts:
            self.host(NAMES[0])
        self.log = Path(self.folder.name) / "node.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [QUERND, "start", "--home", self.home], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                env=ENVIRONMENT,
            )
        self.wait("block", lambda: self.height() >= 3)

    def host(self, name):
        key = base64.b64encode(bytes([9] * 32)).decode()
        self.quernd("genesis", "add-system", "--contracts", ROOT / "contracts/artifacts", "--profile", "localnet")
        path = self.home / "config/genesis.json"
        genesis = json.loads(path.read_text())
        for contract in genesis["app_state"]["system"]["contracts"]:
            if contract["name"] == "bonding":
                # what leaves is there to ask about until the test ends
                contract["init"]["params"] |= {"unbonding_blocks": 4000, "bucket_blocks": 200}
        path.write_text(json.dumps(genesis))
        self.quernd(
            "genesis", "gentx", name, "--amount", "100qrn", "--endpoint", "https://127.0.0.1:8443",
            "--transport-key", key, "--warm-key", self.quernd("keys", "show", name, "-p").strip(),
        )
        self.quernd("genesis", "collect")

    def quernd(self, *command):
        done = subprocess.run(
            [str(part) for part in (QUERND, *command, "--home", self.home)], capture_output=True, text=True,
            env=ENVIRONMENT, stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise RuntimeError(f"quernd {' '.join(map(str, command))}: {done.stderr}")
        return done.stdout

    def height(self):
        try:
            answer = self.get("/cosmos/base/tendermint/v1beta1/blocks/latest")
        except requests.ConnectionError:
            return 0
        return int(answer.json()["block"]["header"]["height"]) if answer.status_code == 200 else 0

    def get(self, path, **options):
        return requests.get(self.rest + path, timeout=20, **options)

    def post(self, path, body, **options):
        return requests.post(self.rest + path, json=body, timeout=20, **options)

    def wait(self, what, question, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = question()
            if answer:
                return answer
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"no {what} in {seconds} s; the node said:\n{self.log.read_text()[-4000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            text = self.log.read_text()
            self.folder.cleanup()
        assert code == 0, f"the node ended with {code}: {text[-2000:]}"
        assert "panicked" not in text, text[-4000:]


_node = None


def node():
    """The one node of the run."""
    global _node
    if _node is None:
        import unittest

        _node = Node()
        unittest.addModuleCleanup(_stop)
    return _node


def _stop():
    global _node
    stopping, _node = _node, None
    if stopping:
        stopping.stop()
