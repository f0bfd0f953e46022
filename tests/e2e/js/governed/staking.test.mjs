// Delegations and rewards through an unmodified CosmJS, in DIRECT and amino, and the routes of ping.pub and Keplr.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import {
  QueryClient, setupDistributionExtension, setupMintExtension, setupSlashingExtension, setupStakingExtension,
} from "@cosmjs/stargate";
import { fromBech32, toBech32 } from "@cosmjs/encoding";

import { account, aminoAccount, comet, DENOM, net, PREFIX, stargate } from "../lib/net.mjs";

const FEE = { amount: [], gas: "3000000" };
const QRN = 1_000_000_000;
const coin = (amount) => ({ denom: DENOM, amount: String(amount) });
const ok = (result) => assert.equal(result.code, 0, result.rawLog);

let alice, validator, rpc, query;
const signers = {};

before(async () => {
  alice = await account("js_staking");
  signers.DIRECT = await stargate(alice);
  signers["amino JSON"] = await stargate(await aminoAccount("js_staking"));
  const host = net.accounts.find((a) => a.name === "host").address;
  validator = toBech32(`${PREFIX}valoper`, fromBech32(host).data);
  rpc = await comet();
  query = QueryClient.withExtensions(
    rpc, setupStakingExtension, setupDistributionExtension, setupSlashingExtension, setupMintExtension,
  );
});
after(() => {
  Object.values(signers).forEach((client) => client.disconnect());
  rpc?.disconnect();
});

const delegated = async () => {
  const found = await signers.DIRECT.getDelegation(alice.address, validator);
  return BigInt(found?.amount ?? 0);
};

for (const name of ["DIRECT", "amino JSON"]) {
  describe(name, () => {
    test("delegates, undelegates, thinks better of it, and claims", async () => {
      const client = signers[name];
      const before = await delegated();
      ok(await client.delegateTokens(alice.address, validator, coin(4 * QRN), FEE));
      assert.equal((await delegated()) - before, BigInt(4 * QRN));
      const left = await client.undelegateTokens(alice.address, validator, coin(3 * QRN), FEE);
      ok(left);
      const event = left.events.find((e) => e.type === "unbond");
      assert.deepEqual(
        event.attributes.map((a) => a.key), ["validator", "delegator", "amount", "completion_time", "msg_index"],
      );
      const { unbond } = await query.staking.unbondingDelegation(alice.address, validator);
      const entry = unbond.entries.at(-1);
      const cancel = {
        typeUrl: "/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation",
        value: {
          delegatorAddress: alice.address, validatorAddress: validator, amount: coin(QRN),
          creationHeight: entry.creationHeight,
        },
      };
      ok(await client.signAndBroadcast(alice.address, [cancel], FEE));
      assert.equal((await delegated()) - before, BigInt(2 * QRN));
      const claimed = await client.withdrawRewards(alice.address, validator, FEE);
      ok(claimed);
      assert.ok(claimed.events.some((e) => e.type === "withdraw_rewards"));
    });

    test("is refused what it does not have, in the SDK's words", async () => {
      const refused = await signers[name].undelegateTokens(alice.address, validator, coin(900 * QRN), FEE);
      assert.deepEqual([refused.code, refused.codespace ?? "sdk"], [18, "sdk"]);
      assert.match(refused.rawLog, /invalid shares amount: invalid request$/);
    });
  });
}

test("every query of CosmJS's staking pages is answered", async () => {
  const { validators } = await query.staking.validators("BOND_STATUS_BONDED");
  const listed = validators.find((v) => v.operatorAddress === validator);
  assert.equal((await query.staking.validator(validator)).validator.tokens, listed.tokens);
  assert.equal((await query.staking.delegatorDelegations(alice.address)).delegationResponses.length, 1);
  assert.equal((await query.staking.delegatorValidators(alice.address)).validators.length, 1);
  assert.equal((await query.staking.delegatorUnbondingDelegations(alice.address)).unbondingResponses.length, 1);
  assert.equal((await query.staking.validatorDelegations(validator)).delegationResponses.length >= 2, true);
  assert.equal((await query.staking.redelegations(alice.address, "", "")).redelegationResponses.length, 0);
  const { pool } = await query.staking.pool();
  assert.ok(BigInt(pool.bondedTokens) >= BigInt(listed.tokens));
  assert.equal((await query.staking.params()).params.bondDenom, DENOM);
  assert.equal((await query.staking.historicalInfo(2)).hist.valset.length, 1);
  assert.equal((await query.distribution.delegationTotalRewards(alice.address)).rewards.length, 1);
  assert.equal((await query.distribution.delegatorWithdrawAddress(alice.address)).withdrawAddress, alice.address);
  assert.ok((await query.slashing.signingInfos()).info.length >= 1);
  assert.ok((await query.mint.annualProvisions()).toFloatApproximation() > 0);
  assert.ok((await query.mint.inflation()).toFloatApproximation() > 0);
});

