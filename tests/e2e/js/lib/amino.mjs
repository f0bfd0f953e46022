// Amino JSON of the messages that CosmJS leaves to applications, as SDK 0.53 and wasmd 0.61 sign it, and a registry
// that knows them.
import { createWasmAminoConverters, wasmTypes } from "@cosmjs/cosmwasm";
import { Registry } from "@cosmjs/proto-signing";
import { AminoTypes, createDefaultAminoConverters, defaultRegistryTypes } from "@cosmjs/stargate";
import { MsgUpdateParams } from "cosmjs-types/cosmos/auth/v1beta1/tx";
import { GenericAuthorization } from "cosmjs-types/cosmos/authz/v1beta1/authz";
import { SendAuthorization } from "cosmjs-types/cosmos/bank/v1beta1/authz";
import { BasicAllowance, PeriodicAllowance } from "cosmjs-types/cosmos/feegrant/v1beta1/feegrant";
import { MsgCancelProposal } from "cosmjs-types/cosmos/gov/v1/tx";
import { MsgUnjail } from "cosmjs-types/cosmos/slashing/v1beta1/tx";
import { StakeAuthorization } from "cosmjs-types/cosmos/staking/v1beta1/authz";
import { MsgCreatePeriodicVestingAccount } from "cosmjs-types/cosmos/vesting/v1beta1/tx";
import {
  AcceptedMessageKeysFilter, CombinedLimit, ContractExecutionAuthorization,
} from "cosmjs-types/cosmwasm/wasm/v1/authz";

export const registry = new Registry([
  ...defaultRegistryTypes,
  ...wasmTypes,
  ["/cosmos.auth.v1beta1.MsgUpdateParams", MsgUpdateParams],
  ["/cosmos.gov.v1.MsgCancelProposal", MsgCancelProposal],
  ["/cosmos.slashing.v1beta1.MsgUnjail", MsgUnjail],
  ["/cosmos.vesting.v1beta1.MsgCreatePeriodicVestingAccount", MsgCreatePeriodicVestingAccount],
]);

/** What is empty is left out. */
const some = (value) => (value?.length ? value : undefined);
const time = (at) => at && new Date(Number(at.seconds) * 1000).toISOString().replace(".000Z", "Z");
const stamp = (text) => text && { seconds: BigInt(Date.parse(text) / 1000), nanos: 0 };
const nanoseconds = (duration) => duration && String(duration.seconds * 1_000_000_000n);
const duration = (text) => text && { seconds: BigInt(text) / 1_000_000_000n, nanos: 0 };

const basic = {
  to: ({ spendLimit, expiration }) => ({ spend_limit: spendLimit, expiration: time(expiration) }),
  from: ({ spend_limit, expiration }) => ({ spendLimit: spend_limit, expiration: stamp(expiration) }),
};

/** What is packed into an `Any`: name in amino, codec, and both directions. */
const packed = {
  "/cosmos.authz.v1beta1.GenericAuthorization": {
    name: "cosmos-sdk/GenericAuthorization", codec: GenericAuthorization, to: ({ msg }) => ({ msg }), from: ({ msg }) => ({ msg }),
  },
  "/cosmos.bank.v1beta1.SendAuthorization": {
    name: "cosmos-sdk/SendAuthorization", codec: SendAuthorization,
    to: ({ spendLimit, allowList }) => ({ spend_limit: spendLimit, allow_list: some(allowList) }),
    from: ({ spend_limit, allow_list }) => ({ spendLimit: spend_limit, allowList: allow_list }),
  },
  "/cosmos.staking.v1beta1.StakeAuthorization": {
    name: "cosmos-sdk/StakeAuthorization", codec: StakeAuthorization,
    to: ({ maxTokens, allowList, authorizationType }) => ({
      Validators: { type: "cosmos-sdk/StakeAuthorization/AllowList", value: { allow_list: allowList } },
      authorization_type: authorizationType,
      max_tokens: maxTokens,
    }),
    from: ({ Validators, authorization_type, max_tokens }) => ({
      allowList: Validators.value.allow_list, authorizationType: authorization_type, maxTokens: max_tokens,
    }),
  },
  "/cosmwasm.wasm.v1.ContractExecutionAuthorization": {
    name: "wasm/ContractExecutionAuthorization", codec: ContractExecutionAuthorization,
    to: ({ grants }) => ({
      grants: grants.map(({ contract, limit, filter }) => ({ contract, limit: toAny(limit), filter: toAny(filter) })),
    }),
    from: ({ grants }) => ({
      grants: grants.map(({ contract, limit, filter }) => ({ contract, limit: fromAny(limit), filter: fromAny(filter) })),
    }),
  },
  "/cosmwasm.wasm.v1.CombinedLimit": {
    name: "wasm/CombinedLimit", codec: CombinedLimit,
    to: ({ callsRemaining, amounts }) => ({ calls_remaining: String(callsRemaining), amounts }),
    from: ({ calls_remaining, amounts }) => ({ callsRemaining: BigInt(calls_remaining), amounts }),
  },
  "/cosmwasm.wasm.v1.AcceptedMessageKeysFilter": {
    name: "wasm/AcceptedMessageKeysFilter", codec: AcceptedMessageKeysFilter, to: ({ keys }) => ({ keys }), from: ({ keys }) => ({ keys }),
  },
  "/cosmos.feegrant.v1beta1.BasicAllowance": { name: "cosmos-sdk/BasicAllowance", codec: BasicAllowance, ...basic },
  "/cosmos.feegrant.v1beta1.PeriodicAllowance": {
    name: "cosmos-sdk/PeriodicAllowance", codec: PeriodicAllowance,
    to: (each) => ({
      basic: basic.to(each.basic), period: nanoseconds(each.period), period_spend_limit: each.periodSpendLimit,
      period_can_spend: each.periodCanSpend, period_reset: time(each.periodReset),
    }),
    from: (each) => ({
      basic: basic.from(each.basic), period: duration(each.period), periodSpendLimit: each.period_spend_limit,
      periodCanSpend: each.period_can_spend, periodReset: stamp(each.period_reset),
    }),
  },
};

