// Validators and delegations through an unmodified CosmJS, in DIRECT and in amino JSON, on the network of two hosts
// that tests/e2e/hosts/run.sh starts. Each way to sign has a delegator, a host and a newcomer of its own.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { fromBech32, toBase64, toBech32 } from "@cosmjs/encoding";
import { encodePubkey, Registry } from "@cosmjs/proto-signing";
import {
  AminoTypes, createDefaultAminoConverters, defaultRegistryTypes, QueryClient, setupDistributionExtension,
  setupMintExtension, setupSlashingExtension, setupStakingExtension,
} from "@cosmjs/stargate";
import { MsgUnjail } from "cosmjs-types/cosmos/slashing/v1beta1/tx";

import { account, aminoAccount, comet, DENOM, net, PREFIX, stargate, stranger } from "../lib/net.mjs";

const PAID = 1000n;
const FEE = { amount: [{ denom: DENOM, amount: String(PAID) }], gas: "3000000" };
const QRN = 1_000_000_000;
const TENTH = "100000000000000000";
const KEEP = "[do-not-modify]";
const coin = (amount) => ({ denom: DENOM, amount: String(amount) });
const ok = (result) => {
  assert.equal(result.code, 0, result.rawLog);
  return result;
};
const valoper = (address) => toBech32(`${PREFIX}valoper`, fromBech32(address).data);

/** What CosmJS leaves to applications: the message that frees a validator. */
const UNJAIL = "/cosmos.slashing.v1beta1.MsgUnjail";
/** Which CosmJS calls in amino what no release of the SDK does. */
const COMMISSION = "/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission";
const registry = new Registry([...defaultRegistryTypes, [UNJAIL, MsgUnjail]]);
const aminoTypes = new AminoTypes({
  ...createDefaultAminoConverters(),
  [UNJAIL]: {
    aminoType: "cosmos-sdk/MsgUnjail",
    toAmino: ({ validatorAddr }) => ({ address: validatorAddr }),
    fromAmino: ({ address }) => ({ validatorAddr: address }),
  },
  [COMMISSION]: {
    aminoType: "cosmos-sdk/MsgWithdrawValCommission",
    toAmino: ({ validatorAddress }) => ({ validator_address: validatorAddress }),
    fromAmino: ({ validator_address }) => ({ validatorAddress: validator_address }),
  },
});

const ways = {
  DIRECT: { sign: account, delegator: "js_direct", newcomer: "js_new_direct", operator: "host", other: "second" },
  "amino JSON": { sign: aminoAccount, delegator: "js_amino", newcomer: "js_new_amino", operator: "second", other: "host" },
};
const clients = [];
let rpc, query;

/** A signer and its client. */
async function party(sign, name) {
  const signer = await sign(name);
  const client = await stargate(signer, { registry, aminoTypes });
  clients.push(client);
  const send = (typeUrl, value) => client.signAndBroadcast(signer.address, [{ typeUrl, value }], FEE);
  return { address: signer.address, validator: valoper(signer.address), client, send };
}

before(async () => {
  rpc = await comet();
  query = QueryClient.withExtensions(
    rpc, setupStakingExtension, setupDistributionExtension, setupSlashingExtension, setupMintExtension,
  );
});
after(() => {
  clients.forEach((client) => client.disconnect());
  rpc?.disconnect();
});

const event = (result, type) => {
  const found = result.events.filter((e) => e.type === type);
  assert.equal(found.length, 1, `${found.length} events ${type}`);
  return Object.fromEntries(found[0].attributes.map((a) => [a.key, a.value]));
};
const nqrn = (text) => BigInt(/^(\d+)nqrn$/.exec(text)[1]);
const validatorOf = async (address) => (await query.staking.validator(address)).validator;

/** Asks until the answer is true. */
async function wait(what, question, seconds = 120) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
    const answer = await question();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return assert.fail(`no ${what} in ${seconds} s`);
}

