"""The REST routes that explorers and wallets call, and the shape of what they get."""

import re
import unittest

import node as network

NOT_IMPLEMENTED = {"code": 12, "message": "Not Implemented", "details": []}

# Routes of ping.pub; {address}, {valoper}, {valcons}, {height} are filled in. A module that the chain does not
# serve yet must answer 501; the ledger in docs/spec says which.
ROUTES = {
    "/cosmos/auth/v1beta1/params": ["params"],
    "/cosmos/auth/v1beta1/accounts/{address}": ["account"],
    "/cosmos/auth/v1beta1/account_info/{address}": ["info"],
    "/cosmos/bank/v1beta1/params": ["params"],
    "/cosmos/bank/v1beta1/balances/{address}": ["balances", "pagination"],
    "/cosmos/bank/v1beta1/balances/{address}/by_denom?denom=nqrn": ["balance"],
    "/cosmos/bank/v1beta1/spendable_balances/{address}": ["balances", "pagination"],
    "/cosmos/bank/v1beta1/denoms_metadata": ["metadatas", "pagination"],
    "/cosmos/bank/v1beta1/supply": ["supply", "pagination"],
    "/cosmos/bank/v1beta1/supply/by_denom?denom=nqrn": ["amount"],
    "/cosmos/consensus/v1/params": ["params"],
    "/cosmos/base/tendermint/v1beta1/node_info": ["default_node_info", "application_version"],
    "/cosmos/base/tendermint/v1beta1/syncing": ["syncing"],
    "/cosmos/base/tendermint/v1beta1/blocks/latest": ["block_id", "block", "sdk_block"],
    "/cosmos/base/tendermint/v1beta1/blocks/{height}": ["block_id", "block", "sdk_block"],
    "/cosmos/base/tendermint/v1beta1/validatorsets/latest": ["block_height", "validators", "pagination"],
    "/cosmos/base/tendermint/v1beta1/validatorsets/{height}": ["block_height", "validators", "pagination"],
    "/cosmos/base/node/v1beta1/config": ["minimum_gas_price"],
    "/cosmos/base/node/v1beta1/status": ["height", "timestamp", "app_hash"],
    "/cosmos/tx/v1beta1/txs/block/{height}": ["txs", "block_id", "block", "pagination"],
    "/cosmos/tx/v1beta1/txs?query=message.sender='{address}'&order_by=ORDER_BY_DESC": ["txs", "tx_responses", "total"],
    "/cosmos/tx/v1beta1/txs?events=tx.height>0&pagination.limit=1&page=1&limit=1": ["txs", "tx_responses", "total"],
    "/cosmos/distribution/v1beta1/community_pool": ["pool"],
    "/cosmos/distribution/v1beta1/delegators/{address}/rewards": ["rewards", "total"],
    "/cosmos/distribution/v1beta1/params": ["params"],
    "/cosmos/mint/v1beta1/annual_provisions": ["annual_provisions"],
    "/cosmos/mint/v1beta1/inflation": ["inflation"],
    "/cosmos/mint/v1beta1/params": ["params"],
    "/cosmos/slashing/v1beta1/params": ["params"],
    "/cosmos/slashing/v1beta1/signing_infos": ["info", "pagination"],
    "/cosmos/staking/v1beta1/delegations/{address}": ["delegation_responses", "pagination"],
    "/cosmos/staking/v1beta1/params": ["params"],
    "/cosmos/staking/v1beta1/pool": ["pool"],
    "/cosmos/staking/v1beta1/validators?status=BOND_STATUS_BONDED&pagination.limit=300": ["validators", "pagination"],
    "/cosmos/authz/v1beta1/grants/granter/{address}": ["grants", "pagination"],
    "/cosmos/feegrant/v1beta1/allowances/{address}": ["allowances", "pagination"],
    "/cosmos/gov/v1/params/deposit": ["deposit_params", "params"],
    "/cosmos/gov/v1/params/tallying": ["tally_params", "params"],
    "/cosmos/gov/v1/params/voting": ["voting_params", "params"],
    "/cosmos/gov/v1/proposals?pagination.limit=50&pagination.reverse=true&proposal_status=PROPOSAL_STATUS_PASSED": [
        "proposals", "pagination",
    ],
    "/cosmos/upgrade/v1beta1/current_plan": ["plan"],
    "/cosmwasm/wasm/v1/code": ["code_infos", "pagination"],
    "/cosmwasm/wasm/v1/codes/params": ["params"],
    "/cosmos/base/reflection/v1beta1/interfaces": ["interface_names"],
    "/cosmos/base/reflection/v1beta1/app_descriptor/tx_descriptor": ["tx"],
    "/cosmos/base/reflection/v1beta1/app_descriptor/query_services": ["queries"],
}

