// What the chain refuses, with the codes that clients of the Cosmos SDK branch on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { toUtf8 } from "@cosmjs/encoding";
import { BroadcastTxError } from "@cosmjs/stargate";

import { account, comet, DENOM, FEE, net, send, stargate, stranger } from "./lib/net.mjs";
import { bytes, concat, field, rawTx } from "./lib/raw.mjs";

let alice, bob, client, rpc;

before(async () => {
  alice = await account("js_refusals");
  bob = await stranger();
  client = await stargate(alice);
  rpc = await comet();
});
after(() => {
  client?.disconnect();
  rpc?.disconnect();
});

const one = () => [send(alice.address, bob.address, 1)];
const signed = (options, messages = one()) => rawTx(client, alice, messages, options);

/** Sends bytes that the mempool must refuse, and checks that the account did not change. */
async function refused(raw, code, log) {
  const codes = [code].flat();
  const before = await client.getAccount(alice.address);
  const balance = await client.getBalance(alice.address, DENOM);
  await assert.rejects(client.broadcastTxSync(raw), (error) => {
    assert.ok(error instanceof BroadcastTxError, String(error));
    assert.equal(error.codespace, "sdk");
    assert.ok(codes.includes(error.code), `code ${error.code}, not ${codes}: ${error.log}`);
    if (log) assert.match(error.log, log);
    return true;
  });
  assert.deepEqual(await client.getAccount(alice.address), before);
  assert.deepEqual(await client.getBalance(alice.address, DENOM), balance);
}

/** Sends what fails in its message, as the bank's messages do: the fee and the sequence are spent, and no more. */
async function charged(messages, code) {
  const { sequence } = await client.getSequence(alice.address);
  const balance = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  const result = await landed(await client.broadcastTxSync(bytes(await signed({}, messages))), code);
  assert.match(result.rawLog, /^failed to execute message; message index: 0: /);
  assert.equal((await client.getSequence(alice.address)).sequence, sequence + 1);
  const left = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  assert.equal(balance - left, BigInt(FEE.amount[0].amount));
}

test("more coins than there are: code 5, the fee and the sequence are spent", async () => {
  const { sequence } = await client.getSequence(alice.address);
  const before = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  const result = await client.signAndBroadcast(alice.address, [send(alice.address, bob.address, 10n ** 30n)], FEE);
  assert.equal(result.code, 5, result.rawLog);
  assert.match(result.rawLog, /^failed to execute message; message index: 0: .*insufficient funds$/);
  assert.equal((await client.getSequence(alice.address)).sequence, sequence + 1);
  const after = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  assert.equal(before - after, BigInt(FEE.amount[0].amount));
});

test("one failing message undoes the ones before it", async () => {
  const carol = await stranger();
  const messages = [send(alice.address, carol.address, 5), send(alice.address, carol.address, 10n ** 30n)];
  const result = await client.signAndBroadcast(alice.address, messages, FEE);
  assert.equal(result.code, 5);
  assert.match(result.rawLog, /message index: 1/);
  assert.equal(await client.getAccount(carol.address), null);
  assert.ok(!result.events.some((e) => e.attributes.some((a) => a.key === "msg_index")));
});

test("a fee that cannot be paid: code 5 before anything runs", async () => {
  const fee = { amount: [{ denom: DENOM, amount: (10n ** 30n).toString() }], gas: "200000" };
  await refused(bytes(await signed({ fee })), 5, /insufficient funds/);
});

test("a wrong sequence: code 32, with the text that relayers parse", async () => {
  const { sequence } = await client.getSequence(alice.address);
  const log = new RegExp(`account sequence mismatch, expected ${sequence}, got ${sequence + 5}`);
  await refused(bytes(await signed({ sequence: sequence + 5 })), 32, log);
});

test("a signature for another chain or account number: code 4", async () => {
  await refused(bytes(await signed({ chainId: "cosmoshub-4" })), 4, /signature verification failed/);
  await refused(bytes(await signed({ accountNumber: 999_999 })), 4, /signature verification failed/);
});

