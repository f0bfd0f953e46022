// A Ledger, by CosmJS's own package for it: what it shows and signs is amino JSON, and the chain delivers it. The device
// is a stand-in with the app's protocol and limits.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { makeCosmoshubPath } from "@cosmjs/amino";
import { Slip10RawIndex } from "@cosmjs/crypto";
import { fromBech32, toBech32 } from "@cosmjs/encoding";
import { LedgerSigner } from "@cosmjs/ledger-amino";

import { aminoTypes, pack, packMessage, registry } from "../lib/amino.mjs";
import { Device, fault, tokens } from "../lib/device.mjs";
import { DENOM, net, PREFIX, send, stargate, stranger } from "../lib/net.mjs";

const FEE = { amount: [{ denom: DENOM, amount: "1000" }], gas: "3000000" };
const coin = (amount) => ({ denom: DENOM, amount: String(amount) });
const STAKE = 3_000_000_000;
const found = (name) => net.accounts.find((each) => each.name === name);
const validator = toBech32(`${PREFIX}valoper`, fromBech32(found("host").address).data);

let device, signer, address, client;

before(async () => {
  device = await Device.of(found("js_ledger").mnemonic);
  signer = new LedgerSigner(device, { prefix: PREFIX, hdPaths: [makeCosmoshubPath(0)] });
  [{ address }] = await signer.getAccounts();
  client = await stargate({ wallet: signer }, { registry, aminoTypes });
});
after(() => client?.disconnect());

/** Has messages signed on the device and delivered; answers what the device signed. */
async function deliver(...messages) {
  const before = device.signed.length;
  const result = await client.signAndBroadcast(address, messages, FEE, 'by hand & "ledger" <é>');
  assert.equal(result.code, 0, result.rawLog);
  assert.equal(device.signed.length, before + 1);
  return { result, document: JSON.parse(device.signed.at(-1)) };
}
const names = (document) => document.msgs.map((each) => each.type);
const balance = async (who) => BigInt((await client.getBalance(who, DENOM)).amount);
const message = (typeUrl, value) => ({ typeUrl, value });
const delegate = (amount) =>
  message("/cosmos.staking.v1beta1.MsgDelegate", { delegatorAddress: address, validatorAddress: validator, amount: coin(amount) });
const withdraw = () =>
  message("/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward", { delegatorAddress: address, validatorAddress: validator });
const vote = (proposalId) =>
  message("/cosmos.gov.v1.MsgVote", { proposalId, voter: address, option: 1, metadata: "" });

describe("the device", () => {
  test("has the account that the words have elsewhere, and shows its address", async () => {
    assert.equal(address, found("js_ledger").address);
    assert.equal((await signer.showAddress()).address, address);
  });

  test("goes to no other coin's keys", async () => {
    const [purpose, , ...rest] = makeCosmoshubPath(0);
    const other = new LedgerSigner(device, { prefix: PREFIX, hdPaths: [[purpose, Slip10RawIndex.hardened(60), ...rest]] });
    await assert.rejects(other.getAccounts(), /Invalid HD Path Coin Value/);
  });

  test("signs no document out of form, and none that is too long for it", async () => {
    const text = JSON.stringify({ account_number: "1", chain_id: "c", fee: { amount: [], gas: "1" }, memo: "a b", msgs: [], sequence: "0" });
    const before = device.signed.length;
    const sign = (document) => signer.connector.sign(Buffer.from(document));
    await sign(text);
    for (const [wrong, why] of [
      [text.replace('"c"', ' "c"'), /whitespace/],
      [text.replace('"amount":[],"gas":"1"', '"gas":"1","amount":[]'), /not sorted/],
      [text.replace('"memo":"a b",', ""), /Missing memo/],
    ]) {
      await assert.rejects(sign(wrong), why);
    }
    const many = Array.from({ length: 60 }, () => send(address, address, 1));
    await assert.rejects(client.sign(address, many, FEE, ""), /Too many tokens/);
    assert.equal(device.signed.length, before + 1);
    assert.deepEqual([fault(text), tokens(text)], [undefined, 17]);
  });
});

describe("signed on the device, the chain delivers", () => {
  test("a transfer", async () => {
    const bob = await stranger();
    const { document } = await deliver(send(address, bob.address, 21));
    assert.deepEqual([document.chain_id, names(document)], [net.chain_id, ["cosmos-sdk/MsgSend"]]);
    assert.equal(await balance(bob.address), 21n);
  });

  test("a delegation, and the withdrawal of what it earned", async () => {
    const staked = await deliver(delegate(STAKE));
    assert.deepEqual(names(staked.document), ["cosmos-sdk/MsgDelegate"]);
    assert.equal((await client.getDelegation(address, validator)).amount, String(STAKE));
    const { document, result } = await deliver(withdraw());
    assert.deepEqual(names(document), ["cosmos-sdk/MsgWithdrawDelegationReward"]);
    assert.ok(result.events.some((each) => each.type === "withdraw_rewards"));
  });

  test("a proposal and a vote", async () => {
    const propose = message("/cosmos.gov.v1.MsgSubmitProposal", {
      messages: [], initialDeposit: [coin(1_000_000)], proposer: address, metadata: "by <hand>", title: "By hand", summary: "Words",
      expedited: false,
    });
    const { result } = await deliver(propose);
    const attributes = result.events.filter((each) => each.type === "submit_proposal").flatMap((each) => each.attributes);
    const { document, result: voted } = await deliver(vote(BigInt(attributes.find((a) => a.key === "proposal_id").value)));
    assert.deepEqual(names(document), ["cosmos-sdk/v1/MsgVote"]);
    assert.ok(voted.events.some((each) => each.type === "proposal_vote"));
  });

  test("what another account authorized it to", async () => {
    const [bob, carol] = [await stranger(), await stranger()];
    await deliver(send(address, bob.address, 100));
    const bobs = await stargate(bob, { registry });
    const authorization = pack("/cosmos.bank.v1beta1.SendAuthorization", { spendLimit: [coin(60)] });
    const grant = message("/cosmos.authz.v1beta1.MsgGrant", { granter: bob.address, grantee: address, grant: { authorization } });
    const granted = await bobs.signAndBroadcast(bob.address, [grant], { amount: [], gas: "200000" });
    assert.equal(granted.code, 0, granted.rawLog);
    bobs.disconnect();
    const exec = message("/cosmos.authz.v1beta1.MsgExec", {
      grantee: address, msgs: [packMessage(send(bob.address, carol.address, 60))],
    });
    const { document } = await deliver(exec);
    assert.deepEqual(names(document), ["cosmos-sdk/MsgExec"]);
    assert.equal(document.msgs[0].value.msgs[0].type, "cosmos-sdk/MsgSend");
    assert.deepEqual([await balance(bob.address), await balance(carol.address)], [40n, 60n]);
  });

  test("several messages at once, in as many commands as they need", async () => {
    const people = await Promise.all(Array.from({ length: 8 }, stranger));
    const messages = people.map((each, i) => send(address, each.address, i + 1));
    const { document } = await deliver(...messages, delegate(1_000_000_000), withdraw());
    assert.equal(names(document).length, 10);
    assert.ok(device.signed.at(-1).length > 2000);
    assert.deepEqual(await Promise.all(people.map((each) => balance(each.address))), [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]);
    assert.equal((await client.getDelegation(address, validator)).amount, String(STAKE + 1_000_000_000));
  });
});
