// Keplr's own packages: what it checks before it takes a chain that a page suggests, and how it then reads an account,
// counts gas, sends, and waits for the transaction.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import vm from "node:vm";

import validator from "@keplr-wallet/chain-validator";
import keplr from "@keplr-wallet/cosmos";
import { toBase64 } from "@cosmjs/encoding";
import { Registry } from "@cosmjs/proto-signing";
import { defaultRegistryTypes } from "@cosmjs/stargate";
import { SignMode } from "cosmjs-types/cosmos/tx/signing/v1beta1/signing";
import { AuthInfo, Fee, SignerInfo, TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx";

import { account, aminoAccount, DENOM, net, send, stargate, stranger } from "../lib/net.mjs";

const { checkChainFeatures, checkRestConnectivity, checkRPCConnectivity, validateBasicChainInfoType } = validator;
const { BaseAccount, ChainIdHelper, TendermintTxTracer } = keplr;

/** Runs the node's page as a browser would, and answers what it suggests to the wallet. */
async function suggested() {
  const html = await (await fetch(`${net.rest}/keplr`)).text();
  const parts = {};
  let given;
  const page = {
    document: { getElementById: (id) => (parts[id] ??= { value: "", textContent: "", disabled: id === "add" }) },
    location: { origin: net.rest, protocol: "http:", hostname: "127.0.0.1" },
    fetch: (path) => fetch(net.rest + path),
    window: { keplr: { experimentalSuggestChain: async (info) => (given = info) } },
  };
  vm.runInNewContext(/<script>(.*)<\/script>/s.exec(html)[1], page);
  for (let i = 0; i < 100 && parts.add.disabled; i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  // its guess is the port of a node that stands alone
  parts.rpc.value = net.rpc;
  await parts.add.onclick();
  assert.equal(parts.said.textContent, `${net.chain_id} is in Keplr.`);
  return JSON.parse(JSON.stringify(given));
}

describe("the chain that the node's page suggests", () => {
  let info;
  before(async () => {
    info = await suggested();
  });

  test("is of a form that Keplr takes, with nothing that it would strip", async () => {
    assert.equal(info.chainId, net.chain_id);
    assert.deepEqual(await validateBasicChainInfoType(info), info);
    assert.deepEqual(ChainIdHelper.parse(info.chainId), { identifier: "quern-hosts", version: 1 });
    await assert.rejects(validateBasicChainInfoType({ ...info, bech32Config: undefined }), /bech32Config/);
  });

  test("is what its two addresses answer for, WebSocket included", async () => {
    await checkRPCConnectivity(info.chainId, info.rpc, (url) => new WebSocket(url));
    await checkRestConnectivity(info.chainId, info.rest);
    await assert.rejects(checkRPCConnectivity("other-1", info.rpc, (url) => new WebSocket(url)), /different chain id/);
    await assert.rejects(checkRestConnectivity("quern-hosts-2", info.rest), validator.DifferentChainVersionError);
  });

  test("has the features that Keplr finds by its probes", async () => {
    assert.deepEqual(info.features, ["cosmwasm"]);
    const found = await checkChainFeatures(info);
    assert.deepEqual(found, ["wasmd_0.24+", "query:/cosmos/bank/v1beta1/spendable_balances"]);
  });
});

describe("a transfer as Keplr makes it", () => {
  let alice, tracer;
  const registry = new Registry(defaultRegistryTypes);

  before(async () => {
    alice = await account("js_events");
    tracer = new TendermintTxTracer(net.rpc, "/websocket", { wsObject: WebSocket });
    await new Promise((resolve) => tracer.addEventListener("open", resolve));
  });

  /** Keplr's question: no public key, no gas limit, a signature of zeros. */
  async function gas(messages, memo, sequence) {
    const signer = SignerInfo.fromPartial({
      modeInfo: { single: { mode: SignMode.SIGN_MODE_LEGACY_AMINO_JSON } }, sequence,
    });
    const fee = Fee.fromPartial({ amount: [{ denom: DENOM, amount: "2000" }] });
    const tx = TxRaw.encode({
      bodyBytes: registry.encodeTxBody({ messages, memo }),
      authInfoBytes: AuthInfo.encode(AuthInfo.fromPartial({ signerInfos: [signer], fee })).finish(),
      signatures: [new Uint8Array(64)],
    }).finish();
    return post("simulate", { tx_bytes: toBase64(tx) });
  }
  async function post(method, body) {
    const path = method === "simulate" ? "/cosmos/tx/v1beta1/simulate" : "/cosmos/tx/v1beta1/txs";
    const answer = await fetch(net.rest + path, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  }

  test("is counted, signed, sent and found", async () => {
    const known = await BaseAccount.fetchFromRest(net.rest, alice.address, true);
    assert.equal(known.getAddress(), alice.address);
    const bob = (await stranger()).address;
    const none = await BaseAccount.fetchFromRest(net.rest, bob, true);
    assert.deepEqual([none.getAddress(), none.getSequence().toString()], [bob, "0"]);

    const messages = [send(alice.address, bob, 77)];
    const sequence = BigInt(known.getSequence().toString());
    const simulated = await gas(messages, "by Keplr", sequence);
    assert.equal(simulated.status, 200, JSON.stringify(simulated.body));
    const used = Number(simulated.body.gas_info.gas_used);
    assert.ok(used > 40_000 && used < 200_000, String(used));
    assert.ok(simulated.body.result.events.some((event) => event.type === "transfer"));
    // it names the sequence that it has, and a wrong one is told apart
    const late = await gas(messages, "by Keplr", sequence + 5n);
    assert.match(late.body.message, /account sequence mismatch, expected \d+, got \d+/);

    const fee = { amount: [{ denom: DENOM, amount: "2000" }], gas: String(Math.ceil(used * 1.4)) };
    const signing = await stargate(await aminoAccount("js_events"));
    const signed = TxRaw.encode(await signing.sign(alice.address, messages, fee, "by Keplr")).finish();
    signing.disconnect();
    const blocks = [];
    const stop = tracer.subscribeBlock((block) => blocks.push(block.block.header.height));
    const sent = await post("txs", { tx_bytes: toBase64(signed), mode: "BROADCAST_MODE_SYNC" });
    assert.deepEqual([sent.status, sent.body.tx_response.code], [200, 0]);
    const hash = Uint8Array.from(Buffer.from(sent.body.tx_response.txhash, "hex"));
    const traced = await tracer.traceTx(hash);
    stop();
    assert.equal(traced.code ?? 0, 0);
    assert.ok(Number(traced.gas_used) <= used + 10_000, `${traced.gas_used} of ${used}`);
    assert.ok(blocks.length >= 1, "it is told of blocks, too");
    const balance = await fetch(`${net.rest}/cosmos/bank/v1beta1/balances/${bob}`);
    assert.deepEqual((await balance.json()).balances, [{ denom: DENOM, amount: "77" }]);
    tracer.close();
  });
});
