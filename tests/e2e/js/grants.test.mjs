// Authorizations and fee allowances through an unmodified CosmJS.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { toUtf8 } from "@cosmjs/encoding";
import { QueryClient, setupAuthzExtension, setupFeegrantExtension } from "@cosmjs/stargate";
import { AllowedMsgAllowance, BasicAllowance, PeriodicAllowance } from "cosmjs-types/cosmos/feegrant/v1beta1/feegrant";

import { aminoTypes, pack, packMessage, registry } from "./lib/amino.mjs";
import { account, aminoAccount, aminoStranger, comet, cosmwasm, DENOM, FEE, net, send, stargate, stranger } from "./lib/net.mjs";

const SEND = "/cosmos.bank.v1beta1.MsgSend";
/** Far off, but below 2^31: cosmjs-types 0.11 encodes what lies between that and 2^32 into broken bytes. */
const LATER = 2_000_000_000n;
const coins = (amount) => [{ denom: DENOM, amount: String(amount) }];
const ok = (result) => assert.equal(result.code, 0, result.rawLog);
const attributes = (event) => event.attributes.map((a) => a.key);

let alice, client, amino, query, rpc;
/** Ways to sign: the granter's client, and somebody else. */
let ways;

before(async () => {
  alice = await account("js_grants");
  client = await stargate(alice, { registry });
  amino = await stargate(await aminoAccount("js_grants"), { registry, aminoTypes });
  ways = { DIRECT: { granter: client, someone: stranger }, "amino JSON": { granter: amino, someone: aminoStranger } };
  rpc = await comet();
  query = QueryClient.withExtensions(rpc, setupAuthzExtension, setupFeegrantExtension);
});
after(() => {
  client?.disconnect();
  amino?.disconnect();
  rpc?.disconnect();
});

const balance = async (address) => BigInt((await client.getBalance(address, DENOM)).amount);

/** Somebody with enough for some fees. */
async function funded(who = stranger()) {
  const person = await who;
  ok(await client.sendTokens(alice.address, person.address, coins(100_000), FEE));
  return person;
}

const grant = (grantee, authorization) => ({
  typeUrl: "/cosmos.authz.v1beta1.MsgGrant",
  value: {
    granter: alice.address,
    grantee: grantee.address,
    grant: { authorization, expiration: { seconds: LATER, nanos: 0 } },
  },
});

const exec = (grantee, messages) => ({
  typeUrl: "/cosmos.authz.v1beta1.MsgExec",
  value: { grantee: grantee.address, msgs: messages.map(packMessage) },
});

const revoke = (grantee, msgTypeUrl) => ({
  typeUrl: "/cosmos.authz.v1beta1.MsgRevoke",
  value: { granter: alice.address, grantee: grantee.address, msgTypeUrl },
});

