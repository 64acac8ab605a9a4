/**
 * Maglev lookup tables as Cilium's agent fills them ("Maglev: A Fast and Reliable Software Network Load Balancer",
 * section 3.4). Backends are told apart by their text, not by their ids, so that every node of a cluster has the same
 * table. For each node's maps once: BigInt is affordable here.
 */
import { addressText } from '../engine/address-text.js';
import { PROTOCOL_SCTP, PROTOCOL_UDP } from '../engine/wire/ipv4.js';

/** Table sizes that Cilium takes (bpf-lb-maglev-table-size); all prime. */
export const MAGLEV_TABLE_SIZES: readonly number[] = [
  251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071,
];

/** First four bytes of Cilium's default bpf-lb-maglev-hash-seed. */
const DEFAULT_SEED = 0x24b7ef82;

export interface MaglevBackend {
  readonly id: number;
  readonly address: Uint8Array;
  readonly port: number;
  readonly protocol: number;
  /** Default 1. */
  readonly weight?: number;
}

/** The id of the backend in each of `size` slots; at least one backend. */
export function maglevTable(
  backends: readonly MaglevBackend[],
  size: number,
  seed = DEFAULT_SEED,
): Int32Array {
  const rows = backends
    .map((backend) => ({ text: backendText(backend), backend }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const count = rows.length;
  const weights = rows.map(({ backend }) => backend.weight ?? 1);
  const weightSum = weights.reduce((sum, weight) => sum + weight);
  const usesWeights = Math.floor(weightSum / count) > 1;
  const due = weights.map((weight) => weight / count);
  const places = rows.map(({ text }) => permutationStart(text, size, seed));
  const table = new Int32Array(size).fill(-1);
  for (let turn = 0; turn < size; turn++) {
    let row = turn % count;
    if (usesWeights) {
      while ((turn + 1) * weights[row] < Math.floor(due[row])) row = (row + 1) % count;
      due[row] += weightSum;
    }
    const place = places[row];
    while (table[place.next] !== -1) place.next = (place.next + place.skip) % size;
    table[place.next] = rows[row].backend.id;
    place.next = (place.next + place.skip) % size;
  }
  return table;
}

/** The text that Cilium hashes. */
function backendText({ address, port, protocol }: MaglevBackend): string {
  const text = addressText(address);
  const host = address.length === 4 ? text : `[${text}]`;
  const name = protocol === PROTOCOL_UDP ? 'UDP' : protocol === PROTOCOL_SCTP ? 'SCTP' : 'TCP';
  return `[${host}:${port}/${name},State:active]`;
}

/** A backend prefers the slots offset, offset + skip, offset + 2 skip ... */
function permutationStart(text: string, size: number, seed: number): { next: number; readonly skip: number } {
  const [first, second] = murmur3(new TextEncoder().encode(text), seed);
  return { next: Number(first % BigInt(size)), skip: Number(second % BigInt(size - 1)) + 1 };
}

const WORD = 0xffffffffffffffffn;
const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

/** MurmurHash3 x64 128 of Austin Appleby, which is in the public domain: its two halves. */
export function murmur3(bytes: Uint8Array, seed: number): [bigint, bigint] {
  let first = BigInt(seed >>> 0);
  let second = first;
  const whole = bytes.length & ~15;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < whole; at += 16) {
    first ^= mixFirst(view.getBigUint64(at, true));
    first = (((rotate(first, 27n) + second) & WORD) * 5n + 0x52dce729n) & WORD;
    second ^= mixSecond(view.getBigUint64(at + 8, true));
    second = (((rotate(second, 31n) + first) & WORD) * 5n + 0x38495ab5n) & WORD;
  }
  const rest = new Uint8Array(16);
  rest.set(bytes.subarray(whole));
  const tail = new DataView(rest.buffer);
  second ^= mixSecond(tail.getBigUint64(8, true));
  first ^= mixFirst(tail.getBigUint64(0, true));
  first ^= BigInt(bytes.length);
  second ^= BigInt(bytes.length);
  first = (first + second) & WORD;
  second = (second + first) & WORD;
  first = finish(first);
  second = finish(second);
  first = (first + second) & WORD;
  return [first, (second + first) & WORD];
}

function mixFirst(word: bigint): bigint {
  return (rotate((word * C1) & WORD, 31n) * C2) & WORD;
}

function mixSecond(word: bigint): bigint {
  return (rotate((word * C2) & WORD, 33n) * C1) & WORD;
}

function rotate(word: bigint, bits: bigint): bigint {
  return ((word << bits) | (word >> (64n - bits))) & WORD;
}

function finish(word: bigint): bigint {
  let mixed = word ^ (word >> 33n);
  mixed = (mixed * 0xff51afd7ed558ccdn) & WORD;
  mixed ^= mixed >> 33n;
  mixed = (mixed * 0xc4ceb9fe1a85ec53n) & WORD;
  return mixed ^ (mixed >> 33n);
}
