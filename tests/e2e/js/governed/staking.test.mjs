// Validators and delegations through an unmodified CosmJS, in DIRECT and in amino JSON, on the network of two hosts
// that tests/e2e/hosts/run.sh starts. Each way to sign has a delegator, a host and a newcomer of its own.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";

import { fromBech32, toBase64, toBech32, toUtf8 } from "@cosmjs/encoding";
import { encodePubkey } from "@cosmjs/proto-signing";
import {
  QueryClient, setupDistributionExtension, setupMintExtension, setupSlashingExtension, setupStakingExtension,
} from "@cosmjs/stargate";

import { aminoTypes, pack, packMessage, registry } from "../lib/amino.mjs";
import { account, aminoAccount, aminoStranger, comet, DENOM, net, PREFIX, stargate, stranger } from "../lib/net.mjs";

const PAID = 1000n;
const FEE = { amount: [{ denom: DENOM, amount: String(PAID) }], gas: "3000000" };
const QRN = 1_000_000_000;
const TENTH = "100000000000000000";
/** Blocks of jail, as tests/e2e/hosts/run.sh says. */
const REQUALIFY = 20;
const KEEP = "[do-not-modify]";
const coin = (amount) => ({ denom: DENOM, amount: String(amount) });
const ok = (result) => {
  assert.equal(result.code, 0, result.rawLog);
  return result;
};
const valoper = (address) => toBech32(`${PREFIX}valoper`, fromBech32(address).data);

const UNJAIL = "/cosmos.slashing.v1beta1.MsgUnjail";
const COMMISSION = "/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission";
const EXECUTE = "/cosmwasm.wasm.v1.MsgExecuteContract";

const ways = {
  DIRECT: { sign: account, someone: stranger, delegator: "js_direct", newcomer: "js_new_direct", operator: "host", other: "second" },
  "amino JSON": {
    sign: aminoAccount, someone: aminoStranger, delegator: "js_amino", newcomer: "js_new_amino", operator: "second", other: "host",
  },
};
const clients = [];
let rpc, query;

