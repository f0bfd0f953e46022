// Transactions that CosmJS would not build by itself.
import { encodePubkey, makeAuthInfoBytes, makeSignDoc, Registry } from "@cosmjs/proto-signing";
import { encodeSecp256k1Pubkey } from "@cosmjs/amino";
import { fromBase64 } from "@cosmjs/encoding";
import { defaultRegistryTypes } from "@cosmjs/stargate";
import { TxRaw } from "cosmjs-types/cosmos/tx/v1beta1/tx";

import { FEE, net } from "./net.mjs";

const registry = new Registry(defaultRegistryTypes);

/** Bytes of one protobuf field: a varint below 128, or bytes. */
export function field(number, value) {
  const tag = [];
  const key = BigInt(number) * 8n + (typeof value === "number" ? 0n : 2n);
  for (let rest = key; ; rest >>= 7n) {
    if (rest < 128n) {
      tag.push(Number(rest));
      break;
    }
    tag.push(Number(rest & 127n) | 128);
  }
  return typeof value === "number"
    ? Uint8Array.from([...tag, value])
    : Uint8Array.from([...tag, value.length, ...value]);
}

export const concat = (...parts) => Uint8Array.from(parts.flatMap((p) => [...p]));

/**
 * A signed TxRaw. `extraBody` is appended to the body before signing, so that the signature holds;
 * the other options replace what an honest client would have used.
 */
export async function rawTx(client, signer, messages, options = {}) {
  const known = await client.getSequence(signer.address);
  const {
    fee = FEE,
    memo = "",
    timeoutHeight,
    chainId = net.chain_id,
    accountNumber = known.accountNumber,
    sequence = known.sequence,
    extraBody = new Uint8Array(),
    pubkey = signer.pubkey,
  } = options;
  const body = registry.encodeTxBody({ messages, memo, timeoutHeight });
  const bodyBytes = concat(body, extraBody);
  const key = encodePubkey(encodeSecp256k1Pubkey(pubkey));
  const authInfoBytes = makeAuthInfoBytes([{ pubkey: key, sequence }], fee.amount, Number(fee.gas), undefined, undefined);
  const doc = makeSignDoc(bodyBytes, authInfoBytes, chainId, accountNumber);
  const { signature } = await signer.wallet.signDirect(signer.address, doc);
  return { bodyBytes, authInfoBytes, signatures: [fromBase64(signature.signature)] };
}

export const bytes = (tx) => TxRaw.encode(TxRaw.fromPartial(tx)).finish();
