// Amino JSON, as Ledgers sign it, and multisig accounts, through an unmodified CosmJS.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { createMultisigThresholdPubkey, encodeSecp256k1Pubkey, pubkeyToAddress } from "@cosmjs/amino";
import { setupWasmExtension } from "@cosmjs/cosmwasm";
import { toUtf8 } from "@cosmjs/encoding";
import { AminoTypes, makeMultisignedTxBytes, QueryClient } from "@cosmjs/stargate";
import { AccessType } from "cosmjs-types/cosmwasm/wasm/v1/types";

import { aminoTypes, converters, registry } from "./lib/amino.mjs";
import {
  account, aminoAccount, aminoStranger, comet, cosmwasm, DENOM, FEE, net, PREFIX, send, stargate, stranger,
} from "./lib/net.mjs";

let alice, client;

before(async () => {
  alice = await aminoAccount("js_amino");
  client = await stargate(alice);
});
after(() => client?.disconnect());

const balance = async (address) => (await client.getBalance(address, DENOM)).amount;
const ok = (result) => assert.equal(result.code, 0, result.rawLog);

describe("amino JSON", () => {
  test("signs a transfer with a memo that JSON must escape", async () => {
    const bob = await stranger();
    ok(await client.sendTokens(alice.address, bob.address, [{ denom: DENOM, amount: "11" }], FEE, '<a> & "b" é'));
    assert.equal(await balance(bob.address), "11");
  });

  test("signs several messages, a multi-send among them", async () => {
    const [bob, carol] = [await stranger(), await stranger()];
    const coins = (amount) => [{ denom: DENOM, amount }];
    const multi = {
      typeUrl: "/cosmos.bank.v1beta1.MsgMultiSend",
      value: {
        inputs: [{ address: alice.address, coins: coins("5") }],
        outputs: [
          { address: bob.address, coins: coins("2") },
          { address: carol.address, coins: coins("3") },
        ],
      },
    };
    ok(await client.signAndBroadcast(alice.address, [multi, send(alice.address, bob.address, 4)], FEE));
    assert.deepEqual([await balance(bob.address), await balance(carol.address)], ["6", "3"]);
  });

  test("signs a time-out height", async () => {
    const bob = await stranger();
    const height = BigInt((await client.getHeight()) + 1000);
    const message = send(alice.address, bob.address, 1);
    ok(await client.signAndBroadcast(alice.address, [message], FEE, "", height));
  });

  test("creates a vesting account, which CosmJS reads", async () => {
    const bob = await stranger();
    const create = {
      typeUrl: "/cosmos.vesting.v1beta1.MsgCreateVestingAccount",
      value: {
        fromAddress: alice.address,
        toAddress: bob.address,
        amount: [{ denom: DENOM, amount: "77" }],
        endTime: 2_000_000_000n,
        delayed: true,
      },
    };
    ok(await client.signAndBroadcast(alice.address, [create], FEE));
    const found = await client.getAccount(bob.address);
    assert.deepEqual([found.address, found.sequence], [bob.address, 0]);
    assert.equal(await balance(bob.address), "77");
    const bobs = await stargate(bob);
    const fee = { amount: [{ denom: DENOM, amount: "10000" }], gas: "200000" };
    await assert.rejects(
      bobs.sendTokens(bob.address, alice.address, [{ denom: DENOM, amount: "1" }], fee),
      /spendable balance 0nqrn is smaller than 10000nqrn/,
    );
    bobs.disconnect();
  });

  test("uploads, instantiates, executes and migrates a contract", async () => {
    const wasm = await cosmwasm(alice);
    const code = readFileSync(`${net.artifacts}/cw20_base.wasm`);
    const { codeId } = await wasm.upload(alice.address, code, "auto");
    const init = {
      name: "Amino",
      symbol: "AMI",
      decimals: 6,
      initial_balances: [{ address: alice.address, amount: "1000" }],
    };
    const options = { admin: alice.address };
    const { contractAddress } = await wasm.instantiate(alice.address, codeId, init, "a <label> & more", "auto", options);
    const bob = await stranger();
    // keys out of order, and text that is escaped
    const message = { transfer: { recipient: bob.address, amount: "40" } };
    await wasm.execute(alice.address, contractAddress, message, "auto");
    const { balance } = await wasm.queryContractSmart(contractAddress, { balance: { address: bob.address } });
    assert.equal(balance, "40");
    await wasm.migrate(alice.address, contractAddress, codeId, {}, "auto");
    await wasm.clearAdmin(alice.address, contractAddress, "auto");
    const foretold = await wasm.instantiate2(alice.address, codeId, toUtf8("salt"), init, "second", "auto", options);
    await wasm.updateAdmin(alice.address, foretold.contractAddress, bob.address, "auto");
    assert.equal((await wasm.getContract(foretold.contractAddress)).admin, bob.address);
    wasm.disconnect();
  });

  test("signs an upload's permission as wasmd does: the document has none of it", async () => {
    const code = readFileSync(`${net.artifacts}/cw20_base.wasm`);
    const permission = { permission: AccessType.ACCESS_TYPE_ANY_OF_ADDRESSES, addresses: [alice.address] };
    const fee = { amount: [{ denom: DENOM, amount: "200000" }], gas: "20000000" };
    // CosmJS writes it out, which wasmd refuses too
    const plain = await cosmwasm(alice);
    await assert.rejects(plain.upload(alice.address, code, fee, "", permission), /signature verification failed/);
    plain.disconnect();
    const MSG = "/cosmwasm.wasm.v1.MsgStoreCode";
    const { aminoType, toAmino, fromAmino } = converters[MSG];
    const unseen = {
      aminoType,
      toAmino: (message) => ({ ...toAmino(message), instantiate_permission: {} }),
      fromAmino: (amino) => ({ ...fromAmino({ ...amino, instantiate_permission: undefined }), instantiatePermission: permission }),
    };
    const wasm = await cosmwasm(alice, { aminoTypes: new AminoTypes({ ...converters, [MSG]: unseen }) });
    const { codeId } = await wasm.upload(alice.address, code, fee, "", permission);
    wasm.disconnect();
    const rpc = await comet();
    const { codeInfo } = await QueryClient.withExtensions(rpc, setupWasmExtension).wasm.getCode(codeId);
    assert.deepEqual({ ...codeInfo.instantiatePermission }, permission);
    rpc.disconnect();
  });

  test("does not pass with another sequence, and says what to look at", async () => {
    const bob = await stranger();
    const { accountNumber, sequence } = await client.getSequence(alice.address);
    const signed = await client.sign(alice.address, [send(alice.address, bob.address, 1)], FEE, "", {
      accountNumber: accountNumber + 1,
      sequence,
      chainId: net.chain_id,
    });
    const { TxRaw } = await import("cosmjs-types/cosmos/tx/v1beta1/tx");
    await assert.rejects(client.broadcastTxSync(TxRaw.encode(signed).finish()), (error) => {
      assert.equal(error.code, 4);
      assert.match(
        error.log,
        /^signature verification failed; please verify account number \(\d+\), sequence \(\d+\) and chain-id \(.*\): unauthorized$/,
      );
      return true;
    });
  });
});

