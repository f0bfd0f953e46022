// A published contract and a hostile one, through an unmodified CosmJS.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { instantiate2Address } from "@cosmjs/cosmwasm";
import { fromHex, toUtf8 } from "@cosmjs/encoding";

import { account, cosmwasm, DENOM, net, PREFIX, stranger } from "./lib/net.mjs";

const wasm = (name) => readFileSync(`${net.artifacts}/${name}.wasm`);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

let alice, bob, client;

before(async () => {
  alice = await account("js_wasm");
  bob = await stranger();
  client = await cosmwasm(alice);
});
after(() => client?.disconnect());

/** The error of a call that the chain must refuse. */
async function failure(call) {
  const error = await call.then(() => null, (e) => e);
  assert.ok(error, "the call must be refused");
  return String(error.message ?? error);
}

const execute = (contract, msg, funds) => client.execute(alice.address, contract, msg, "auto", undefined, funds);

/** Executes with a fixed gas limit, so that the failure happens in a block and not in the simulation. */
const executeBlind = (contract, msg, gas = "2000000") =>
  client.execute(alice.address, contract, msg, { amount: [{ denom: DENOM, amount: "100000" }], gas });

describe("cw20-base", () => {
  const code = wasm("cw20_base");
  const init = (symbol) => ({
    name: "Test Token",
    symbol,
    decimals: 6,
    initial_balances: [{ address: alice.address, amount: "1000" }],
  });
  let codeId, token;

  test("is uploaded, gzipped by the client, and found again byte for byte", async () => {
    const stored = await client.upload(alice.address, code, "auto");
    codeId = stored.codeId;
    assert.ok(codeId >= 1);
    assert.equal(stored.checksum, sha256(code));
    assert.ok(stored.compressedSize < stored.originalSize);
    const details = await client.getCodeDetails(codeId);
    assert.equal(details.checksum, stored.checksum);
    assert.equal(details.creator, alice.address);
    assert.equal(sha256(details.data), stored.checksum);
    assert.ok((await client.getCodes()).some((c) => c.id === codeId));
  });

  test("is instantiated with an admin and a label", async () => {
    const made = await client.instantiate(alice.address, codeId, init("TOKEN"), "my token", "auto", {
      admin: alice.address,
    });
    token = made.contractAddress;
    assert.match(token, /^quern1[0-9a-z]{58}$/);
    const contract = await client.getContract(token);
    assert.deepEqual(
      { codeId: contract.codeId, creator: contract.creator, admin: contract.admin, label: contract.label },
      { codeId, creator: alice.address, admin: alice.address, label: "my token" },
    );
    assert.ok((await client.getContracts(codeId)).includes(token));
    assert.ok((await client.getContractsByCreator(alice.address)).includes(token));
  });

  test("has the address that instantiate2 promises, once", async () => {
    const salt = toUtf8("salt");
    const expected = instantiate2Address(fromHex(sha256(code)), alice.address, salt, PREFIX);
    const made = await client.instantiate2(alice.address, codeId, salt, init("SECOND"), "second", "auto");
    assert.equal(made.contractAddress, expected);
    const again = client.instantiate2(alice.address, codeId, salt, init("SECOND"), "second", "auto");
    assert.match(await failure(again), /contract address already exists.*duplicate/);
  });

  test("moves tokens and answers queries", async () => {
    const moved = await execute(token, { transfer: { recipient: bob.address, amount: "300" } });
    const event = moved.events.find((e) => e.type === "wasm");
    assert.deepEqual(
      event.attributes.map((a) => a.key).slice(0, 2),
      ["_contract_address", "action"],
    );
    const balance = (address) => client.queryContractSmart(token, { balance: { address } });
    assert.deepEqual(await balance(alice.address), { balance: "700" });
    assert.deepEqual(await balance(bob.address), { balance: "300" });
    const info = await client.queryContractSmart(token, { token_info: {} });
    assert.deepEqual(info, { name: "Test Token", symbol: "TOKEN", decimals: 6, total_supply: "1000" });
    const raw = await client.queryContractRaw(token, toUtf8("token_info"));
    assert.equal(JSON.parse(Buffer.from(raw).toString()).symbol, "TOKEN");
    assert.equal((await client.queryContractRaw(token, toUtf8("nothing"))).length, 0);
  });

  test("calls in one transaction happen together or not at all", async () => {
    const call = (amount) => ({ contractAddress: token, msg: { transfer: { recipient: bob.address, amount } } });
    await client.executeMultiple(alice.address, [call("1"), call("2")], "auto");
    assert.deepEqual(await client.queryContractSmart(token, { balance: { address: bob.address } }), { balance: "303" });
    const fee = { amount: [{ denom: DENOM, amount: "100000" }], gas: "2000000" };
    assert.match(await failure(client.executeMultiple(alice.address, [call("1"), call("99999")], fee)), /message index: 1/);
    assert.deepEqual(await client.queryContractSmart(token, { balance: { address: bob.address } }), { balance: "303" });
  });

  test("refusals of the contract reach the caller with wasm/5", async () => {
    const text = await failure(executeBlind(token, { transfer: { recipient: bob.address, amount: "5000" } }));
    assert.match(text, /Code: 5/);
    assert.match(text, /message index: 0: .*Cannot Sub.*: execute wasm contract failed/);
    assert.match(await failure(executeBlind(token, { nosuch: {} })), /unknown variant .*execute wasm contract failed/);
  });

  test("is migrated by its admin and by nobody else", async () => {
    const again = await client.upload(alice.address, code, "auto");
    const moved = await client.migrate(alice.address, token, again.codeId, {}, "auto");
    assert.ok(moved.events.some((e) => e.type === "migrate"));
    assert.equal((await client.getContract(token)).codeId, again.codeId);
    assert.deepEqual(
      (await client.getContractCodeHistory(token)).map((h) => [h.operation, h.codeId]),
      [["Init", codeId], ["Migrate", again.codeId]],
    );
    assert.deepEqual(await client.queryContractSmart(token, { balance: { address: bob.address } }), { balance: "303" });

    await client.updateAdmin(alice.address, token, bob.address, "auto");
    assert.equal((await client.getContract(token)).admin, bob.address);
    assert.match(await failure(client.migrate(alice.address, token, codeId, {}, "auto")), /unauthorized/);
    assert.match(await failure(client.clearAdmin(alice.address, token, "auto")), /unauthorized/);
  });
});

