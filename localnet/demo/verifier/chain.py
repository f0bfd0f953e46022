"""What a node says, and what follows from its blocks: beacons, batches, who sent what."""

import base64
import hashlib
import json
import urllib.request

from . import wire
from .formats import next_beacon
from .trees import merkle, node

EXECUTE = b"/cosmwasm.wasm.v1.MsgExecuteContract"
REVEAL = bytes.fromhex("0a421240")


class Node:
    """CometBFT's RPC of one node."""

    def __init__(self, url):
        self.url = url

    def call(self, method, **params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer = json.load(answer)
        if "error" in answer:
            raise RuntimeError(f"{method} {params}: {answer['error']}")
        return answer["result"]

    def height(self):
        return int(self.call("status")["sync_info"]["latest_block_height"])

    def abci(self, path, data, height=0):
        found = self.call("abci_query", path=path, data=data.hex(), height=str(height), prove=False)["response"]
        if found.get("code"):
            raise LookupError(f"{path}: {found['log']}")
        return base64.b64decode(found["value"] or "")

    def smart(self, contract, question, height=0):
        data = wire.field(1, contract.encode()) + wire.field(2, json.dumps(question).encode())
        return json.loads(wire.one(self.abci("/cosmwasm.wasm.v1.Query/SmartContractState", data, height), 1))

    def beacon(self, height):
        return wire.one(self.abci("/quern.beacon.v1.Query/Beacon", wire.field(1, height)), 1)


def executions(tx):
    """Contract messages of a transaction: (sender, contract, message)."""
    body = wire.one(tx, 1)
    for any_ in wire.all_of(body, 1):
        if wire.one(any_, 1) == EXECUTE:
            value = wire.one(any_, 2)
            yield wire.one(value, 1).decode(), wire.one(value, 2).decode(), json.loads(wire.one(value, 3))


def result_leaf(result):
    """A transaction's result as the next header's `last_results_hash` covers it."""
    data = base64.b64decode(result.get("data") or "")
    return (
        wire.field(1, result.get("code", 0)) + wire.field(2, data) + wire.field(5, int(result.get("gas_wanted", 0)))
        + wire.field(6, int(result.get("gas_used", 0)))
    )


class Blocks:
    """All blocks of a chain so far. Transactions are checked against the block's header, their results against the next
    one's: a node cannot add, leave out or change one without another header."""

    def __init__(self, node, formats, settlement):
        self.node, self.settlement = node, settlement
        self.beacons = {0: formats.first_beacon()}
        self.batches = {}  # (sender, sequence) -> (height, root, sessions)
        self.senders = {}  # who committed batches
        self.results = []  # of the last block, until the next header confirms them
        self.hashes = {}  # height -> app hash before it
        self.height = 0

    def follow(self, until):
        for height in range(self.height + 1, until + 1):
            self.add(height)

    def add(self, height):
        header_block = self.node.call("block", height=str(height))["block"]
        header, txs = header_block["header"], [base64.b64decode(tx) for tx in header_block["data"]["txs"] or []]
        if bytes.fromhex(header["data_hash"]) != merkle([hashlib.sha256(tx).digest() for tx in txs]):
            raise ValueError(f"block {height}: the header does not hold these transactions")
        if height > 1 and bytes.fromhex(header["last_results_hash"]) != merkle([result_leaf(r) for r in self.results]):
            raise ValueError(f"block {height}: the header does not hold the results of the block before")
        found = self.node.call("block_results", height=str(height))
        self.results = found["txs_results"] or []
        reveal = bytes.fromhex(txs[0][4:68].decode()) if txs and len(txs[0]) == 72 and txs[0][:4] == REVEAL else b""
        self.beacons[height] = next_beacon(self.beacons[height - 1], reveal)
        self.hashes[height] = header["app_hash"]
        for tx, result in zip(txs, self.results):
            if result.get("code", 0) == 0:
                for sender, contract, message in executions(tx):
                    if contract == self.settlement and "commit_batch" in message:
                        batch = message["commit_batch"]
                        self.batches[sender, batch["sequence"]] = height, node(batch["root"]), batch["sessions"]
        self.height = height
