// What an integrator does with coins, through an unmodified CosmJS.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { QueryClient, setupBankExtension, setupTxExtension } from "@cosmjs/stargate";
import { TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx";

import { account, comet, DENOM, FEE, net, send, stargate, stranger } from "./lib/net.mjs";

let alice, client, rpc, query;

before(async () => {
  alice = await account("js_bank");
  client = await stargate(alice);
  rpc = await comet();
  query = QueryClient.withExtensions(rpc, setupBankExtension, setupTxExtension);
});
after(() => {
  client?.disconnect();
  rpc?.disconnect();
});

const attribute = (event, key) => event.attributes.find((a) => a.key === key)?.value;

test("the node tells its chain and its height grows", async () => {
  assert.equal(await client.getChainId(), net.chain_id);
  const first = await client.getHeight();
  assert.ok(first > 0);
  assert.equal((await client.getBlock(1)).header.chainId, net.chain_id);
});

test("an account that the chain has never seen is null, with a balance of zero", async () => {
  const nobody = await stranger();
  assert.equal(await client.getAccount(nobody.address), null);
  assert.deepEqual(await client.getBalance(nobody.address, DENOM), { denom: DENOM, amount: "0" });
  assert.deepEqual(await client.getAllBalances(nobody.address), []);
});

test("a genesis account has its number, its balance and no key until it signs", async () => {
  const found = await client.getAccount(alice.address);
  assert.equal(found.address, alice.address);
  assert.ok(Number.isSafeInteger(Number(found.accountNumber)));
  assert.deepEqual([found.sequence, found.pubkey], [0, null]);
  const balance = await client.getBalance(alice.address, DENOM);
  assert.ok(BigInt(balance.amount) > 0n);
  assert.deepEqual(await client.getAllBalances(alice.address), [balance]);
});

test("coins sent arrive, the fee is taken once and the sequence moves by one", async () => {
  const bob = await stranger();
  const before = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  const { sequence } = await client.getSequence(alice.address);
  const result = await client.sendTokens(alice.address, bob.address, [{ denom: DENOM, amount: "1234" }], FEE, "lunch");
  assert.equal(result.code, 0, result.rawLog);
  assert.ok(result.gasUsed > 0n && result.gasUsed <= result.gasWanted);
  assert.equal((await client.getBalance(bob.address, DENOM)).amount, "1234");
  const after = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  assert.equal(before - after, 1234n + BigInt(FEE.amount[0].amount));
  assert.equal((await client.getSequence(alice.address)).sequence, sequence + 1);
  assert.deepEqual((await client.getAccount(alice.address)).pubkey.type, "tendermint/PubKeySecp256k1");
  assert.notEqual(await client.getAccount(bob.address), null, "the receiver's account exists from now on");
});

test("events tell exchanges who paid whom, in the order of the Cosmos SDK", async () => {
  const bob = await stranger();
  const result = await client.signAndBroadcast(
    alice.address,
    [send(alice.address, bob.address, 5), send(alice.address, bob.address, 6)],
    FEE,
  );
  assert.equal(result.code, 0, result.rawLog);
  assert.deepEqual(
    result.msgResponses.map((r) => r.typeUrl),
    ["/cosmos.bank.v1beta1.MsgSendResponse", "/cosmos.bank.v1beta1.MsgSendResponse"],
  );
  const ofMessage = (i) => result.events.filter((e) => attribute(e, "msg_index") === String(i));
  for (const i of [0, 1]) {
    assert.deepEqual(
      ofMessage(i).map((e) => e.type),
      ["message", "coin_spent", "coin_received", "transfer", "message"],
    );
  }
  const [message, spent, received, transfer] = ofMessage(1);
  assert.equal(attribute(message, "action"), "/cosmos.bank.v1beta1.MsgSend");
  assert.equal(attribute(message, "sender"), alice.address);
  assert.equal(attribute(spent, "spender"), alice.address);
  assert.equal(attribute(received, "receiver"), bob.address);
  assert.equal(attribute(transfer, "amount"), "6" + DENOM);
  const ante = result.events.filter((e) => attribute(e, "msg_index") === undefined);
  assert.deepEqual(
    ante.map((e) => e.type),
    ["coin_spent", "coin_received", "transfer", "message", "tx", "tx", "tx"],
  );
  const [fee, sequence, signature] = ante.slice(4);
  assert.equal(attribute(fee, "fee"), FEE.amount[0].amount + DENOM);
  assert.equal(attribute(fee, "fee_payer"), alice.address);
  assert.match(attribute(sequence, "acc_seq"), new RegExp(`^${alice.address}/\\d+$`));
  assert.ok(attribute(signature, "signature"));
});

test("gas is simulated well enough to pay for the transaction", async () => {
  const bob = await stranger();
  const gas = await client.simulate(alice.address, [send(alice.address, bob.address, 7)], "");
  assert.ok(gas > 20_000 && gas < 200_000, `simulated ${gas}`);
  const result = await client.sendTokens(alice.address, bob.address, [{ denom: DENOM, amount: "7" }], "auto");
  assert.equal(result.code, 0, result.rawLog);
  assert.equal((await client.getBalance(bob.address, DENOM)).amount, "7");
});

test("a transaction is found by hash, by event and through the node's own service", async () => {
  const bob = await stranger();
  const sent = await client.sendTokens(alice.address, bob.address, [{ denom: DENOM, amount: "8" }], FEE, "find me");
  const indexed = await client.getTx(sent.transactionHash);
  assert.equal(indexed.height, sent.height);
  assert.ok(TxRaw.decode(indexed.tx).signatures.length === 1);
  const found = await client.searchTx(`transfer.recipient='${bob.address}'`);
  assert.deepEqual(found.map((t) => t.hash), [sent.transactionHash]);
  assert.equal(await client.getTx("00".repeat(32)), null);
});

test("supply, metadata and module queries answer", async () => {
  const supply = await query.bank.supplyOf(DENOM);
  assert.deepEqual(supply, { denom: DENOM, amount: net.supply });
  assert.deepEqual((await query.bank.totalSupply()).supply, [supply]);
  const metadata = await query.bank.denomMetadata(DENOM);
  assert.deepEqual([metadata.base, metadata.display, metadata.symbol], ["nqrn", "QRN", "QRN"]);
  assert.equal(metadata.denomUnits.find((u) => u.denom === "QRN").exponent, 9);
  assert.equal((await query.bank.denomsMetadata()).length, 1);
  await assert.rejects(query.bank.denomMetadata("nosuch"), /NotFound/);
});

test("supply is what genesis says after all these transfers", async () => {
  assert.equal((await query.bank.supplyOf(DENOM)).amount, net.supply);
});

test("queries that mean nothing are refused, not guessed at", async () => {
  await assert.rejects(client.getAccount("quern1nonsense"), /InvalidArgument|invalid/i);
  await assert.rejects(client.getBalance(alice.address, "1bad"), /InvalidArgument|invalid/i);
  const unknown = await rpc.abciQuery({ path: "/nosuch.v1.Query/Thing", data: new Uint8Array() });
  assert.equal(unknown.code, 6);
  const broken = await rpc.abciQuery({ path: "/cosmos.bank.v1beta1.Query/Balance", data: Uint8Array.of(0xff, 0xff) });
  assert.notEqual(broken.code, 0);
});