describe("a hostile contract", () => {
  let probe;

  before(async () => {
    const { codeId } = await client.upload(alice.address, wasm("probe"), "auto");
    const made = await client.instantiate(alice.address, codeId, {}, "probe", "auto");
    probe = made.contractAddress;
  });

  const cases = [
    ["that loops runs out of gas", { loop: {} }, /out of gas/],
    ["that panics fails", { panic: {} }, /execute wasm contract failed|Aborted/],
    ["that calls itself without end is stopped", { recurse: { depth: 100_000 } }, /out of gas|call depth|recursion/],
    ["that asks itself without end is stopped", { query_recurse: { depth: 100_000 } }, /out of gas|query.*depth|stack|execute wasm/i],
    ["that answers rubbish fails", { bad_reply: {} }, /execute wasm contract failed|parse|VM/i],
    ["that answers too much data fails", { big_data: { len: 300_000_000 } }, /out of gas|execute wasm|VM|Aborted/],
    ["that stores too large a value fails", { big_write: { len: 10_000_000 } }, /out of gas|execute wasm|VM/],
    ["that fails in a reply fails", { fail_in_reply: {} }, /execute wasm|reply/],
  ];
  for (const [name, msg, expected] of cases) {
    test(name, async () => {
      assert.match(await failure(executeBlind(probe, msg, "3000000")), expected);
    });
  }

  test("that loops in a query is stopped, too", async () => {
    assert.match(await failure(client.queryContractSmart(probe, { loop: {} })), /out of gas/);
  });

  test("did the node no harm", async () => {
    await execute(probe, { set: { key: "a", value: "b" } });
    assert.equal(await client.queryContractSmart(probe, { get: { key: "a" } }), "b");
  });
});

describe("what is no contract", () => {
  const blind = { amount: [{ denom: DENOM, amount: "500000" }], gas: "10000000" };

  test("rubbish is not stored", async () => {
    assert.match(await failure(client.upload(alice.address, toUtf8("no wasm at all"), blind)), /create wasm contract failed|wasm/);
    const module = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    assert.match(await failure(client.upload(alice.address, module, blind)), /Code: 2.*create wasm contract failed/s);
  });

  test("code and contracts that do not exist are named as such", async () => {
    assert.match(await failure(client.instantiate(alice.address, 9999, {}, "x", blind)), /no such code/);
    assert.match(await failure(client.execute(alice.address, bob.address, {}, blind)), /no such contract|not found/);
    assert.match(await failure(client.getContract(bob.address)), /no such contract|not found/i);
    assert.match(await failure(client.getCodeDetails(9999)), /no such code|not found/i);
  });

  test("a label that is empty or too long is refused", async () => {
    const { codeId } = await client.upload(alice.address, wasm("probe"), "auto");
    for (const label of ["", "x".repeat(129), " padded "]) {
      assert.match(await failure(client.instantiate(alice.address, codeId, {}, label, blind)), /label/);
    }
  });
});
