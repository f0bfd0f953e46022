// Governance through an unmodified CosmJS, in DIRECT and in amino JSON: a text of the older version and a change of
// parameters, deposits, votes of one host, and what comes of them; then every message of both versions in the other mode. Started by
// tests/e2e/hosts/run.sh, whose network has hosts and short periods.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { QueryClient, setupAuthExtension, setupGovExtension } from "@cosmjs/stargate";
import { MsgUpdateParams } from "cosmjs-types/cosmos/auth/v1beta1/tx";
import { Params } from "cosmjs-types/cosmos/auth/v1beta1/auth";
import { QueryParamsRequest, QueryParamsResponse } from "cosmjs-types/cosmos/auth/v1beta1/query";
import { TextProposal } from "cosmjs-types/cosmos/gov/v1beta1/gov";
import { QueryProposalRequest, QueryProposalResponse } from "cosmjs-types/cosmos/gov/v1/query";

import { aminoTypes, packMessage, registry } from "../lib/amino.mjs";
import { account, aminoAccount, comet, DENOM, net, stargate } from "../lib/net.mjs";

const FEE = { amount: [{ denom: DENOM, amount: "100000" }], gas: "2000000" };
const coins = (amount) => [{ denom: DENOM, amount: String(amount) }];
const PASSED = 3;
const YES = 1;
const NO = 3;
const governance = net.governance;

let direct, amino, proposer, host, rpc, query;

before(async () => {
  proposer = await account("js_gov");
  host = await aminoAccount("host");
  direct = await stargate(proposer, { registry });
  amino = await stargate(host, { registry, aminoTypes });
  rpc = await comet();
  query = QueryClient.withExtensions(rpc, setupAuthExtension, setupGovExtension);
});
after(() => {
  direct?.disconnect();
  amino?.disconnect();
  rpc?.disconnect();
});

const ok = (result) => {
  assert.equal(result.code, 0, result.rawLog);
  return result;
};
const attribute = (result, type, key) => {
  const values = result.events.filter((e) => e.type === type).flatMap((e) => e.attributes.filter((a) => a.key === key));
  assert.ok(values.length > 0, `no ${type}.${key} in ${JSON.stringify(result.events)}`);
  return values[0].value;
};

async function authParams() {
  const { value } = await query.queryAbci("/cosmos.auth.v1beta1.Query/Params", QueryParamsRequest.encode({}).finish());
  return QueryParamsResponse.decode(value).params;
}

async function newerProposal(proposalId) {
  const request = QueryProposalRequest.encode({ proposalId }).finish();
  const { value } = await query.queryAbci("/cosmos.gov.v1.Query/Proposal", request);
  return QueryProposalResponse.decode(value).proposal;
}

