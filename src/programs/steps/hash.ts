/** Bob Jenkins' hash as Cilium applies it to tuples (public domain lookup3). Results are int32. */
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';

const INITIAL = 0xdeadbeef | 0;

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

/** The final mix of three words; answers the third. */
function final(a: number, b: number, c: number): number {
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  return ((c ^ b) - rotate(b, 24)) | 0;
}

/** jhash_3words. */
function hash3(a: number, b: number, c: number, seed: number): number {
  const initial = (seed + INITIAL + 12) | 0;
  return final((a + initial) | 0, (b + initial) | 0, (c + initial) | 0);
}

const state = new Int32Array(3);

/** One mixing round over the three words of `state`. */
function mix(): void {
  let a = state[0];
  let b = state[1];
  let c = state[2];
  a = ((a - c) ^ rotate(c, 4)) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ rotate(a, 6)) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ rotate(b, 8)) | 0;
  b = (b + a) | 0;
  a = ((a - c) ^ rotate(c, 16)) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ rotate(a, 19)) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ rotate(b, 4)) | 0;
  b = (b + a) | 0;
  state[0] = a;
  state[1] = b;
  state[2] = c;
}

/**
 * Hash of the flow's tuple (packet layout): source address, protocol and `ports`, which has the client's port in
 * its lower half and the service's in the upper, as the tuple does.
 */
export function tupleHash(program: ProgramInstance, flow: Flow, ports: number): number {
  const constants = program.datapath.constants;
  const tuple = flow.tuple;
  if (!flow.family.isV6) return hash3(tuple[1], ports, flow.protocol, constants.hashSeedIpv4);
  state[0] = tuple[4];
  state[1] = tuple[5];
  state[2] = tuple[6];
  mix();
  state[0] = (state[0] + tuple[7]) | 0;
  state[1] = (state[1] + ports) | 0;
  state[2] = (state[2] + flow.protocol) | 0;
  mix();
  return final((state[0] + constants.hashSeedIpv6) | 0, state[1], state[2]);
}
