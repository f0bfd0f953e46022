"""The independent verifier as a program: checks every receipt that routers hold and prints one JSON document.

Usage: verify.py FOLDER --rpc URL --model DIR [--model DIR ...]

The folder holds net.json (chain id and contracts), receipts.json (what routers hold), proofs.json (places in batches by
receipt) and requests.json (what payers sent and read).
"""

import argparse
import base64
import dataclasses
import json
import sys
from pathlib import Path

from verifier.check import Verifier
from verifier.formats import model_hash
from verifier.replay import Reference
from verifier.state import Chain


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rpc", required=True, help="CometBFT's RPC of any node")
    parser.add_argument("--model", type=Path, required=True, action="append", help="folder of a model; repeat for several")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    def read(name):
        return json.loads((args.folder / name).read_text())

    net, proofs, requests = read("net.json"), read("proofs.json"), read("requests.json")
    for request in requests:
        request["body"] = base64.b64decode(request["body"])
    chain = Chain(args.rpc, net["chain_id"], net["contracts"])
    chain.follow()
    verifier = Verifier(chain, {model_hash(folder): Reference(folder, args.threads) for folder in args.model})
    findings = []
    for number, kept in enumerate(read("receipts.json"), 1):
        findings.append(verifier.check(kept, proofs, requests))
        if number % 20 == 0:
            print(f"{number} receipts checked", file=sys.stderr, flush=True)
    report = {
        "height": chain.blocks.height,
        "batches": len(chain.blocks.batches),
        "receipts": [dataclasses.asdict(finding) | {"honest": finding.honest} for finding in findings],
    }
    json.dump(report, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