/** A value of a type above, packed. */
export function pack(typeUrl, value) {
  const { codec } = packed[typeUrl];
  return { typeUrl, value: codec.encode(codec.fromPartial(value)).finish() };
}

function toAny({ typeUrl, value }) {
  const { name, codec, to } = packed[typeUrl];
  return { type: name, value: to(codec.decode(value)) };
}

function fromAny({ type, value }) {
  const [typeUrl, { from }] = Object.entries(packed).find(([, each]) => each.name === type);
  return pack(typeUrl, from(value));
}

/** A message, packed. */
export const packMessage = ({ typeUrl, value }) => ({ typeUrl, value: registry.encode({ typeUrl, value }) });
const toMessage = ({ typeUrl, value }) => aminoTypes.toAmino({ typeUrl, value: registry.decode({ typeUrl, value }) });
const fromMessage = (amino) => packMessage(aminoTypes.fromAmino(amino));

export const converters = {
  ...createDefaultAminoConverters(),
  ...createWasmAminoConverters(),
  "/cosmos.auth.v1beta1.MsgUpdateParams": {
    aminoType: "cosmos-sdk/x/auth/MsgUpdateParams",
    toAmino: ({ authority, params }) => ({
      authority,
      params: {
        max_memo_characters: String(params.maxMemoCharacters), tx_sig_limit: String(params.txSigLimit),
        tx_size_cost_per_byte: String(params.txSizeCostPerByte), sig_verify_cost_ed25519: String(params.sigVerifyCostEd25519),
        sig_verify_cost_secp256k1: String(params.sigVerifyCostSecp256k1),
      },
    }),
    fromAmino: ({ authority, params }) => ({
      authority,
      params: {
        maxMemoCharacters: BigInt(params.max_memo_characters), txSigLimit: BigInt(params.tx_sig_limit),
        txSizeCostPerByte: BigInt(params.tx_size_cost_per_byte), sigVerifyCostEd25519: BigInt(params.sig_verify_cost_ed25519),
        sigVerifyCostSecp256k1: BigInt(params.sig_verify_cost_secp256k1),
      },
    }),
  },
  "/cosmos.authz.v1beta1.MsgGrant": {
    aminoType: "cosmos-sdk/MsgGrant",
    toAmino: ({ granter, grantee, grant }) => ({
      granter, grantee, grant: { authorization: toAny(grant.authorization), expiration: time(grant.expiration) },
    }),
    fromAmino: ({ granter, grantee, grant }) => ({
      granter, grantee, grant: { authorization: fromAny(grant.authorization), expiration: stamp(grant.expiration) },
    }),
  },
  "/cosmos.authz.v1beta1.MsgRevoke": {
    aminoType: "cosmos-sdk/MsgRevoke",
    toAmino: ({ granter, grantee, msgTypeUrl }) => ({ granter, grantee, msg_type_url: msgTypeUrl }),
    fromAmino: ({ granter, grantee, msg_type_url }) => ({ granter, grantee, msgTypeUrl: msg_type_url }),
  },
  "/cosmos.authz.v1beta1.MsgExec": {
    aminoType: "cosmos-sdk/MsgExec",
    toAmino: ({ grantee, msgs }) => ({ grantee, msgs: msgs.map(toMessage) }),
    fromAmino: ({ grantee, msgs }) => ({ grantee, msgs: msgs.map(fromMessage) }),
  },
  // by a name that no release of the SDK gives it
  "/cosmos.distribution.v1beta1.MsgWithdrawValidatorCommission": {
    aminoType: "cosmos-sdk/MsgWithdrawValCommission",
    toAmino: ({ validatorAddress }) => ({ validator_address: validatorAddress }),
    fromAmino: ({ validator_address }) => ({ validatorAddress: validator_address }),
  },
  "/cosmos.feegrant.v1beta1.MsgGrantAllowance": {
    aminoType: "cosmos-sdk/MsgGrantAllowance",
    toAmino: ({ granter, grantee, allowance }) => ({ granter, grantee, allowance: toAny(allowance) }),
    fromAmino: ({ granter, grantee, allowance }) => ({ granter, grantee, allowance: fromAny(allowance) }),
  },
  "/cosmos.feegrant.v1beta1.MsgRevokeAllowance": {
    aminoType: "cosmos-sdk/MsgRevokeAllowance",
    toAmino: ({ granter, grantee }) => ({ granter, grantee }),
    fromAmino: ({ granter, grantee }) => ({ granter, grantee }),
  },
  "/cosmos.gov.v1.MsgSubmitProposal": {
    aminoType: "cosmos-sdk/v1/MsgSubmitProposal",
    toAmino: ({ messages, initialDeposit, proposer, metadata, title, summary, expedited }) => ({
      messages: some(messages.map(toMessage)), initial_deposit: initialDeposit, proposer, metadata: some(metadata), title,
      summary, expedited: expedited || undefined,
    }),
    fromAmino: ({ messages, initial_deposit, proposer, metadata, title, summary, expedited }) => ({
      messages: (messages ?? []).map(fromMessage), initialDeposit: initial_deposit, proposer, metadata: metadata ?? "", title,
      summary, expedited: expedited ?? false,
    }),
  },
  "/cosmos.gov.v1.MsgDeposit": {
    aminoType: "cosmos-sdk/v1/MsgDeposit",
    toAmino: ({ proposalId, depositor, amount }) => ({ proposal_id: String(proposalId), depositor, amount }),
    fromAmino: ({ proposal_id, depositor, amount }) => ({ proposalId: BigInt(proposal_id), depositor, amount }),
  },
  "/cosmos.gov.v1.MsgVote": {
    aminoType: "cosmos-sdk/v1/MsgVote",
    toAmino: ({ proposalId, voter, option, metadata }) => ({
      proposal_id: String(proposalId), voter, option, metadata: some(metadata),
    }),
    fromAmino: ({ proposal_id, voter, option, metadata }) => ({
      proposalId: BigInt(proposal_id), voter, option, metadata: metadata ?? "",
    }),
  },
  "/cosmos.gov.v1.MsgVoteWeighted": {
    aminoType: "cosmos-sdk/v1/MsgVoteWeighted",
    toAmino: ({ proposalId, voter, options, metadata }) => ({
      proposal_id: String(proposalId), voter, options, metadata: some(metadata),
    }),
    fromAmino: ({ proposal_id, voter, options, metadata }) => ({
      proposalId: BigInt(proposal_id), voter, options, metadata: metadata ?? "",
    }),
  },
  "/cosmos.gov.v1.MsgCancelProposal": {
    // the SDK gave it no name
    aminoType: "/cosmos.gov.v1.MsgCancelProposal",
    toAmino: ({ proposalId, proposer }) => ({ proposal_id: String(proposalId), proposer }),
    fromAmino: ({ proposal_id, proposer }) => ({ proposalId: BigInt(proposal_id), proposer }),
  },
  "/cosmos.slashing.v1beta1.MsgUnjail": {
    aminoType: "cosmos-sdk/MsgUnjail",
    toAmino: ({ validatorAddr }) => ({ address: validatorAddr }),
    fromAmino: ({ address }) => ({ validatorAddr: address }),
  },
  "/cosmos.vesting.v1beta1.MsgCreatePeriodicVestingAccount": {
    aminoType: "cosmos-sdk/MsgCreatePeriodVestAccount",
    toAmino: ({ fromAddress, toAddress, startTime, vestingPeriods }) => ({
      from_address: fromAddress, to_address: toAddress, start_time: String(startTime),
      vesting_periods: vestingPeriods.map(({ length, amount }) => ({ length: String(length), amount })),
    }),
    fromAmino: ({ from_address, to_address, start_time, vesting_periods }) => ({
      fromAddress: from_address, toAddress: to_address, startTime: BigInt(start_time),
      vestingPeriods: vesting_periods.map(({ length, amount }) => ({ length: BigInt(length), amount })),
    }),
  },
};

export const aminoTypes = new AminoTypes(converters);