test("ping.pub's and Keplr's routes have their members", async () => {
  const get = async (path) => {
    const answer = await fetch(net.rest + path);
    const body = await answer.json();
    assert.equal(answer.status, 200, `${path}: ${JSON.stringify(body)}`);
    return body;
  };
  const [v, a] = [validator, alice.address];
  const routes = {
    "/cosmos/staking/v1beta1/validators?status=BOND_STATUS_BONDED&pagination.limit=300": ["validators", "pagination"],
    [`/cosmos/staking/v1beta1/validators/${v}`]: ["validator"],
    [`/cosmos/staking/v1beta1/validators/${v}/delegations`]: ["delegation_responses", "pagination"],
    [`/cosmos/staking/v1beta1/validators/${v}/unbonding_delegations`]: ["unbonding_responses", "pagination"],
    [`/cosmos/staking/v1beta1/validators/${v}/delegations/${a}`]: ["delegation_response"],
    [`/cosmos/staking/v1beta1/delegations/${a}`]: ["delegation_responses", "pagination"],
    [`/cosmos/staking/v1beta1/delegators/${a}/unbonding_delegations`]: ["unbonding_responses", "pagination"],
    [`/cosmos/staking/v1beta1/delegators/${a}/redelegations`]: ["redelegation_responses", "pagination"],
    "/cosmos/staking/v1beta1/pool": ["pool"],
    "/cosmos/staking/v1beta1/params": ["params"],
    "/cosmos/staking/v1beta1/historical_info/2": ["hist"],
    "/cosmos/distribution/v1beta1/params": ["params"],
    "/cosmos/distribution/v1beta1/community_pool": ["pool"],
    [`/cosmos/distribution/v1beta1/delegators/${a}/rewards`]: ["rewards", "total"],
    [`/cosmos/distribution/v1beta1/delegators/${a}/withdraw_address`]: ["withdraw_address"],
    [`/cosmos/distribution/v1beta1/validators/${v}/commission`]: ["commission"],
    [`/cosmos/distribution/v1beta1/validators/${v}/outstanding_rewards`]: ["rewards"],
    [`/cosmos/distribution/v1beta1/validators/${v}/slashes`]: ["slashes", "pagination"],
    "/cosmos/slashing/v1beta1/params": ["params"],
    "/cosmos/slashing/v1beta1/signing_infos": ["info", "pagination"],
    "/cosmos/mint/v1beta1/params": ["params"],
    "/cosmos/mint/v1beta1/inflation": ["inflation"],
    "/cosmos/mint/v1beta1/annual_provisions": ["annual_provisions"],
    "/cosmos/evidence/v1beta1/evidence": ["evidence", "pagination"],
  };
  for (const [path, members] of Object.entries(routes)) {
    const body = await get(path);
    for (const member of members) assert.ok(member in body, `${path} lacks ${member}`);
  }
  const { validator: found } = await get(`/cosmos/staking/v1beta1/validators/${v}`);
  assert.equal(found.consensus_pubkey["@type"], "/cosmos.crypto.ed25519.PubKey");
  assert.match(found.commission.commission_rates.rate, /^\d\.\d{18}$/);
  assert.match(found.delegator_shares, /^\d+\.\d{18}$/);
  const { params } = await get("/cosmos/mint/v1beta1/params");
  assert.deepEqual(Object.keys(params), [
    "mint_denom", "inflation_rate_change", "inflation_max", "inflation_min", "goal_bonded", "blocks_per_year",
  ]);
  const missing = await fetch(`${net.rest}/cosmos/staking/v1beta1/validators/${toBech32(`${PREFIX}valoper`, new Uint8Array(20))}`);
  assert.equal(missing.status, 404);
});
