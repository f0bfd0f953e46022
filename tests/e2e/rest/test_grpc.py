"""gRPC methods that need CometBFT, end to end, through the stubs that cosmpy carries."""

import base64
import unittest

import grpc
from cosmpy.protos.cosmos.base.tendermint.v1beta1 import query_pb2, query_pb2_grpc
from cosmpy.protos.cosmos.tx.v1beta1 import service_pb2, service_pb2_grpc

import node as network


class Grpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = network.node()
        cls.channel = grpc.insecure_channel(cls.node.grpc)
        cls.addClassCleanup(cls.channel.close)
        cls.comet = query_pb2_grpc.ServiceStub(cls.channel)
        cls.txs = service_pb2_grpc.ServiceStub(cls.channel)

    def test_the_node_and_its_blocks_are_described(self):
        info = self.comet.GetNodeInfo(query_pb2.GetNodeInfoRequest())
        self.assertEqual(info.default_node_info.network, network.CHAIN)
        modules = [module.path for module in info.application_version.build_deps]
        self.assertIn("github.com/cosmos/cosmos-sdk", modules)
        latest = self.comet.GetLatestBlock(query_pb2.GetLatestBlockRequest())
        self.assertGreater(latest.block.header.height, 1)
        second = self.comet.GetBlockByHeight(query_pb2.GetBlockByHeightRequest(height=2))
        self.assertEqual(second.sdk_block.header.chain_id, network.CHAIN)
        self.assertFalse(self.comet.GetSyncing(query_pb2.GetSyncingRequest()).syncing)
        found = self.comet.GetLatestValidatorSet(query_pb2.GetLatestValidatorSetRequest())
        by_height = self.comet.GetValidatorSetByHeight(query_pb2.GetValidatorSetByHeightRequest(height=2))
        self.assertEqual([one.address for one in found.validators], [one.address for one in by_height.validators])
        self.assertEqual(found.pagination.total, 1)

    def test_a_transaction_is_found_by_hash_by_event_and_in_its_block(self):
        sent = self.node.quernd(
            "tx", "bank", "send", self.node.accounts["one"]["address"], "7nqrn", "--from", "three", "--fees", "5000nqrn",
            "--chain-id", network.CHAIN, "--node", self.node.rpc, "--memo", "by hash", "-y", "--wait", "-o", "json",
        )
        self.assertIn('"code"', sent)
        query = f"message.sender='{self.node.accounts['three']['address']}'"
        found = self.node.wait("transaction", lambda: self.search(query))
        response = found.tx_responses[0]
        self.assertEqual((found.total, response.code, found.txs[0].body.memo), (1, 0, "by hash"))
        one = self.txs.GetTx(service_pb2.GetTxRequest(hash=response.txhash))
        self.assertEqual(one.tx_response.height, response.height)
        self.assertEqual(one.tx.body.memo, "by hash")
        block = self.txs.GetBlockWithTxs(service_pb2.GetBlockWithTxsRequest(height=response.height))
        # A block begins with the beacon's transaction.
        self.assertEqual(block.txs[-1].body.memo, "by hash")
        # The same by REST, and back to the bytes that the block holds.
        rest = self.node.get(f"/cosmos/tx/v1beta1/txs/{response.txhash}").json()
        self.assertEqual(rest["tx_response"]["tx"]["@type"], "/cosmos.tx.v1beta1.Tx")
        self.assertEqual(rest["tx"]["body"]["messages"][0]["amount"], [{"denom": "nqrn", "amount": "7"}])
        encoded = self.node.post("/cosmos/tx/v1beta1/encode", {"tx": rest["tx"]}).json()["tx_bytes"]
        self.assertEqual(base64.b64decode(encoded), block.block.data.txs[-1])
        events = [event["type"] for event in rest["tx_response"]["events"]]
        self.assertIn("transfer", events)

    def search(self, query):
        found = self.txs.GetTxsEvent(service_pb2.GetTxsEventRequest(query=query, page=1, limit=10))
        return found if found.tx_responses else None

    def test_failures_have_the_codes_of_the_sdk(self):
        cases = [
            (lambda: self.txs.GetTx(service_pb2.GetTxRequest(hash="00" * 32)), grpc.StatusCode.NOT_FOUND),
            (lambda: self.txs.GetTx(service_pb2.GetTxRequest(hash="")), grpc.StatusCode.INVALID_ARGUMENT),
            (
                lambda: self.comet.GetBlockByHeight(query_pb2.GetBlockByHeightRequest(height=10**9)),
                grpc.StatusCode.INVALID_ARGUMENT,
            ),
        ]
        for call, code in cases:
            with self.assertRaises(grpc.RpcError) as failed:
                call()
            self.assertEqual(failed.exception.code(), code)