/** A signer and its client. */
async function party(sign, name) {
  const signer = await sign(name);
  const client = await stargate(signer, { registry, aminoTypes });
  clients.push(client);
  const send = (typeUrl, value) => client.signAndBroadcast(signer.address, [{ typeUrl, value }], FEE);
  const call = (contract, msg) =>
    send(EXECUTE, { sender: signer.address, contract: net.contracts[contract], msg: toUtf8(JSON.stringify(msg)), funds: [] });
  return { address: signer.address, validator: valoper(signer.address), client, send, call };
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
      // as the SDK prints the whole commission there
      assert.ok(event(edited, "edit_validator").commission_rate.startsWith(`commission_rates:<rate:"${TENTH}" `));
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

    test("finds the gas of everything that it does with a stake by CosmJS's own factor", async () => {
      const { client, address } = alice;
      const all = { delegatorAddress: address, validatorAddress: host.validator, amount: coin(QRN) };
      const move = { delegatorAddress: address, validatorSrcAddress: host.validator, validatorDstAddress: other, amount: coin(1) };
      const here = await delegated(host.validator);
      for (const [typeUrl, value] of [
        ["/cosmos.staking.v1beta1.MsgDelegate", all],
        ["/cosmos.staking.v1beta1.MsgBeginRedelegate", move],
        ["/cosmos.staking.v1beta1.MsgUndelegate", all],
        ["/cosmos.distribution.v1beta1.MsgWithdrawDelegatorReward", { delegatorAddress: address, validatorAddress: host.validator }],
      ]) {
        const { gasUsed, gasWanted } = ok(await client.signAndBroadcast(address, [{ typeUrl, value }], "auto"));
        assert.ok(gasUsed <= gasWanted && gasWanted < 3_000_000n, `${typeUrl}: ${gasUsed} of ${gasWanted}`);
      }
      assert.equal(await delegated(host.validator), here - 1n);
    });

    test("lets somebody stake for it, with the host and up to the amount that it names, and no longer than it wants", async () => {
      const someone = await way.someone();
      const bob = await party(() => someone);
      ok(await alice.client.sendTokens(alice.address, bob.address, [coin(10 * Number(PAID))], FEE));
      const authorization = pack("/cosmos.staking.v1beta1.StakeAuthorization", {
        maxTokens: coin(QRN), allowList: { address: [host.validator] }, authorizationType: 1,
      });
      const expiration = { seconds: 2_000_000_000n, nanos: 0 };
      const { address } = alice;
      ok(await alice.send("/cosmos.authz.v1beta1.MsgGrant", { granter: address, grantee: bob.address, grant: { authorization, expiration } }));
      const typeUrl = "/cosmos.staking.v1beta1.MsgDelegate";
      const stake = (validatorAddress, amount) =>
        bob.send("/cosmos.authz.v1beta1.MsgExec", {
          grantee: bob.address,
          msgs: [packMessage({ typeUrl, value: { delegatorAddress: address, validatorAddress, amount: coin(amount) } })],
        });
      const before = await delegated(host.validator);
      ok(await stake(host.validator, QRN - 5));
      assert.equal(await delegated(host.validator), before + BigInt(QRN - 5));
      assert.match((await stake(other, 1)).rawLog, /cannot delegate\/undelegate to .* validator/);
      assert.match((await stake(host.validator, 6)).rawLog, /insufficient|negative/);
      ok(await alice.send("/cosmos.authz.v1beta1.MsgRevoke", { granter: address, grantee: bob.address, msgTypeUrl: typeUrl }));
      assert.match((await stake(host.validator, 1)).rawLog, /authorization not found$/);
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
      // With what unbonds: an earlier undelegation may be completed at any block.
      const holds = async () => {
        const { unbondingResponses } = await query.staking.delegatorUnbondingDelegations(address);
        const entries = unbondingResponses.flatMap((unbonding) => unbonding.entries);
        return entries.reduce((sum, entry) => sum + BigInt(entry.balance), await balance(address));
      };
      const earned = await wait("rewards", owed);
      const before = await holds();
      const claimed = ok(await client.withdrawRewards(address, host.validator, FEE));
      const paid = nqrn(event(claimed, "withdraw_rewards").amount);
      assert.ok(paid >= earned, `${paid} of ${earned}`);
      assert.equal(await holds(), before + paid - PAID);

      const elsewhere = (await stranger()).address;
      ok(
        await alice.send("/cosmos.distribution.v1beta1.MsgSetWithdrawAddress", {
          delegatorAddress: address, withdrawAddress: elsewhere,
        }),
      );
      assert.equal((await query.distribution.delegatorWithdrawAddress(address)).withdrawAddress, elsewhere);
      await wait("more rewards", owed);
      const own = await holds();
      const again = ok(await client.withdrawRewards(address, host.validator, FEE));
      const sent = nqrn(event(again, "withdraw_rewards").amount);
      assert.ok(sent > 0n);
      assert.deepEqual([await balance(elsewhere), await holds()], [sent, own - PAID]);
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

    test("a newcomer becomes a validator, is convicted and jailed, and frees itself when its time is over", async () => {
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

      // what of all that a host offers is judged to be no honest work leaves it nothing to do
      const model = "quern-small";
      ok(await bob.call("registry", { set_offers: { offers: [{ model, capacity: 1, profile: "cpu" }] } }));
      const judge = await party(way.sign, "judge");
      const verdict = { host: bob.address, model, generation: 0, slash: true };
      const convicted = ok(await judge.call("settlement", { convict: verdict }));
      const slashes = convicted.events.filter((each) => each.type === "slash");
      const [jailed, cut] = slashes.map((each) => Object.fromEntries(each.attributes.map((a) => [a.key, a.value])));
      assert.deepEqual([slashes.length, cut.address, cut.reason], [2, jailed.jailed, "conviction"]);
      assert.equal(Number(cut.burned_coins), (2 * QRN) / 10);
      const out = await validatorOf(bob.validator);
      assert.deepEqual([out.jailed, out.status, out.tokens], [true, 1, String((2 * QRN * 9) / 10)]);
      const { slashes: recorded } = await query.distribution.validatorSlashes(bob.validator, 1, 1_000_000);
      assert.equal(recorded.length, 1);
      const infoOf = async (address) => {
        const { info } = await query.slashing.signingInfos();
        const found = info.find((each) => each.address === address);
        assert.deepEqual((await query.slashing.signingInfo(address)).valSigningInfo, found);
        return found;
      };
      const seconds = async () => Number((await infoOf(jailed.jailed)).jailedUntil.seconds);
      assert.ok((await seconds()) > Math.floor(Date.now() / 1000) - 60);
      const early = await bob.send(UNJAIL, { validatorAddr: bob.validator });
      assert.equal(early.code, 4);
      assert.match(early.rawLog, /validator still jailed; cannot be unjailed$/);
      const freed = await wait("freedom", async () => {
        const asked = await bob.send(UNJAIL, { validatorAddr: bob.validator });
        assert.ok([0, 4].includes(asked.code), asked.rawLog);
        return asked.code === 0 && asked;
      });
      assert.ok(freed.height >= convicted.height + REQUALIFY, `${freed.height} after ${convicted.height}`);
      assert.equal((await validatorOf(bob.validator)).jailed, false);
      assert.equal(await seconds(), 0);
      // nobody shall be drawn who does not serve
      ok(await bob.call("registry", { set_offers: { offers: [] } }));
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
  // newcomers are listed too: who is in jail does not vote
  const { info } = await query.slashing.signingInfos();
  assert.ok(info.length >= 2 && info.some((each) => Number(each.indexOffset) > 0));
  assert.ok((await query.mint.annualProvisions()).toFloatApproximation() > 0);
  assert.ok((await query.mint.inflation()).toFloatApproximation() > 0);
});