# Not of this chain yet: 501, by which wallets and explorers leave a feature out.
ABSENT = [
    "/ibc/apps/transfer/v1/denom_traces",
    "/ibc/apps/transfer/v1/params",
    "/ibc/core/channel/v1/channels",
    "/feemarket/v1/params",
]


class Explorer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = network.node()
        cls.words = {"address": cls.node.accounts["one"]["address"], "height": "2"}

    def test_every_route_that_is_served_has_its_members(self):
        for route, members in ROUTES.items():
            with self.subTest(route):
                answer = self.node.get(route.format(**self.words))
                self.assertEqual(answer.status_code, 200, answer.text)
                self.assertEqual(answer.headers["content-type"], "application/json")
                for member in members:
                    self.assertIn(member, answer.json())

    def test_every_other_route_says_501_and_nothing_worse(self):
        for route in ABSENT:
            with self.subTest(route):
                answer = self.node.get(route.format(**self.words))
                self.assertEqual(answer.status_code, 501, answer.text)
                self.assertEqual(answer.json(), NOT_IMPLEMENTED)
        # the old module of parameters has none: each module answers for its own
        answer = self.node.get("/cosmos/params/v1beta1/params?subspace=staking&key=BondDenom")
        self.assertEqual((answer.status_code, answer.json()["message"]), (404, "staking: unknown subspace"))

    def test_keplr_finds_the_chain_and_the_statuses_that_it_probes_for(self):
        node = self.node.get("/cosmos/base/tendermint/v1beta1/node_info").json()
        self.assertEqual(node["default_node_info"]["network"], network.CHAIN)
        self.assertRegex(node["application_version"]["cosmos_sdk_version"], r"^v0\.53\.")
        probes = {
            "/ibc/apps/transfer/v1/params": (200, 501),
            "/cosmwasm/wasm/v1/contract/test/smart/test": (400, 501),
            "/cosmos/bank/v1beta1/spendable_balances/test": (400, 501),
            "/feemarket/v1/params": (200, 501),
        }
        for route, wanted in probes.items():
            self.assertIn(self.node.get(route).status_code, wanted, route)

    def test_validators_and_blocks_have_the_forms_that_explorers_decode(self):
        validators = self.node.get("/cosmos/base/tendermint/v1beta1/validatorsets/latest").json()["validators"]
        self.assertEqual(validators[0]["pub_key"]["@type"], "/cosmos.crypto.ed25519.PubKey")
        self.assertTrue(validators[0]["address"].startswith("quernvalcons1"))
        self.assertIsInstance(validators[0]["voting_power"], str)
        found = self.node.get("/cosmos/base/tendermint/v1beta1/blocks/2").json()
        self.assertEqual(found["sdk_block"]["header"]["proposer_address"], validators[0]["address"])
        self.assertEqual(found["block"]["header"]["height"], "2")
        self.assertRegex(found["block"]["header"]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}){1,3})?Z$")
        self.assertEqual(found["block"]["last_commit"]["signatures"][0]["block_id_flag"], "BLOCK_ID_FLAG_COMMIT")
        account = self.node.get(f"/cosmos/auth/v1beta1/accounts/{self.words['address']}").json()["account"]
        self.assertEqual(account["@type"], "/cosmos.auth.v1beta1.BaseAccount")

    def test_the_past_is_read_by_height_and_the_future_is_not(self):
        path = f"/cosmos/bank/v1beta1/balances/{self.words['address']}"
        past = self.node.get(path, headers={"x-cosmos-block-height": "2"})
        self.assertEqual(past.headers["Grpc-Metadata-X-Cosmos-Block-Height"], "2")
        self.assertEqual(past.json()["balances"], [{"denom": "nqrn", "amount": str(network.FUNDS)}])
        future = self.node.get(path, headers={"x-cosmos-block-height": "1000000000"})
        self.assertIn("cannot query with height in the future", future.json()["message"])
        self.assertEqual(self.node.get(path, headers={"x-cosmos-block-height": "-1"}).status_code, 400)

    def test_metrics_are_where_nodes_of_the_sdk_have_theirs(self):
        found = self.node.get("/metrics?format=prometheus")
        self.assertEqual((found.status_code, found.headers["content-type"]), (200, "text/plain; version=0.0.4"))
        names = set(re.findall(r"^# TYPE (\w+) \w+$", found.text, re.MULTILINE))
        self.assertTrue({"quern_app_height", "quern_abci_call_seconds", "process_cpu_seconds_total"} <= names, names)
        self.assertGreaterEqual(int(re.search(r"^quern_app_height (\d+)$", found.text, re.MULTILINE)[1]), 3)
        for query, named in (("", ""), ("?format=text", "text")):
            refused = self.node.get("/metrics" + query)
            said = {"error": f"failed to gather metrics: unsupported metrics format: {named}"}
            self.assertEqual((refused.status_code, refused.json()), (400, said))

    def test_wrong_requests_are_the_caller_s_fault(self):
        for route in [
            "/cosmos/bank/v1beta1/balances/nonsense",
            "/cosmos/bank/v1beta1/balances/%zz",
            "/cosmos/bank/v1beta1/supply?pagination.limit=-1",
            "/cosmos/bank/v1beta1/supply?pagination.key=*",
            "/cosmos/base/tendermint/v1beta1/blocks/999999999",
            "/cosmos/base/tendermint/v1beta1/blocks/-5",
            "/cosmos/base/tendermint/v1beta1/validatorsets/999999999",
            "/cosmos/base/tendermint/v1beta1/validatorsets/latest?pagination.offset=5000",
            "/cosmos/base/tendermint/v1beta1/abci_query?path=/cosmos.bank.v1beta1.Query/Params",
            "/cosmos/tx/v1beta1/txs",
            "/cosmos/tx/v1beta1/txs?query=%22",
            "/cosmos/tx/v1beta1/txs/nonsense",
        ]:
            with self.subTest(route):
                answer = self.node.get(route)
                self.assertEqual((answer.status_code, answer.json()["code"]), (400, 3), answer.text)
        for route in ["contract/nonsense", "code/0", "contracts/creator/nonsense"]:
            answer = self.node.get(f"/cosmwasm/wasm/v1/{route}")
            self.assertEqual((answer.status_code, answer.json()["code"]), (400, 2), answer.text)
        unknown = self.node.get("/cosmos/tx/v1beta1/txs/" + "00" * 32)
        self.assertEqual((unknown.status_code, unknown.json()["code"]), (404, 5), unknown.text)
        for body in [{}, {"tx_bytes": ""}, {"tx_bytes": "AAAA", "mode": "BROADCAST_MODE_BLOCK"}, {"what": 1}]:
            answer = self.node.post("/cosmos/tx/v1beta1/txs", body)
            self.assertEqual(answer.status_code, 400, f"{body}: {answer.text}")
        refused = self.node.post("/cosmos/tx/v1beta1/txs", {"tx_bytes": "AAAA", "mode": "BROADCAST_MODE_SYNC"})
        self.assertEqual((refused.status_code, refused.json()["tx_response"]["code"]), (200, 2), refused.text)
