// Blocks and transactions that come by themselves, over CometBFT's WebSocket, through an unmodified CosmJS and both of
// its clients that speak to this version.
import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "@cosmjs/encoding";
import { Comet38Client, Tendermint37Client } from "@cosmjs/tendermint-rpc";

import { account, DENOM, net, stargate, stranger } from "../lib/net.mjs";

const url = net.rpc.replace("http", "ws");
const FEE = { amount: [{ denom: DENOM, amount: "1000" }], gas: "200000" };

/** The first events of a stream that a test accepts, in their order. */
const first = (stream, count, accept = () => true) =>
  new Promise((resolve, reject) => {
    const found = [];
    const subscription = stream.subscribe({
      next: (event) => {
        if (!accept(event)) return;
        found.push(event);
        if (found.length < count) return;
        subscription.unsubscribe();
        resolve(found);
      },
      error: reject,
      complete: () => reject(new Error("the stream ended")),
    });
  });

for (const [name, kind] of [["Comet38Client", Comet38Client], ["Tendermint37Client", Tendermint37Client]]) {
  test(`${name} is told of blocks, headers and the transactions that it asks for`, async () => {
    const alice = await account("js_events");
    const signing = await stargate(alice);
    const bob = (await stranger()).address;
    // CosmJS loses a WebSocket to which nobody listens: nothing may come between this and the first stream
    const client = await kind.connect(url);
    try {
      const wanted = `transfer.recipient='${bob}'`;
      const [blocks, headers] = [first(client.subscribeNewBlock(), 3), first(client.subscribeNewBlockHeader(), 2)];
      const paid = first(client.subscribeTx(wanted), 2);
      const other = (await stranger()).address;
      const hashes = [];
      for (const [to, amount] of [[bob, 1], [other, 2], [bob, 3]]) {
        const sent = await signing.sendTokens(alice.address, to, [{ denom: DENOM, amount: String(amount) }], FEE);
        assert.equal(sent.code, 0, sent.rawLog);
        hashes.push(sent.transactionHash);
      }
      const seen = await paid;
      assert.deepEqual(seen.map((event) => toHex(event.hash).toUpperCase()), [hashes[0], hashes[2]]);
      assert.equal(seen[0].result.code, 0);
      assert.ok(seen[0].result.events.some((event) => event.type === "transfer"));

      const chain = await blocks;
      assert.equal(chain[0].header.chainId, net.chain_id);
      chain.slice(1).forEach((block, n) => assert.equal(block.header.height, chain[n].header.height + 1));
      assert.deepEqual(chain[1].lastCommit.height, chain[0].header.height);
      assert.equal((await headers)[1].height, (await headers)[0].height + 1);
      // what was told is what is found
      const found = await client.tx({ hash: seen[0].hash });
      assert.deepEqual([found.height, found.result.gasUsed], [seen[0].height, seen[0].result.gasUsed]);
    } finally {
      client.disconnect();
      signing.disconnect();
    }
  });
}