test("a text and a change of parameters are proposed, paid for, voted on and carried out", async () => {
  const earlier = await authParams();
  const change = MsgUpdateParams.encode({
    authority: governance,
    params: Params.fromPartial({ ...earlier, maxMemoCharacters: earlier.maxMemoCharacters + 1n }),
  }).finish();
  const submitted = ok(
    await direct.signAndBroadcast(
      proposer.address,
      [
        {
          typeUrl: "/cosmos.gov.v1.MsgSubmitProposal",
          value: {
            messages: [{ typeUrl: "/cosmos.auth.v1beta1.MsgUpdateParams", value: change }],
            initialDeposit: coins(400_000),
            proposer: proposer.address,
            metadata: "",
            title: "Longer memos",
            summary: "By one",
            expedited: false,
          },
        },
      ],
      FEE,
    ),
  );
  const changing = BigInt(attribute(submitted, "submit_proposal", "proposal_id"));
  assert.equal(attribute(submitted, "proposal_deposit", "amount"), `400000${DENOM}`);

  // the older version, as a Ledger signs it
  const text = { title: "Words", description: "Nothing but words" };
  const older = ok(
    await amino.signAndBroadcast(
      host.address,
      [
        {
          typeUrl: "/cosmos.gov.v1beta1.MsgSubmitProposal",
          value: {
            content: { typeUrl: "/cosmos.gov.v1beta1.TextProposal", value: TextProposal.encode(text).finish() },
            initialDeposit: coins(1_000_000),
            proposer: host.address,
          },
        },
        {
          typeUrl: "/cosmos.gov.v1beta1.MsgDeposit",
          value: { proposalId: changing, depositor: host.address, amount: coins(600_000) },
        },
      ],
      FEE,
    ),
  );
  const texting = BigInt(attribute(older, "submit_proposal", "proposal_id"));

  ok(
    await amino.signAndBroadcast(
      host.address,
      [
        { typeUrl: "/cosmos.gov.v1beta1.MsgVote", value: { proposalId: texting, voter: host.address, option: YES } },
        {
          typeUrl: "/cosmos.gov.v1.MsgVote",
          value: { proposalId: changing, voter: host.address, option: YES, metadata: "so be it" },
        },
      ],
      FEE,
    ),
  );
  // a stranger to the hosts may vote, and counts for nothing
  ok(
    await direct.signAndBroadcast(
      proposer.address,
      [
        {
          typeUrl: "/cosmos.gov.v1beta1.MsgVoteWeighted",
          value: {
            proposalId: changing,
            voter: proposer.address,
            options: [
              { option: YES, weight: "300000000000000000" },
              { option: 3, weight: "700000000000000000" },
            ],
          },
        },
      ],
      FEE,
    ),
  );

  let seen = await newerProposal(changing);
  for (let i = 0; i < 150 && seen.status !== PASSED; i += 1) {
    assert.ok(seen.status === 2, `status ${seen.status}: ${seen.failedReason}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    seen = await newerProposal(changing);
  }
  assert.equal(seen.status, PASSED);
  assert.ok(BigInt(seen.finalTallyResult.yesCount) > 0n);
  assert.equal(seen.finalTallyResult.noCount, "0");
  assert.equal((await authParams()).maxMemoCharacters, earlier.maxMemoCharacters + 1n);

  // CosmJS reads proposals in the older version alone
  const read = await query.gov.proposal(texting);
  assert.equal(read.proposal.content.typeUrl, "/cosmos.gov.v1beta1.TextProposal");
  assert.equal(TextProposal.decode(read.proposal.content.value).title, "Words");
  const refused = await amino.signAndBroadcast(
    host.address,
    [{ typeUrl: "/cosmos.gov.v1beta1.MsgVote", value: { proposalId: changing, voter: host.address, option: YES } }],
    FEE,
  );
  assert.equal(refused.code, 3);
});

/** All messages of both versions by one host, at whose side the other one does the same. */
async function round(client, { address }) {
  const send = async (...messages) =>
    ok(await client.signAndBroadcast(address, messages.map(([typeUrl, value]) => ({ typeUrl, value })), FEE));
  const number = (result) => BigInt(attribute(result, "submit_proposal", "proposal_id"));
  const earlier = await authParams();
  const longer = { ...earlier, maxMemoCharacters: earlier.maxMemoCharacters + 1n };
  const update = packMessage({ typeUrl: "/cosmos.auth.v1beta1.MsgUpdateParams", value: { authority: governance, params: longer } });
  const propose = (deposit, expedited, metadata) => [
    "/cosmos.gov.v1.MsgSubmitProposal",
    {
      messages: [update], initialDeposit: coins(deposit), proposer: address, metadata, title: "Longer <memos>",
      summary: "By one & all", expedited,
    },
  ];
  const hurried = number(await send(propose(5_000_000, true, "ipfs://x")));
  const weight = { proposalId: hurried, voter: address, metadata: "by halves" };
  const options = [{ option: YES, weight: "0.900000000000000000" }, { option: NO, weight: "0.100000000000000000" }];
  const content = { typeUrl: "/cosmos.gov.v1beta1.TextProposal", value: TextProposal.encode({ title: "t", description: "d" }).finish() };
  // at once: its time runs
  const waiting = number(await send(["/cosmos.gov.v1.MsgVoteWeighted", { ...weight, options }], propose(600_000, false, "")));
  const seen = await newerProposal(hurried);
  assert.deepEqual([seen.status, seen.expedited, seen.metadata, seen.title], [2, true, "ipfs://x", "Longer <memos>"]);
  const older = number(await send(["/cosmos.gov.v1beta1.MsgSubmitProposal", { content, initialDeposit: coins(10_000), proposer: address }]));
  assert.equal((await newerProposal(waiting)).status, 1);
  await send(["/cosmos.gov.v1.MsgDeposit", { proposalId: waiting, depositor: address, amount: coins(400_000) }]);
  assert.equal((await newerProposal(waiting)).status, 2);
  // half of its deposit is burnt, as the genesis has it
  const balance = async () => BigInt((await client.getBalance(address, DENOM)).amount);
  const before = await balance();
  const cancelled = await send(["/cosmos.gov.v1.MsgCancelProposal", { proposalId: waiting, proposer: address }]);
  assert.equal(attribute(cancelled, "cancel_proposal", "proposal_id"), String(waiting));
  assert.equal((await balance()) - before, 500_000n - BigInt(FEE.amount[0].amount));
  await assert.rejects(newerProposal(waiting), /not found|doesn't exist/);
  assert.equal((await newerProposal(older)).status, 1);
  // its eight seconds are over before the others' ten
  let done = seen;
  for (let i = 0; i < 300 && done.status === 2; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    done = await newerProposal(hurried);
  }
  assert.deepEqual([done.status, done.expedited], [PASSED, true], done.failedReason);
  const [yes, no] = [BigInt(done.finalTallyResult.yesCount), BigInt(done.finalTallyResult.noCount)];
  assert.ok(yes > 8n * no && no > 0n, `${yes} against ${no}`);
  assert.equal((await authParams()).maxMemoCharacters, longer.maxMemoCharacters);
}

test("each version's proposals are made, paid for, weighed, hurried and cancelled, in DIRECT and in amino JSON", async () => {
  const other = await account("second");
  const client = await stargate(other, { registry });
  await Promise.all([round(client, other), round(amino, host)]);
  client.disconnect();
});