describe("authz", () => {
  test("a grantee sends within the limit, is refused beyond it, and loses a revoked grant", async () => {
    const [bob, carol] = [await funded(), await stranger()];
    const limited = pack("/cosmos.bank.v1beta1.SendAuthorization", { spendLimit: coins(50) });
    const granted = await client.signAndBroadcast(alice.address, [grant(bob, limited)], FEE);
    ok(granted);
    const event = granted.events.find((e) => e.type === "cosmos.authz.v1beta1.EventGrant");
    assert.deepEqual(attributes(event), ["grantee", "granter", "msg_type_url", "msg_index"]);
    assert.equal(event.attributes[0].value, JSON.stringify(bob.address));
    const { grants } = await query.authz.grants(alice.address, bob.address, SEND);
    assert.equal(grants.length, 1);
    assert.equal(grants[0].expiration.seconds, LATER);
    assert.equal((await query.authz.granteeGrants(bob.address)).grants.length, 1);
    assert.ok((await query.authz.granterGrants(alice.address)).grants.some((g) => g.grantee === bob.address));

    const bobs = await stargate(bob);
    const before = await balance(alice.address);
    const sent = await bobs.signAndBroadcast(bob.address, [exec(bob, [send(alice.address, carol.address, 30)])], FEE);
    ok(sent);
    assert.equal(before - (await balance(alice.address)), 30n);
    assert.equal(await balance(carol.address), 30n);
    const transfer = sent.events.findLast((e) => e.type === "transfer");
    assert.deepEqual(attributes(transfer), ["recipient", "sender", "amount", "authz_msg_index", "msg_index"]);
    const beyond = await bobs.signAndBroadcast(bob.address, [exec(bob, [send(alice.address, carol.address, 21)])], FEE);
    assert.equal(beyond.code, 5);
    assert.match(beyond.rawLog, /requested amount is more than spend limit: insufficient funds$/);

    ok(await client.signAndBroadcast(alice.address, [revoke(bob, SEND)], FEE));
    const gone = await bobs.signAndBroadcast(bob.address, [exec(bob, [send(alice.address, carol.address, 1)])], FEE);
    assert.equal(gone.code, 2);
    assert.match(gone.rawLog, /authorization not found$/);
    await assert.rejects(query.authz.grants(alice.address, bob.address, SEND), /authorization not found/);
    bobs.disconnect();
  });

  test("granted, used and revoked in amino JSON, messages within the message", async () => {
    const [bob, carol] = [await funded(aminoStranger()), await stranger()];
    const any = pack("/cosmos.authz.v1beta1.GenericAuthorization", { msg: SEND });
    ok(await amino.signAndBroadcast(alice.address, [grant(bob, any)], FEE));
    const bobs = await stargate(bob, { registry, aminoTypes });
    const both = [send(alice.address, carol.address, 8), send(alice.address, carol.address, 9)];
    ok(await bobs.signAndBroadcast(bob.address, [exec(bob, both)], FEE));
    assert.equal(await balance(carol.address), 17n);
    ok(await amino.signAndBroadcast(alice.address, [revoke(bob, SEND)], FEE));
    const gone = await bobs.signAndBroadcast(bob.address, [exec(bob, both)], FEE);
    assert.match(gone.rawLog, /authorization not found$/);
    bobs.disconnect();
  });

  describe("for a contract", () => {
    const EXECUTE = "/cosmwasm.wasm.v1.MsgExecuteContract";
    const fee = { amount: coins(20_000), gas: "2000000" };
    let wasm, token;

    before(async () => {
      wasm = await cosmwasm(alice);
      const { codeId } = await wasm.upload(alice.address, readFileSync(`${net.artifacts}/cw20_base.wasm`), "auto");
      const initial_balances = [{ address: alice.address, amount: "100" }];
      const init = { name: "Granted", symbol: "GRA", decimals: 0, initial_balances };
      token = (await wasm.instantiate(alice.address, codeId, init, "granted", "auto")).contractAddress;
    });
    after(() => wasm?.disconnect());

    for (const mode of ["DIRECT", "amino JSON"]) {
      test(`in ${mode}: so many calls, and of one kind`, async () => {
        const { granter, someone } = ways[mode];
        const [bob, carol] = [await funded(someone()), await stranger()];
        const authorization = pack("/cosmwasm.wasm.v1.ContractExecutionAuthorization", {
          grants: [
            {
              contract: token,
              limit: pack("/cosmwasm.wasm.v1.CombinedLimit", { callsRemaining: 2n, amounts: coins(1) }),
              filter: pack("/cosmwasm.wasm.v1.AcceptedMessageKeysFilter", { keys: ["transfer"] }),
            },
          ],
        });
        ok(await granter.signAndBroadcast(alice.address, [grant(bob, authorization)], FEE));
        const bobs = await stargate(bob, { registry, aminoTypes });
        const call = (msg) => {
          const value = { sender: alice.address, contract: token, msg: toUtf8(JSON.stringify(msg)), funds: [] };
          return bobs.signAndBroadcast(bob.address, [exec(bob, [{ typeUrl: EXECUTE, value }])], fee);
        };
        const transfer = { transfer: { recipient: carol.address, amount: "3" } };
        ok(await call(transfer));
        assert.match((await call({ burn: { amount: "1" } })).rawLog, /unauthorized$/);
        ok(await call(transfer));
        const found = await wasm.queryContractSmart(token, { balance: { address: carol.address } });
        assert.deepEqual(found, { balance: "6" });
        assert.match((await call(transfer)).rawLog, /authorization not found$/);
        bobs.disconnect();
      });
    }
  });
});

