/** Answers what a program asks the kernel for from the recording, and notes every helper call. */
import type { FibLookup } from '../../src/engine/fib.js';
import * as fib from '../../src/engine/fib.js';
import {
  type HelperRecorder,
  type PacketContext,
  REDIRECT_DEVICE,
  REDIRECT_NEIGHBOUR,
  REDIRECT_PEER,
} from '../../src/engine/packet.js';
import type { RandomSource } from '../../src/engine/random.js';
import type { FibAnswer, HelperCall, Redirect } from './vector-format.js';

const EINVAL = -22;
const ADDRESS_LENGTH_IPV4 = 4;

const KINDS: Readonly<Record<number, string>> = {
  [REDIRECT_DEVICE]: 'redirect',
  [REDIRECT_PEER]: 'redirect_peer',
  [REDIRECT_NEIGHBOUR]: 'redirect_neigh',
};

const hex = (bytes: Uint8Array, length = bytes.length): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, length).toString('hex');

export class Observer implements HelperRecorder, RandomSource, FibLookup {
  redirects: Redirect[] = [];
  calls: HelperCall[] = [];
  tailCalls: { map: string; slot: number }[] = [];
  /** Random numbers asked for, those beyond the recorded ones too. */
  randomUsed = 0;

  #random: readonly number[] = [];
  #fib: FibAnswer | null = null;
  /** XDP: a redirect to this device is XDP_TX; -1 for tc programs. */
  #transmitIfindex = -1;

  begin(random: readonly number[], answer: FibAnswer | null, transmitIfindex: number): void {
    if (this.redirects.length > 0) this.redirects = [];
    if (this.calls.length > 0) this.calls = [];
    if (this.tailCalls.length > 0) this.tailCalls = [];
    this.randomUsed = 0;
    this.#random = random;
    this.#fib = answer;
    this.#transmitIfindex = transmitIfindex;
  }

  /** `get_prandom_u32`; 0 beyond the recorded numbers. */
  next(): number {
    return this.#random[this.randomUsed++] | 0;
  }

  lookup(_packet: PacketContext, params: Uint8Array, flags: number): number {
    this.fibLookup(params, flags);
    const answer = this.#fib;
    if (answer === null) return EINVAL;
    if (answer.ret !== fib.FIB_SUCCESS && answer.ret !== fib.FIB_NO_NEIGHBOUR) return answer.ret;
    const view = Buffer.from(params.buffer, params.byteOffset, params.length);
    if (answer.ifindex !== undefined) view.writeUInt32LE(answer.ifindex, fib.FIB_IFINDEX);
    if (answer.nh !== undefined) {
      const written = view.write(answer.nh, fib.FIB_DESTINATION, 'hex');
      view[fib.FIB_FAMILY] = written === ADDRESS_LENGTH_IPV4 ? fib.AF_INET : fib.AF_INET6;
    }
    if (answer.ret === fib.FIB_SUCCESS) {
      if (answer.smac !== undefined) view.write(answer.smac, fib.FIB_SOURCE_MAC, 'hex');
      if (answer.dmac !== undefined) view.write(answer.dmac, fib.FIB_DESTINATION_MAC, 'hex');
    }
    return answer.ret;
  }

  redirect(kind: number, ifindex: number, flags: number, neighbour: Uint8Array | null): void {
    const name = ifindex === this.#transmitIfindex ? 'xdp_tx' : KINDS[kind];
    const redirect = { kind: name, ifindex: ifindex >>> 0, flags: flags >>> 0 };
    this.redirects.push(neighbour === null ? redirect : { ...redirect, params: hex(neighbour) });
  }

  fibLookup(params: Uint8Array, flags: number): void {
    this.calls.push({ fn: 'fib_lookup', flags: flags >>> 0, params: hex(params) });
  }

  setTunnelKey(key: Uint8Array, size: number, flags: number): void {
    this.calls.push({ fn: 'set_tunnel_key', flags: flags >>> 0, key: hex(key, size), size });
  }

  setTunnelOption(option: Uint8Array, length: number): void {
    this.calls.push({ fn: 'set_tunnel_opt', opt: hex(option, length) });
  }

  changeType(type: number): void {
    this.calls.push({ fn: 'change_type', type });
  }

  tailCall(map: string, index: number): void {
    this.tailCalls.push({ map, slot: index });
  }
}