test("a forged signature: code 4; somebody else's key: code 8", async () => {
  const flipped = await signed();
  flipped.signatures[0][5] ^= 1;
  await refused(bytes(flipped), 4);
  const short = await signed();
  short.signatures[0] = short.signatures[0].slice(0, 63);
  await refused(bytes(short), 4);
  await refused(bytes(await signed({ pubkey: bob.pubkey })), 8);
});

test("a signature with high s, which would change the hash: code 4", async () => {
  const tx = await signed();
  const order = BigInt("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
  const hex = (b) => Buffer.from(b).toString("hex");
  const s = order - BigInt("0x" + hex(tx.signatures[0].slice(32)));
  tx.signatures[0] = concat(tx.signatures[0].slice(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex"));
  await refused(bytes(tx), 4);
});

test("missing and surplus signatures are refused", async () => {
  const none = await signed();
  none.signatures = [];
  await refused(bytes(none), 15);
  const two = await signed();
  two.signatures.push(two.signatures[0]);
  await refused(bytes(two), 4);
});

test("a fee below the node's price: code 13", async () => {
  const fee = { amount: [{ denom: DENOM, amount: "1" }], gas: "200000" };
  await refused(bytes(await signed({ fee })), 13, /insufficient fee/);
  await refused(bytes(await signed({ fee: { amount: [], gas: "200000" } })), 13);
});

test("too little gas: code 11", async () => {
  const fee = { ...FEE, gas: "1000" };
  await refused(bytes(await signed({ fee })), 11, /out of gas in location: .*; gasWanted: 1000, gasUsed: \d+: out of gas/);
});

test("gas that ends while the message runs: code 11 in the block, the fee is spent", async () => {
  const carol = await stranger();
  const needed = await client.simulate(alice.address, [send(alice.address, carol.address, 1)], "");
  const before = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  const fee = { ...FEE, gas: String(needed - 3000) };
  const result = await client.signAndBroadcast(alice.address, [send(alice.address, carol.address, 1)], fee);
  assert.equal(result.code, 11, result.rawLog);
  assert.equal(await client.getAccount(carol.address), null);
  const after = BigInt((await client.getBalance(alice.address, DENOM)).amount);
  assert.equal(before - after, BigInt(FEE.amount[0].amount));
});

test("more gas than a block holds: code 41; none: code 11, as the first read already needs some", async () => {
  const rich = { amount: [{ denom: DENOM, amount: "10000000000" }], gas: "1000000000" };
  await refused(bytes(await signed({ fee: rich })), 41);
  await refused(bytes(await signed({ fee: { ...FEE, gas: "0" } })), [11, 41]);
});

test("a memo over 256 bytes: code 12", async () => {
  await refused(bytes(await signed({ memo: "x".repeat(257) })), 12);
  const ok = await client.signAndBroadcast(alice.address, one(), FEE, "x".repeat(256));
  assert.equal(ok.code, 0, ok.rawLog);
});

test("a height that has passed: code 30", async () => {
  await refused(bytes(await signed({ timeoutHeight: 1n })), 30, /timeout height/);
});

test("an unordered transaction is refused", async () => {
  await refused(bytes(await signed({ extraBody: field(4, 1), sequence: 0 })), 37, /unordered/);
});

test("amounts that are zero, negative or left out: code 10 in the block, at the cost of the fee", async () => {
  for (const amount of [0, "-5", ""]) {
    await charged([send(alice.address, bob.address, amount)], 10);
  }
});

test("amounts that are no numbers or have more than 256 bits cannot be read: code 2, and cost nothing", async () => {
  for (const amount of [2n ** 256n, "1.5", "0x10", "one"]) {
    await refused(bytes(await signed({}, [send(alice.address, bob.address, amount)])), 2, /tx parse error/);
  }
});

test("unsorted and repeated coins: code 10 in the block, at the cost of the fee", async () => {
  const message = one()[0];
  const coin = { denom: DENOM, amount: "1" };
  message.value.amount = [coin, coin];
  await charged([message], 10);
  message.value.amount = [coin, { denom: "aaa", amount: "1" }];
  await charged([message], 10);
});

test("an address of another chain or with a broken checksum: code 7 in the block, at the cost of the fee", async () => {
  await charged([send(alice.address, "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta", 1)], 7);
  await charged([send(alice.address, bob.address.slice(0, -1) + "b", 1)], 7);
});

test("spending somebody else's coins is refused", async () => {
  const error = await client
    .broadcastTxSync(bytes(await signed({}, [send(bob.address, alice.address, 1)])))
    .then(() => null, (e) => e);
  assert.ok(error instanceof BroadcastTxError, String(error));
});

test("a message type that the chain does not have: code 2", async () => {
  const vote = {
    typeUrl: "/cosmos.group.v1.MsgVote",
    value: { proposalId: 1n, voter: alice.address, option: 1, metadata: "", exec: 0 },
  };
  await refused(bytes(await signed({}, [vote])), 2);
});

test("no message at all: code 18", async () => {
  await refused(bytes(await signed({}, [])), 18);
});

test("fields that this chain does not know: code 2, unless marked as not critical", async () => {
  await refused(bytes(await signed({ extraBody: field(900, 1) })), 2, /errUnknownField/);
  await refused(concat(bytes(await signed()), field(9, 1)), 2);
  const tx = await signed();
  tx.authInfoBytes = concat(tx.authInfoBytes, field(77, 1));
  await refused(bytes(tx), 2);
  const fine = await signed({ extraBody: field(1031, 1) });
  const hash = await client.broadcastTxSync(bytes(fine));
  await landed(hash);
});

test("an extension option that the chain does not know is refused", async () => {
  const option = concat(field(1, toUtf8("/cosmos.bank.v1beta1.MsgSend")), field(2, new Uint8Array()));
  const error = await client
    .broadcastTxSync(bytes(await signed({ extraBody: field(1023, option) })))
    .then(() => null, (e) => e);
  assert.ok(error instanceof BroadcastTxError, String(error));
  assert.ok([2, 31].includes(error.code), `${error.code} ${error.log}`);
});

test("garbage: code 2", async () => {
  for (const garbage of [Uint8Array.of(1), Uint8Array.of(0xff, 0xff, 0xff, 0xff), new Uint8Array(5000).fill(7), toUtf8("{}")]) {
    await refused(garbage, 2, /tx parse error/);
  }
  const half = bytes(await signed());
  await refused(half.slice(0, half.length / 2), 2);
});

test("a transaction beyond the size limit never reaches a block", async () => {
  const tx = await signed({ memo: "x".repeat(2 * 1024 * 1024) });
  await assert.rejects(client.broadcastTxSync(bytes(tx)), (error) => {
    assert.match(`${error.message} ${error.cause?.body ?? ""}`, /too large/i);
    return true;
  });
});

test("the same transaction twice is executed once", async () => {
  const { sequence } = await client.getSequence(alice.address);
  const raw = bytes(await signed());
  await landed(await client.broadcastTxSync(raw));
  await assert.rejects(client.broadcastTxSync(raw), /already exists|sequence mismatch/);
  assert.equal((await client.getSequence(alice.address)).sequence, sequence + 1);
});

test("a key that never signed cannot be used by an account without coins: code 9", async () => {
  const nobody = await stranger();
  const poor = await stargate(nobody);
  const tx = await rawTx({ getSequence: async () => ({ accountNumber: 0n, sequence: 0 }) }, nobody, [
    send(nobody.address, alice.address, 1),
  ]);
  await assert.rejects(poor.broadcastTxSync(bytes(tx)), (error) => error.code === 9);
  poor.disconnect();
});

test("after all this the node still makes blocks and takes an honest transaction", async () => {
  const result = await client.sendTokens(alice.address, bob.address, [{ denom: DENOM, amount: "1" }], FEE);
  assert.equal(result.code, 0, result.rawLog);
  const health = await rpc.status();
  assert.equal(health.nodeInfo.network, net.chain_id);
});

/** The transaction once it is in a block, where it ended with this code. */
async function landed(hash, code = 0) {
  for (let i = 0; i < 100; i++) {
    const tx = await client.getTx(hash);
    if (tx) {
      assert.equal(tx.code, code, tx.rawLog);
      return tx;
    }
    await new Promise((wake) => setTimeout(wake, 200));
  }
  assert.fail(`${hash} is in no block after 20 s`);
}
