"""The network of a demonstration: started, asked, hurt and stopped by the programs that operators use."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCALNET = ROOT / "target/debug/quern-localnet"
QUERND = ROOT / "target/debug/quernd"
ENVIRONMENT = os.environ | {"QUERN_KEYRING_PASSWORD": "only-for-this-test-network"}


def get(url, key=None):
    """A GET that answers JSON; none while nobody answers well."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def clear(folder):
    """Removes what a network that has ended left in a folder, and says so. Refuses one that runs, and anything else."""
    done = subprocess.run([LOCALNET, "--dir", folder, "clear"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().removeprefix("error: "))
    return done.stdout.strip()


def active_requests(metrics):
    """Requests that a worker computes, of all its models, in the text of its metrics."""
    counts = [line.split()[1] for line in metrics.splitlines() if line.startswith("quern_worker_active_requests")]
    if not counts:
        raise ValueError("the worker's metrics do not say how many requests are active")
    return sum(map(int, counts))


def run(*command):
    """Runs quernd for what it does."""
    words = [str(word) for word in (QUERND, *command)]
    done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[1:])}: {done.stderr.strip()}")


def quernd(*command, check=True):
    """Runs quernd and reads its JSON."""
    words = [str(word) for word in (QUERND, *command, "-o", "json")]
    done = subprocess.run(words, capture_output=True, text=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words[1:])}: {done.stderr.strip()} {done.stdout.strip()}")
    return json.loads(done.stdout or "null")


class Network:
    """A running network in a folder."""

    def __init__(self, folder, log, *options):
        self.dir, self.log = Path(folder).absolute(), Path(log)
        command = [LOCALNET, "--dir", self.dir, "up", "--root", ROOT, *options]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.net, self.rpc = {}, None

    def ready(self, seconds):
        """Waits until the whole network answers."""
        described = self.dir / "net.json"
        self.wait("network", described.is_file, seconds)
        self.net = json.loads(described.read_text())
        self.rpc = self.net["nodes"][0]["rpc"]

    def wait(self, what, question, seconds, pause=0.3):
        """Asks until the answer is true, and gives it back."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := question():
                return answer
            if self.process.poll() is not None:
                raise RuntimeError(f"the network ended; it said:\n{self.log.read_text()[-3000:]}")
            time.sleep(pause)
        raise TimeoutError(f"no {what} within {seconds} s")

    def stop(self):
        """Stops every process in order; the supervisor's exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()

    # --- names

    def account(self, name):
        return next(account for account in self.net["accounts"] if account["name"] == name)

    def host(self, number):
        """Address of a host."""
        return self.net["workers"][number]["host"]

    def moniker(self, address):
        names = {account["address"]: account["name"] for account in self.net["accounts"]}
        return names.get(address, address)

    # --- the chain

    def height(self, node=0):
        status = get(f"{self.net['nodes'][node]['rpc']}/status")
        return int(status["result"]["sync_info"]["latest_block_height"]) if status else 0

    def smart(self, contract, question, height=0):
        address = self.net["contracts"][contract]
        words = ["query", "wasm", "contract-state", "smart", address, json.dumps(question), "--node", self.rpc]
        return quernd(*words, "--height", height)["data"]

    def pages(self, contract, name, key, **fields):
        """A whole list: `key` names the entry's field that the next page begins after."""
        found, after = [], None
        while page := self.smart(contract, {name: fields | {"start_after": after, "limit": 30}}):
            found += page
            after = page[-1][key]
        return found

    def sessions(self):
        return self.pages("settlement", "sessions", "id")

    def balance(self, address):
        return int(quernd("query", "bank", "balance", address, "nqrn", "--node", self.rpc)["balance"]["amount"])

    def supply(self):
        return int(quernd("query", "bank", "total", "--denom", "nqrn", "--node", self.rpc)["amount"]["amount"])

    def tx(self, signer, *command, home=None):
        """Sends a transaction of the wallet's and waits for its block."""
        flags = ["--from", signer, "--home", home or self.dir / "accounts", "--node", self.rpc]
        flags += ["--chain-id", self.net["chain_id"], "--gas", "5000000", "--fees", "0nqrn", "-y", "--wait"]
        done = quernd("tx", *command, *flags, check=False)
        if not done or done["code"]:
            raise RuntimeError(f"{command}: {done}")
        return done

    # --- harm

    def processes(self, number):
        """Process ids of everything that runs a host, node and worker."""
        mine, found = f"{self.dir}/host{number}/", []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode().split("\0")
            except (FileNotFoundError, ProcessLookupError, UnicodeDecodeError):
                continue
            program = words[0].rsplit("/", 1)[-1]
            if program in ("quernd", "quern-worker") and any(word.startswith(mine) for word in words):
                found.append(int(process.name))
        return found

    @staticmethod
    def under_way(status):
        """Requests that a worker computes at this moment, by its metrics."""
        with urllib.request.urlopen(f"{status}/metrics", timeout=10) as answer:
            return active_requests(answer.read().decode())

    @staticmethod
    def kill(processes):
        """Ends processes that were found before with SIGKILL: looking for them takes longer than a short stream."""
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass  # a child that its parent took with it

    def validators(self):
        """The validators of now with the hosts behind them."""
        found = get(f"{self.rpc}/validators?per_page=100")["result"]["validators"]
        hosts = {host["consensus_key"]: host["host"] for host in self.pages("registry", "hosts", "host")}
        return [{"host": hosts.get(v["pub_key"]["value"]), "power": int(v["voting_power"])} for v in found]

    def left(self):
        """Processes of this network that still run."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                line = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if f"{self.dir}/" in line and int(process.name) != os.getpid():
                found.append(line.strip())
        return found
