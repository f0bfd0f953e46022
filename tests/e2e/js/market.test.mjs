// A published constant-product pair that holds cw20s, and published NFTs, through an unmodified CosmJS.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { account, cosmwasm, DENOM, net, stranger } from "./lib/net.mjs";

const wasm = (name) => readFileSync(`${net.artifacts}/${name}.wasm`);

let alice, bob, client;

before(async () => {
  alice = await account("js_market");
  bob = await stranger();
  client = await cosmwasm(alice);
});
after(() => client?.disconnect());

const upload = async (name) => (await client.upload(alice.address, wasm(name), "auto")).codeId;
const make = async (code, msg, label) =>
  (await client.instantiate(alice.address, code, msg, label, "auto")).contractAddress;
const execute = (contract, msg, funds) => client.execute(alice.address, contract, msg, "auto", undefined, funds);
const ask = (contract, msg) => client.queryContractSmart(contract, msg);
const refused = (call) => assert.rejects(call, /execute wasm contract failed/);

describe("a pair as its authors built it", () => {
  let token, other, shares;

  before(async () => {
    const code = await upload("cw20_base");
    const initial_balances = [{ address: alice.address, amount: "1000000" }];
    token = await make(code, { name: "Wool", symbol: "WOOL", decimals: 6, initial_balances }, "wool");
    other = await make(code, { name: "Flax", symbol: "FLAX", decimals: 6, initial_balances }, "flax");
    shares = await upload("wasmswap_cw20_base");
  });

  const balance = async (of, contract) => Number((await ask(contract, { balance: { address: of } })).balance);
  const open = async (first, second) =>
    make(
      await upload("wasmswap"),
      {
        token1_denom: first,
        token2_denom: second,
        lp_token_code_id: shares,
        protocol_fee_recipient: bob.address,
        protocol_fee_percent: "0.1",
        lp_fee_percent: "0.2",
      },
      "pair",
    );
  const add = (amount, most) => ({
    add_liquidity: { token1_amount: amount, min_liquidity: "1", max_token2: most, expiration: null },
  });
  const swap = (input, amount, least) => ({
    swap: { input_token: input, input_amount: amount, min_output: String(least), expiration: null },
  });

  test("takes two cw20s, swaps them at its price, refuses a worse one, and gives them back", async () => {
    const pair = await open({ cw20: token }, { cw20: other });
    const allowance = { increase_allowance: { spender: pair, amount: "1000000" } };
    await client.executeMultiple(
      alice.address,
      [token, other].map((contractAddress) => ({ contractAddress, msg: allowance })),
      "auto",
    );
    await execute(pair, add("100000", "400000"));
    const info = await ask(pair, { info: {} });
    assert.deepEqual(
      [info.token1_reserve, info.token2_reserve, info.lp_token_supply],
      ["100000", "400000", "100000"],
    );
    const bought = Math.floor((400_000 * 9_970) / (100_000 + 9_970));
    const price = await ask(pair, { token1_for_token2_price: { token1_amount: "10000" } });
    assert.equal(price.token2_amount, String(bought));
    await refused(execute(pair, swap("Token1", "10000", bought + 1)));
    assert.equal(await balance(alice.address, token), 900_000);
    await execute(pair, swap("Token1", "10000", bought));
    assert.equal(await balance(alice.address, other), 600_000 + bought);
    assert.equal(await balance(bob.address, token), 10, "the protocol's tenth of a percent");

    const share = info.lp_token_address;
    await execute(share, { increase_allowance: { spender: pair, amount: "100000" } });
    await execute(pair, { remove_liquidity: { amount: "100000", min_token1: "1", min_token2: "1", expiration: null } });
    assert.equal(await balance(alice.address, token), 999_990);
    assert.equal(await balance(alice.address, other), 1_000_000);
  });

  test("takes coins beside a cw20, and pays a third account", async () => {
    const pair = await open({ native: DENOM }, { cw20: token });
    await execute(token, { increase_allowance: { spender: pair, amount: "100000" } });
    await refused(execute(pair, add("100000", "100000")));
    await execute(pair, add("100000", "100000"), [{ denom: DENOM, amount: "100000" }]);
    assert.equal((await client.getBalance(pair, DENOM)).amount, "100000");
    const carol = await stranger();
    const sent = { input_token: "Token2", input_amount: "1000", recipient: carol.address, min_token: "1", expiration: null };
    await execute(token, { increase_allowance: { spender: pair, amount: "1000" } });
    await execute(pair, { swap_and_send_to: sent });
    const bought = Math.floor((100_000 * 997) / (100_000 + 997));
    assert.equal((await client.getBalance(carol.address, DENOM)).amount, String(bought));
  });
});

describe("NFTs", () => {
  test("are minted by their minter alone, approved, transferred and listed", async () => {
    const nfts = await make(
      await upload("cw721_base"),
      { name: "Looms", symbol: "LOOM", minter: alice.address },
      "looms",
    );
    const mint = (id) => ({ mint: { token_id: id, owner: alice.address, token_uri: `https://example.com/${id}`, extension: null } });
    for (const id of ["a", "b"]) await execute(nfts, mint(id));
    await refused(execute(nfts, mint("a")));
    await execute(nfts, { approve: { spender: bob.address, token_id: "a", expires: { never: {} } } });
    assert.equal((await ask(nfts, { owner_of: { token_id: "a" } })).approvals[0].spender, bob.address);
    await execute(nfts, { transfer_nft: { recipient: bob.address, token_id: "a" } });
    assert.deepEqual((await ask(nfts, { tokens: { owner: bob.address } })).tokens, ["a"]);
    await refused(execute(nfts, { transfer_nft: { recipient: alice.address, token_id: "a" } }));
    assert.deepEqual((await ask(nfts, { nft_info: { token_id: "b" } })).token_uri, "https://example.com/b");
    assert.deepEqual(await ask(nfts, { num_tokens: {} }), { count: 2 });
  });
});
