// The network that run.sh started, and clients for it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Secp256k1HdWallet } from "@cosmjs/amino";
import { SigningCosmWasmClient } from "@cosmjs/cosmwasm";
import { DirectSecp256k1HdWallet } from "@cosmjs/proto-signing";
import { GasPrice, SigningStargateClient } from "@cosmjs/stargate";
import { Comet38Client } from "@cosmjs/tendermint-rpc";

const file = process.env.QUERN_E2E_NET;
if (!file) {
  throw new Error("QUERN_E2E_NET is not set: start these tests through tests/e2e/run.sh");
}

export const net = JSON.parse(readFileSync(file, "utf8"));
export const DENOM = "nqrn";
export const PREFIX = "quern";
export const gasPrice = GasPrice.fromString(net.min_gas_price);

const options = { gasPrice, broadcastPollIntervalMs: 200, broadcastTimeoutMs: 30_000 };

/** A funded account of the network. Each test file has one of its own, so sequences never clash. */
export async function account(name) {
  const found = net.accounts.find((a) => a.name === name);
  assert.ok(found, `no account ${name} in ${file}`);
  const wallet = await DirectSecp256k1HdWallet.fromMnemonic(found.mnemonic, { prefix: PREFIX });
  const [{ address, pubkey }] = await wallet.getAccounts();
  assert.equal(address, found.address, "CosmJS and quernd derive the same address");
  return { wallet, address, pubkey };
}

/** The same account as a signer of amino JSON alone, as a Ledger is. */
export async function aminoAccount(name) {
  const { mnemonic } = net.accounts.find((a) => a.name === name);
  const wallet = await Secp256k1HdWallet.fromMnemonic(mnemonic, { prefix: PREFIX });
  const [{ address, pubkey }] = await wallet.getAccounts();
  return { wallet, address, pubkey };
}

/** A stranger who signs amino JSON alone. */
export async function aminoStranger() {
  const wallet = await Secp256k1HdWallet.generate(12, { prefix: PREFIX });
  const [{ address, pubkey }] = await wallet.getAccounts();
  return { wallet, address, pubkey };
}

/** An account that the chain has never seen. */
export async function stranger() {
  const wallet = await DirectSecp256k1HdWallet.generate(24, { prefix: PREFIX });
  const [{ address, pubkey }] = await wallet.getAccounts();
  return { wallet, address, pubkey };
}

export const stargate = (signer, more = {}) =>
  SigningStargateClient.connectWithSigner(net.rpc, signer.wallet, { ...options, ...more });
export const cosmwasm = (signer, more = {}) =>
  SigningCosmWasmClient.connectWithSigner(net.rpc, signer.wallet, { ...options, ...more });
export const comet = () => Comet38Client.connect(net.rpc);

export const send = (from, to, amount) => ({
  typeUrl: "/cosmos.bank.v1beta1.MsgSend",
  value: { fromAddress: from, toAddress: to, amount: [{ denom: DENOM, amount: String(amount) }] },
});

/** Enough for a bank send, at the network's price. */
export const FEE = { amount: [{ denom: DENOM, amount: "10000" }], gas: "200000" };