describe("feegrant", () => {
  const allow = (grantee, allowance) => ({
    typeUrl: "/cosmos.feegrant.v1beta1.MsgGrantAllowance",
    value: { granter: alice.address, grantee: grantee.address, allowance },
  });
  const basic = (limit) => pack("/cosmos.feegrant.v1beta1.BasicAllowance", { spendLimit: coins(limit) });
  const disallow = (grantee) => ({
    typeUrl: "/cosmos.feegrant.v1beta1.MsgRevokeAllowance",
    value: { granter: alice.address, grantee: grantee.address },
  });

  for (const mode of ["DIRECT", "amino JSON"]) {
    test(`somebody without coins for fees sends at the granter's cost, both signing in ${mode}`, async () => {
      const { granter, someone } = ways[mode];
      const [bob, carol] = [await someone(), await stranger()];
      ok(await client.sendTokens(alice.address, bob.address, coins(5), FEE));
      ok(await granter.signAndBroadcast(alice.address, [allow(bob, basic(15_000))], FEE));
      const before = await balance(alice.address);
      const bobs = await stargate(bob);
      const fee = { ...FEE, granter: alice.address };
      const sent = await bobs.signAndBroadcast(bob.address, [send(bob.address, carol.address, 5)], fee);
      ok(sent);
      assert.deepEqual(sent.events.slice(0, 2).map((e) => e.type), ["use_feegrant", "update_feegrant"]);
      assert.equal(before - (await balance(alice.address)), 10_000n);
      assert.equal(await balance(bob.address), 0n);
      const { allowance } = await query.feegrant.allowance(alice.address, bob.address);
      assert.equal(BasicAllowance.decode(allowance.allowance.value).spendLimit[0].amount, "5000");
      assert.equal((await query.feegrant.allowances(bob.address)).allowances.length, 1);
      await assert.rejects(bobs.signAndBroadcast(bob.address, [send(bob.address, carol.address, 1)], fee), (error) => {
        assert.deepEqual([error.codespace, error.code], ["feegrant", 2]);
        assert.match(error.log, /does not allow to pay fees for .*: basic allowance: fee limit exceeded$/);
        return true;
      });
      bobs.disconnect();
    });

    test(`an allowance of so much a period, given and revoked in ${mode}`, async () => {
      const { granter, someone } = ways[mode];
      const [bob, carol] = [await someone(), await stranger()];
      ok(await client.sendTokens(alice.address, bob.address, coins(5), FEE));
      const periodic = pack("/cosmos.feegrant.v1beta1.PeriodicAllowance", {
        basic: { spendLimit: coins(100_000), expiration: { seconds: LATER, nanos: 0 } },
        period: { seconds: 3600n, nanos: 0 }, periodSpendLimit: coins(15_000), periodCanSpend: coins(15_000),
        periodReset: { seconds: LATER - 3600n, nanos: 0 },
      });
      ok(await granter.signAndBroadcast(alice.address, [allow(bob, periodic)], FEE));
      const bobs = await stargate(bob);
      const pay = () => bobs.signAndBroadcast(bob.address, [send(bob.address, carol.address, 1)], { ...FEE, granter: alice.address });
      ok(await pay());
      const { allowance } = await query.feegrant.allowance(alice.address, bob.address);
      const left = PeriodicAllowance.decode(allowance.allowance.value);
      assert.deepEqual([left.periodCanSpend[0].amount, left.basic.spendLimit[0].amount], ["5000", "90000"]);
      await assert.rejects(pay(), /period allowance: fee limit exceeded|fee limit exceeded/);
      ok(await granter.signAndBroadcast(alice.address, [disallow(bob)], FEE));
      await assert.rejects(pay(), /fee-grant not found/);
      bobs.disconnect();
    });
  }

  test("an allowance for some messages is not used for others, and a revoked one for none", async () => {
    const bob = await stranger();
    ok(await client.sendTokens(alice.address, bob.address, coins(5), FEE));
    const only = {
      typeUrl: "/cosmos.feegrant.v1beta1.AllowedMsgAllowance",
      value: AllowedMsgAllowance.encode(
        AllowedMsgAllowance.fromPartial({
          allowance: basic(100_000),
          allowedMessages: ["/cosmos.authz.v1beta1.MsgExec"],
        }),
      ).finish(),
    };
    ok(await client.signAndBroadcast(alice.address, [allow(bob, only)], FEE));
    const bobs = await stargate(bob);
    const fee = { ...FEE, granter: alice.address };
    const refused = (codespace, code) => (error) => {
      assert.deepEqual([error.codespace, error.code], [codespace, code], error.log);
      return true;
    };
    const message = send(bob.address, alice.address, 1);
    await assert.rejects(bobs.signAndBroadcast(bob.address, [message], fee), refused("feegrant", 7));
    ok(await client.signAndBroadcast(alice.address, [disallow(bob)], FEE));
    await assert.rejects(bobs.signAndBroadcast(bob.address, [message], fee), refused("sdk", 38));
    bobs.disconnect();
  });
});