for (const [name, way] of Object.entries(ways)) {
  describe(name, () => {
    let alice, host, other;

    before(async () => {
      [alice, host] = [await party(way.sign, way.delegator), await party(way.sign, way.operator)];
      other = valoper(net.accounts.find((each) => each.name === way.other).address);
    });
    const delegated = async (to) => BigInt((await alice.client.getDelegation(alice.address, to))?.amount ?? 0);
    const balance = async (address) => BigInt((await alice.client.getBalance(address, DENOM)).amount);

    test("an operator describes its validator and sets its commission", async () => {
      const edit = (description, commissionRate) =>
        host.send("/cosmos.staking.v1beta1.MsgEditValidator", {
          description, commissionRate, minSelfDelegation: "", validatorAddress: host.validator,
        });
      const said = {
        moniker: `Host & <${name}>`, identity: "0A1B2C3D4E5F6071", website: "https://host.example:8443",
        securityContact: "sec@host.example", details: 'Two cards, "cooled" – été',
      };
      const edited = ok(await edit(said, TENTH));
      assert.equal(event(edited, "edit_validator").commission_rate, "0.100000000000000000");
      const found = await validatorOf(host.validator);
      assert.deepEqual({ ...found.description }, said);
      assert.equal(found.commission.commissionRates.rate, TENTH);
      // CosmJS writes empty texts into amino documents, which the SDK leaves out
      const kept = { moniker: KEEP, identity: KEEP, website: KEEP, securityContact: KEEP, details: "Four cards" };
      ok(await edit(kept, ""));
      const then = await validatorOf(host.validator);
      assert.deepEqual({ ...then.description }, { ...said, details: "Four cards" });
      assert.equal(then.commission.commissionRates.rate, TENTH);
    });

    test("delegates, redelegates, undelegates and thinks better of it", async () => {
      const { client, address } = alice;
      ok(await client.delegateTokens(address, host.validator, coin(8 * QRN), FEE));
      assert.equal(await delegated(host.validator), BigInt(8 * QRN));

      const there = await delegated(other);
      const moved = ok(
        await alice.send("/cosmos.staking.v1beta1.MsgBeginRedelegate", {
          delegatorAddress: address, validatorSrcAddress: host.validator, validatorDstAddress: other,
          amount: coin(2 * QRN),
        }),
      );
      const { source_validator, destination_validator, amount } = event(moved, "redelegate");
      assert.deepEqual([source_validator, destination_validator, amount], [host.validator, other, `${2 * QRN}nqrn`]);
      const { redelegationResponses } = await query.staking.redelegations(address, host.validator, other);
      assert.equal(redelegationResponses[0].entries[0].balance, String(2 * QRN));

      const left = ok(await client.undelegateTokens(address, host.validator, coin(3 * QRN), FEE));
      const unbond = left.events.find((e) => e.type === "unbond");
      assert.deepEqual(
        unbond.attributes.map((a) => a.key), ["validator", "delegator", "amount", "completion_time", "msg_index"],
      );
      const entry = (await query.staking.unbondingDelegation(address, host.validator)).unbond.entries.at(-1);
      assert.equal(entry.balance, String(3 * QRN));
      ok(
        await alice.send("/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation", {
          delegatorAddress: address, validatorAddress: host.validator, amount: coin(QRN),
          creationHeight: entry.creationHeight,
        }),
      );
      assert.equal(await delegated(host.validator), BigInt(4 * QRN));
      const after = (await query.staking.unbondingDelegation(address, host.validator)).unbond.entries.at(-1);
      assert.equal(after.balance, String(2 * QRN));
      // what was redelegated arrives by itself, and what leaves is paid by itself
      await wait("end of the redelegation", async () => (await delegated(other)) === there + BigInt(2 * QRN));
      await wait("end of the unbonding", async () =>
        (await query.staking.delegatorUnbondingDelegations(address)).unbondingResponses.length === 0);
    });

    test("is refused what it does not have, in the SDK's words", async () => {
      const refused = await alice.client.undelegateTokens(alice.address, host.validator, coin(900 * QRN), FEE);
      assert.deepEqual([refused.code, refused.codespace ?? "sdk"], [18, "sdk"]);
      assert.match(refused.rawLog, /invalid shares amount: invalid request$/);
    });

    test("earns, and is paid to the last unit, wherever it wants", async () => {
      const { client, address } = alice;
      const owed = async () => {
        const { rewards } = await query.distribution.delegationRewards(address, host.validator);
        return BigInt(rewards[0]?.amount ?? 0) / 10n ** 18n;
      };
      const earned = await wait("rewards", owed);
      const before = await balance(address);
      const claimed = ok(await client.withdrawRewards(address, host.validator, FEE));
      const paid = nqrn(event(claimed, "withdraw_rewards").amount);
      assert.ok(paid >= earned, `${paid} of ${earned}`);
      assert.equal(await balance(address), before + paid - PAID);

      const elsewhere = (await stranger()).address;
      ok(
        await alice.send("/cosmos.distribution.v1beta1.MsgSetWithdrawAddress", {
          delegatorAddress: address, withdrawAddress: elsewhere,
        }),
      );
      assert.equal((await query.distribution.delegatorWithdrawAddress(address)).withdrawAddress, elsewhere);
      await wait("more rewards", owed);
      const own = await balance(address);
      const again = ok(await client.withdrawRewards(address, host.validator, FEE));
      const sent = nqrn(event(again, "withdraw_rewards").amount);
      assert.ok(sent > 0n);
      assert.deepEqual([await balance(elsewhere), await balance(address)], [sent, own - PAID]);
    });

    test("the operator is paid its commission to the last unit", async () => {
      const { commission } = await query.distribution.validatorCommission(host.validator);
      const owed = BigInt(commission.commission[0].amount) / 10n ** 18n;
      assert.ok(owed > 0n);
      const before = await balance(host.address);
      const taken = ok(await host.send(COMMISSION, { validatorAddress: host.validator }));
      const paid = nqrn(event(taken, "withdraw_commission").amount);
      assert.ok(paid >= owed, `${paid} of ${owed}`);
      assert.equal(await balance(host.address), before + paid - PAID);
    });

    test("a newcomer becomes a validator, and nothing needs to be unjailed", async () => {
      const bob = await party(way.sign, way.newcomer);
      const warmKey = (await stranger()).pubkey;
      const details = { transport_key: toBase64(randomBytes(32)), warm_key: toBase64(warmKey) };
      const create = {
        description: {
          moniker: "Newcomer", identity: "F00D", website: "https://newcomer.example:8443",
          securityContact: "sec@newcomer.example", details: JSON.stringify(details),
        },
        commission: { rate: TENTH, maxRate: "1000000000000000000", maxChangeRate: "1000000000000000000" },
        minSelfDelegation: "1",
        delegatorAddress: bob.address,
        validatorAddress: bob.validator,
        pubkey: encodePubkey({ type: "tendermint/PubKeyEd25519", value: toBase64(randomBytes(32)) }),
        value: coin(2 * QRN),
      };
      const created = ok(await bob.send("/cosmos.staking.v1beta1.MsgCreateValidator", create));
      const said = event(created, "create_validator");
      assert.deepEqual([said.validator, said.amount], [bob.validator, `${2 * QRN}nqrn`]);
      const found = await validatorOf(bob.validator);
      assert.deepEqual(
        [found.description.moniker, found.description.identity, found.tokens, found.jailed, found.status],
        ["Newcomer", "F00D", String(2 * QRN), false, 1],
      );
      assert.equal(found.commission.commissionRates.rate, TENTH);
      assert.deepEqual(found.consensusPubkey, create.pubkey);
      const twice = await bob.send("/cosmos.staking.v1beta1.MsgCreateValidator", create);
      assert.deepEqual([twice.code, twice.codespace ?? "staking"], [4, "staking"]);
      const free = await bob.send(UNJAIL, { validatorAddr: bob.validator });
      assert.equal(free.code, 5);
      assert.match(free.rawLog, /validator not jailed; cannot be unjailed$/);
    });
  });
}