test("coins unlock with time, continuously and at the end of each period", async () => {
  const [lin, per] = [await stranger(), await aminoStranger()];
  const coins = (amount) => [{ denom: DENOM, amount: String(amount) }];
  // CosmJS writes in amino that an account is not delayed, which the SDK leaves out
  const direct = await stargate(await account("js_amino"), { registry });
  const amino = await stargate(alice, { registry, aminoTypes });
  const { header } = await direct.getBlock();
  const now = BigInt(Math.floor(Date.parse(header.time) / 1000));
  const continuous = { fromAddress: alice.address, toAddress: lin.address, amount: coins(1000), endTime: now + 14n, delayed: false };
  const vestingPeriods = [{ length: 4n, amount: coins(400) }, { length: 10n, amount: coins(600) }];
  const periodic = { fromAddress: alice.address, toAddress: per.address, startTime: now, vestingPeriods };
  const sign = async (client, typeUrl, value) => ok(await client.signAndBroadcast(alice.address, [{ typeUrl, value }], FEE));
  await sign(direct, "/cosmos.vesting.v1beta1.MsgCreateVestingAccount", continuous);
  await sign(amino, "/cosmos.vesting.v1beta1.MsgCreatePeriodicVestingAccount", periodic);
  const fees = [lin, per].map((each) => send(alice.address, each.address, 1_000_000));
  ok(await direct.signAndBroadcast(alice.address, fees, FEE));
  direct.disconnect();
  amino.disconnect();

  const carol = (await stranger()).address;
  /** What an account can send of its locked coins, by what it is refused: none of it all is sent before the end. */
  async function unlocked(who, client) {
    const most = coins(BigInt(await balance(who.address)) - 10_000n);
    const sent = await client.sendTokens(who.address, carol, most, FEE);
    if (sent.code === 0) return 1000;
    const [, spendable] = /spendable balance (\d+)nqrn is smaller than/.exec(sent.rawLog);
    // of fees the rest is free
    return 1000 - (Number(most[0].amount) - Number(spendable));
  }
  const follow = async (who) => {
    const client = await stargate(who);
    const seen = [];
    while (seen.at(-1) !== 1000) {
      assert.ok(seen.length < 40, JSON.stringify(seen));
      seen.push(await unlocked(who, client));
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
    client.disconnect();
    return seen;
  };
  const [line, steps] = await Promise.all([follow(lin), follow(per)]);
  assert.deepEqual(line, line.toSorted((a, b) => a - b));
  assert.ok(line.some((each) => each > 0 && each < 1000), JSON.stringify(line));
  assert.deepEqual([...new Set(steps)].slice(-2), [400, 1000]);
  assert.deepEqual(steps, steps.toSorted((a, b) => a - b));
});

describe("a multisig of three keys, of which two must sign", () => {
  let members, pubkey, address;

  before(async () => {
    members = [await aminoStranger(), await aminoStranger(), await aminoStranger()];
    pubkey = createMultisigThresholdPubkey(members.map((m) => encodeSecp256k1Pubkey(m.pubkey)), 2);
    address = pubkeyToAddress(pubkey, PREFIX);
    ok(await client.sendTokens(alice.address, address, [{ denom: DENOM, amount: "1000000" }], FEE));
  });

  const sequences = async () => {
    const { accountNumber, sequence } = await client.getSequence(address);
    return { accountNumber, sequence, chainId: net.chain_id };
  };

  /** The transaction, signed by some members. */
  async function signedBy(who, messages) {
    const facts = await sequences();
    const signatures = new Map();
    let bodyBytes;
    for (const member of who) {
      const offline = await stargate(member);
      // each member signs for the multisig's account, not for its own
      const signed = await offline.sign(member.address, messages, FEE, "together", facts);
      signatures.set(member.address, signed.signatures[0]);
      bodyBytes = signed.bodyBytes;
      offline.disconnect();
    }
    return makeMultisignedTxBytes(pubkey, facts.sequence, FEE, bodyBytes, signatures);
  }

  test("two members send", async () => {
    const bob = await stranger();
    const bytes = await signedBy([members[0], members[2]], [send(address, bob.address, 9)]);
    ok(await client.broadcastTx(bytes));
    assert.equal(await balance(bob.address), "9");
    const account = await client.getAccount(address);
    assert.deepEqual(account.pubkey, pubkey);
    assert.equal(account.sequence, 1);
  });

  test("one member alone does not", async () => {
    const bob = await stranger();
    const bytes = await signedBy([members[1]], [send(address, bob.address, 9)]);
    await assert.rejects(client.broadcastTxSync(bytes), (error) => {
      assert.equal(error.code, 4);
      assert.match(error.log, /signature verification failed/);
      return true;
    });
  });
});
