"""cosmpy, unmodified, over gRPC and over REST."""

import unittest
import warnings

from cosmpy.aerial.client import LedgerClient, NetworkConfig
from cosmpy.aerial.client.utils import simulate_tx
from cosmpy.aerial.exceptions import NotFoundError
from cosmpy.aerial.tx import Transaction
from cosmpy.aerial.wallet import LocalWallet
from cosmpy.crypto.address import Address
from cosmpy.protos.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmpy.protos.cosmos.base.v1beta1.coin_pb2 import Coin

import node as network


class Both:
    """The same tests for both transports."""

    scheme = None
    sender = None

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")
        cls.node = network.node()
        url = {"grpc": f"grpc+http://{cls.node.grpc}", "rest": f"rest+{cls.node.rest}"}[cls.scheme]
        cls.ledger = LedgerClient(
            NetworkConfig(
                chain_id=network.CHAIN, url=url, fee_minimum_gas_price=0.01, fee_denomination="nqrn",
                staking_denomination="nqrn",
            )
        )
        cls.wallet = LocalWallet.from_mnemonic(cls.node.accounts[cls.sender]["mnemonic"], prefix="quern")
        cls.other = Address(cls.node.accounts["three"]["address"])

    def test_the_wallet_derives_the_address_of_quernd(self):
        self.assertEqual(str(self.wallet.address()), self.node.accounts[self.sender]["address"])

    def test_balances_and_accounts_are_read(self):
        balance = self.ledger.query_bank_balance(self.wallet.address(), "nqrn")
        self.assertTrue(0 < balance <= network.FUNDS)
        coins = self.ledger.query_bank_all_balances(self.wallet.address())
        self.assertEqual([coin.denom for coin in coins], ["nqrn"])
        self.assertEqual(self.ledger.query_account(self.wallet.address()).address, self.wallet.address())

    def test_coins_are_sent_and_the_transaction_is_found(self):
        before = self.ledger.query_bank_balance(self.other, "nqrn")
        sent = self.ledger.send_tokens(self.other, 1234, "nqrn", self.wallet, memo="<from cosmpy>")
        sent.wait_to_complete(timeout=30, poll_period=0.2)
        self.assertEqual(sent.response.code, 0)
        self.assertEqual(self.ledger.query_bank_balance(self.other, "nqrn"), before + 1234)
        found = self.ledger.query_tx(sent.tx_hash)
        self.assertEqual(found.hash, sent.tx_hash)
        self.assertGreater(found.gas_used, 0)
        self.assertIn("transfer", found.events)

    def test_gas_is_simulated(self):
        message = MsgSend(
            from_address=str(self.wallet.address()), to_address=str(self.other),
            amount=[Coin(denom="nqrn", amount="1")],
        )
        transaction = Transaction()
        transaction.add_message(message)
        gas, fee, _ = simulate_tx(self.ledger, transaction, self.wallet)
        self.assertGreater(gas, 30_000)
        self.assertTrue(fee)

    def test_blocks_and_the_node_are_described(self):
        self.assertGreater(self.ledger.query_height(), 1)
        self.assertEqual(self.ledger.query_chain_id(), network.CHAIN)
        self.assertEqual(self.ledger.query_block(2).height, 2)
        self.assertTrue(str(self.ledger.query_node_info().cosmos_sdk_version).startswith("0.53."))

    def test_a_transaction_that_is_not_there_is_not_found(self):
        with self.assertRaises(NotFoundError):
            self.ledger.query_tx("00" * 32)


class OverGrpc(Both, unittest.TestCase):
    scheme, sender = "grpc", "one"


class OverRest(Both, unittest.TestCase):
    scheme, sender = "rest", "two"