test("every query of CosmJS's staking pages is answered", async () => {
  const alice = net.accounts.find((each) => each.name === "js_direct").address;
  const host = net.accounts.find((each) => each.name === "host").address;
  const validator = valoper(host);
  const { validators } = await query.staking.validators("BOND_STATUS_BONDED");
  assert.equal(validators.length, 2);
  const listed = validators.find((v) => v.operatorAddress === validator);
  assert.equal((await query.staking.validator(validator)).validator.tokens, listed.tokens);
  assert.equal((await query.staking.delegatorDelegations(alice)).delegationResponses.length, 2);
  assert.equal((await query.staking.delegatorValidators(alice)).validators.length, 2);
  assert.equal((await query.staking.delegatorValidator(alice, validator)).validator.operatorAddress, validator);
  assert.ok((await query.staking.validatorDelegations(validator)).delegationResponses.length >= 3);
  const { pool } = await query.staking.pool();
  assert.ok(BigInt(pool.bondedTokens) >= BigInt(listed.tokens));
  assert.equal((await query.staking.params()).params.bondDenom, DENOM);
  assert.equal((await query.staking.historicalInfo(2)).hist.valset.length, 2);
  assert.equal((await query.distribution.delegationTotalRewards(alice)).rewards.length, 2);
  assert.equal((await query.distribution.validatorOutstandingRewards(validator)).rewards.rewards[0].denom, DENOM);
  assert.equal((await query.distribution.communityPool()).pool[0].denom, DENOM);
  assert.equal((await query.slashing.signingInfos()).info.length, 2);
  assert.ok((await query.mint.annualProvisions()).toFloatApproximation() > 0);
  assert.ok((await query.mint.inflation()).toFloatApproximation() > 0);
});
