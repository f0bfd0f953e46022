// The Cosmos app of a Ledger as a computer meets it: APDUs in, APDUs out. It signs exactly the bytes that it was sent,
// and refuses what the app refuses: other coins' paths, and documents that are not in the form that it can show.
import { Bip39, EnglishMnemonic, Secp256k1, sha256, Slip10, Slip10Curve, Slip10RawIndex } from "@cosmjs/crypto";
import { encodeSecp256k1Pubkey, pubkeyToAddress } from "@cosmjs/amino";

const OK = 0x9000;
const DATA_IS_INVALID = 0x6984;
const INVALID_PATH = 0x6989;
const INVALID_COIN = 0x698b;
const UNKNOWN = 0x6d00;
const HARDENED = 0x80000000;
/** `MAX_NUMBER_OF_TOKENS` of the app's parser. */
const MAX_TOKENS = 768;
const NEEDED = ["account_number", "chain_id", "fee", "memo", "msgs", "sequence"];

/** What is wrong with a document, in the app's words; nothing if it can be shown. */
export function fault(text) {
  const parts = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|\s+|[^\s{}[\],:"]+/g) ?? [];
  if (parts.join("") !== text) return "JSON Invalid";
  if (parts.some((part) => /^\s/.test(part))) return "JSON Contains whitespace in the corpus";
  if (parts.filter((part) => !"}],:".includes(part)).length > MAX_TOKENS) return "JSON. Too many tokens";
  // of each object or list that is open, the last key: undefined in a list
  const open = [];
  let root = [];
  for (const [i, part] of parts.entries()) {
    if (part === "{") open.push("");
    else if (part === "[") open.push(undefined);
    else if (part === "}" || part === "]") open.pop();
    else if (parts[i + 1] === ":" && open.at(-1) !== undefined) {
      const key = JSON.parse(part);
      if (Buffer.compare(Buffer.from(key), Buffer.from(open.at(-1))) <= 0) return "JSON Dictionaries are not sorted";
      open[open.length - 1] = key;
      if (open.length === 1) root = [...root, key];
    }
  }
  const missing = NEEDED.find((key) => !root.includes(key));
  return missing && `JSON Missing ${missing}`;
}

/** How many tokens the app's parser makes of a document. */
export const tokens = (text) => (text.match(/"(?:[^"\\]|\\.)*"|[{[]|[^\s{}[\],:"]+/g) ?? []).length;

const answer = (status, data = []) => {
  const code = Buffer.alloc(2);
  code.writeUInt16BE(status);
  return Buffer.concat([Buffer.from(data), code]);
};

export class Device {
  /** Documents that it signed. */
  signed = [];
  #seed;
  #path;
  #received = [];

  static async of(mnemonic) {
    const device = new Device();
    device.#seed = await Bip39.mnemonicToSeed(new EnglishMnemonic(mnemonic));
    return device;
  }

  /** What libraries of transports do: sends a command, and throws unless its status is among those that are awaited. */
  async send(cla, ins, p1, p2, data = Buffer.alloc(0), statusList = [OK]) {
    if (data.length > 255) throw new Error("a command carries 255 bytes at most");
    const response = await this.#answer(cla, ins, p1, p2, data);
    const status = response.readUInt16BE(response.length - 2);
    if (statusList.includes(status)) return response;
    throw Object.assign(new Error(`status 0x${status.toString(16)}`), { name: "TransportStatusError", statusCode: status });
  }

  async #answer(cla, ins, p1, p2, data) {
    const text = (word) => [word.length, ...Buffer.from(word)];
    if (cla === 0xb0 && ins === 1) return answer(OK, [1, ...text("Cosmos"), ...text("2.38.2"), 1, 0]);
    if (cla !== 0x55) return answer(UNKNOWN);
    // no test mode, version, not locked, a Nano X
    if (ins === 0) return answer(OK, [0, 2, 38, 2, 0, 0x33, 0, 0, 4]);
    if (ins === 4) return this.#address(data);
    if (ins === 2 && p2 === 0) return this.#sign(p1, data);
    return answer(UNKNOWN);
  }

  /** A path of five numbers in the byte order of the device; a status if the app does not go there. */
  #read(data) {
    if (data.length < 20) return INVALID_PATH;
    const path = [0, 4, 8, 12, 16].map((at) => data.readUInt32LE(at));
    if (path[0] !== HARDENED + 44) return INVALID_PATH;
    if (path[1] !== HARDENED + 118) return INVALID_COIN;
    return path[2] >= HARDENED && path[3] === 0 && path[4] < HARDENED ? path : INVALID_PATH;
  }

  async #key(path) {
    const { privkey } = Slip10.derivePath(Slip10Curve.Secp256k1, this.#seed, path.map((n) => new Slip10RawIndex(n)));
    const { pubkey } = await Secp256k1.makeKeypair(privkey);
    return { privkey, pubkey: Secp256k1.compressPubkey(pubkey) };
  }

  async #address(data) {
    const end = 1 + data[0];
    const path = this.#read(data.subarray(end));
    if (!Array.isArray(path)) return answer(path);
    const { pubkey } = await this.#key(path);
    const address = pubkeyToAddress(encodeSecp256k1Pubkey(pubkey), data.subarray(1, end).toString());
    return answer(OK, [...pubkey, ...Buffer.from(address)]);
  }

  async #sign(p1, data) {
    if (p1 === 0) {
      this.#path = this.#read(data);
      this.#received = [];
      return answer(Array.isArray(this.#path) ? OK : this.#path);
    }
    this.#received.push(data);
    if (p1 === 1) return answer(OK);
    const document = Buffer.concat(this.#received);
    const wrong = fault(document.toString());
    if (wrong) return answer(DATA_IS_INVALID, Buffer.from(wrong));
    this.signed.push(document.toString());
    const { privkey } = await this.#key(this.#path);
    return answer(OK, (await Secp256k1.createSignature(sha256(document), privkey)).toDer());
  }
}
