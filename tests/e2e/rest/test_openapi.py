"""The OpenAPI document is valid, and no request that it allows breaks a node whose chain has something to ask about."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from openapi_spec_validator import validate

import node as network
from populated import populated

SEED = int(os.environ.get("SEED", "20260101"))
EXAMPLES = os.environ.get("EXAMPLES", "12")
SECONDS = 420
# Routes that find nothing on this chain: nobody misbehaved, nothing is a parameter of the old module, and the older form
# of a proposal has one content.
NEVER = {
    "GET /cosmos/evidence/v1beta1/evidence/{hash}",
    "GET /cosmos/params/v1beta1/params",
    "GET /cosmos/gov/v1beta1/proposals/{proposal_id}",
}


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = network.Node(contracts=True)
        cls.addClassCleanup(cls.node.stop)

    def test_the_document_is_valid_and_lists_what_the_ledger_calls_served(self):
        document = self.node.get("/openapi.json").json()
        validate(document)
        listed = {f"{verb.upper()} {path}" for path, verbs in document["paths"].items() for verb in verbs}
        ledger = (network.ROOT / "docs/spec/rpc-ledger.md").read_text()
        rows = [line for line in ledger.splitlines() if re.match(r"\| \w+ \| (served|empty)", line)]
        served = {route for row in rows for route in re.findall(r"`([^`]+)`", row)}
        self.assertGreater(len(served), 40)
        self.assertEqual(served - listed, set())

    def test_no_request_that_the_document_allows_breaks_the_node(self):
        with tempfile.TemporaryDirectory() as folder:
            # Other verbs answer 501, as grpc-gateway does; here that would count as a failure.
            settings = Path(folder) / "schemathesis.toml"
            settings.write_text("[phases.coverage]\nunexpected-methods = []\n")
            live, seen = Path(folder) / "live.json", Path(folder) / "seen"
            live.write_text(json.dumps(populated(self.node)))
            hooks = {"SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": str(Path(__file__).parent)}
            done = subprocess.run(
                [
                    str(Path(sys.executable).parent / "schemathesis"), "run", f"{self.node.rest}/openapi.json",
                    "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", str(SEED),
                    "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance",
                    # one: in CPython 3.11 `ast.parse`, which it calls, fails at times on two threads at once
                    "--workers", "1", "--no-shrink", "--continue-on-failure", "--request-timeout", "20",
                    "--suppress-health-check", "all", "--warnings", "off",
                ],
                cwd=folder, capture_output=True, text=True, timeout=SECONDS,
                env=os.environ | hooks | {"QUERN_LIVE": str(live), "QUERN_SEEN": str(seen)},
            )
            statuses = {}
            for line in seen.read_text().splitlines():
                route, status = line.rsplit(" ", 1)
                statuses.setdefault(route, []).append(status)
        self.assertEqual(done.returncode, 0, f"seed {SEED}\n{done.stdout[-6000:]}\n{done.stderr[-1000:]}")
        self.assertGreater(self.node.height(), 3)
        # what is not there takes other ways through the node than what is
        gets = {route: found for route, found in statuses.items() if route.startswith("GET ")}
        self.assertGreater(len(gets), 100)
        nothing = {route: found for route, found in gets.items() if "200" not in found and route not in NEVER}
        self.assertEqual(nothing, {}, f"seed {SEED}")
