// Authorizations and fee allowances through an unmodified CosmJS.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { AminoTypes, createDefaultAminoConverters, QueryClient, setupAuthzExtension, setupFeegrantExtension } from "@cosmjs/stargate";
import { GenericAuthorization } from "cosmjs-types/cosmos/authz/v1beta1/authz";
import { SendAuthorization } from "cosmjs-types/cosmos/bank/v1beta1/authz";
import { MsgSend } from "cosmjs-types/cosmos/bank/v1beta1/tx";
import { AllowedMsgAllowance, BasicAllowance } from "cosmjs-types/cosmos/feegrant/v1beta1/feegrant";

import { account, aminoStranger, comet, DENOM, FEE, send, stargate, stranger } from "./lib/net.mjs";

const SEND = "/cosmos.bank.v1beta1.MsgSend";
/** Far off, but below 2^31: cosmjs-types 0.11 encodes what lies between that and 2^32 into broken bytes. */
const LATER = 2_000_000_000n;
const coins = (amount) => [{ denom: DENOM, amount: String(amount) }];
const ok = (result) => assert.equal(result.code, 0, result.rawLog);
const attributes = (event) => event.attributes.map((a) => a.key);

let alice, client, query, rpc;

before(async () => {
  alice = await account("js_grants");
  client = await stargate(alice);
  rpc = await comet();
  query = QueryClient.withExtensions(rpc, setupAuthzExtension, setupFeegrantExtension);
});
after(() => {
  client?.disconnect();
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
  value: {
    grantee: grantee.address,
    msgs: messages.map(({ typeUrl, value }) => ({ typeUrl, value: MsgSend.encode(MsgSend.fromPartial(value)).finish() })),
  },
});

describe("authz", () => {
  test("a grantee sends within the limit, is refused beyond it, and loses a revoked grant", async () => {
    const [bob, carol] = [await funded(), await stranger()];
    const limited = {
      typeUrl: "/cosmos.bank.v1beta1.SendAuthorization",
      value: SendAuthorization.encode(SendAuthorization.fromPartial({ spendLimit: coins(50) })).finish(),
    };
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

    const revoke = {
      typeUrl: "/cosmos.authz.v1beta1.MsgRevoke",
      value: { granter: alice.address, grantee: bob.address, msgTypeUrl: SEND },
    };
    ok(await client.signAndBroadcast(alice.address, [revoke], FEE));
    const gone = await bobs.signAndBroadcast(bob.address, [exec(bob, [send(alice.address, carol.address, 1)])], FEE);
    assert.equal(gone.code, 2);
    assert.match(gone.rawLog, /authorization not found$/);
    await assert.rejects(query.authz.grants(alice.address, bob.address, SEND), /authorization not found/);
    bobs.disconnect();
  });

  test("a grantee signs in amino JSON, messages within the message", async () => {
    const [bob, carol] = [await funded(aminoStranger()), await stranger()];
    const any = {
      typeUrl: "/cosmos.authz.v1beta1.GenericAuthorization",
      value: GenericAuthorization.encode(GenericAuthorization.fromPartial({ msg: SEND })).finish(),
    };
    ok(await client.signAndBroadcast(alice.address, [grant(bob, any)], FEE));
    // CosmJS leaves this converter to its users
    const inner = createDefaultAminoConverters()[SEND];
    const converter = {
      aminoType: "cosmos-sdk/MsgExec",
      toAmino: ({ grantee, msgs }) => ({
        grantee,
        msgs: msgs.map((m) => ({ type: inner.aminoType, value: inner.toAmino(MsgSend.decode(m.value)) })),
      }),
      fromAmino: ({ grantee, msgs }) => ({
        grantee,
        msgs: msgs.map((m) => ({
          typeUrl: SEND,
          value: MsgSend.encode(MsgSend.fromPartial(inner.fromAmino(m.value))).finish(),
        })),
      }),
    };
    const aminoTypes = new AminoTypes({
      ...createDefaultAminoConverters(),
      "/cosmos.authz.v1beta1.MsgExec": converter,
    });
    const bobs = await stargate(bob, { aminoTypes });
    ok(await bobs.signAndBroadcast(bob.address, [exec(bob, [send(alice.address, carol.address, 8)])], FEE));
    assert.equal(await balance(carol.address), 8n);
    bobs.disconnect();
  });
});

describe("feegrant", () => {
  const allow = (grantee, allowance) => ({
    typeUrl: "/cosmos.feegrant.v1beta1.MsgGrantAllowance",
    value: { granter: alice.address, grantee: grantee.address, allowance },
  });
  const basic = (limit) => ({
    typeUrl: "/cosmos.feegrant.v1beta1.BasicAllowance",
    value: BasicAllowance.encode(BasicAllowance.fromPartial({ spendLimit: coins(limit) })).finish(),
  });

  for (const [mode, who] of [
    ["DIRECT", stranger],
    ["amino JSON", aminoStranger],
  ]) {
    test(`somebody without coins for fees sends at the granter's cost, signing in ${mode}`, async () => {
      const [bob, carol] = [await who(), await stranger()];
      ok(await client.sendTokens(alice.address, bob.address, coins(5), FEE));
      ok(await client.signAndBroadcast(alice.address, [allow(bob, basic(15_000))], FEE));
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
    const revoke = {
      typeUrl: "/cosmos.feegrant.v1beta1.MsgRevokeAllowance",
      value: { granter: alice.address, grantee: bob.address },
    };
    ok(await client.signAndBroadcast(alice.address, [revoke], FEE));
    await assert.rejects(bobs.signAndBroadcast(bob.address, [message], fee), refused("sdk", 38));
    bobs.disconnect();
  });
});
