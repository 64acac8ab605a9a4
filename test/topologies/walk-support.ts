/** Frames by hand, and their walks through a topology as lines that a person reads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parseMac } from '../../src/engine/address-text.js';
import { DELIVERED, DROPPED, FATE_NAMES, TRANSMITTED } from '../../src/engine/fate.js';
import { isXdpHook } from '../../src/engine/hooks/order.js';
import { BY_LINK, STEP_NAMES } from '../../src/engine/observer.js';
import type { BuiltTopology } from '../../src/topologies/built.js';
import { readTopology } from '../../src/topologies/load.js';
import { build, buildReady } from './support.js';

const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMPV6 = 58;
const WIREGUARD_PORT = 51871;
export const SYN = 0x02;
export const SYN_ACK = 0x12;
export const ACK = 0x10;

/** What a frame is to be: `10.0.0.1:1000`, `[fd00::1]:80`. */
export interface Segment {
  readonly from: string;
  readonly to: string;
  readonly protocol?: 'tcp' | 'udp';
  readonly flags?: number;
  readonly ttl?: number;
  readonly payload?: number;
}

export interface Walked {
  /** Hooks with their verdicts, and how the frame came from device to device; the last line is its fate. */
  readonly steps: readonly string[];
  /** The frame at the end, see `frameText`. */
  readonly frame: string;
  readonly bytes: Uint8Array;
}

const VERDICTS = new Map([
  [-1, 'next'],
  [0, 'ok'],
  [2, 'drop'],
  [7, 'redirect'],
]);
const XDP_VERDICTS = ['aborted', 'drop', 'pass', 'tx', 'redirect'];

export class Walks {
  readonly built: BuiltTopology;
  #steps: string[] = [];

  /** A topology in YAML, or the name of a ready-made one. */
  constructor(topology: string) {
    this.built = topology.includes('\n') ? build(readTopology(topology, 'walks').spec) : buildReady(topology);
    const { network } = this.built;
    const name = (index: number): string => {
      const device = network.devices[index];
      return `${device.namespace.name}/${device.name}`;
    };
    this.built.walker.observer = {
      started: () => {
        this.#steps = [];
      },
      hookEntered: () => {},
      hookLeft: (_, device, hook, program, verdict) => {
        const text = isXdpHook(hook) ? XDP_VERDICTS[verdict] : VERDICTS.get(verdict);
        this.#steps.push(`${name(device)} ${network.devices[device].hooks.nameAt(hook, program)}: ${text}`);
      },
      forwarded: (packet, _, to, how) => {
        // On the wire between machines the frame is of interest.
        const frame = how === BY_LINK ? `: ${frameText(packet.bytes.slice(packet.start, packet.end))}` : '';
        this.#steps.push(`${STEP_NAMES[how]} ${name(to)}${frame}`);
      },
      ended: (_, fate, device, reason) => {
        const where = fate === DELIVERED || fate === TRANSMITTED ? ` ${name(device)}` : '';
        const why = fate === DROPPED ? `: ${this.built.dropReasonName(reason)}` : '';
        this.#steps.push(`${FATE_NAMES[fate]}${where}${why}`);
      },
    };
  }

  /** A pod sends. */
  fromPod(pod: string, segment: Segment): Walked {
    const { device, planned } = this.built.pods.find((candidate) => candidate.planned.name === pod)!;
    return this.#walk(
      `${this.built.nodeOf(device.namespace).planned.name}/${device.name}`,
      planned.mac,
      segment,
    );
  }

  /** Somebody outside sends to a device, by the gateway's MAC. */
  fromOutside(device: string, segment: Segment, mac = '02:00:00:00:00:fe'): Walked {
    return this.#walk(device, parseMac(mac)!, segment);
  }

  /** What left the network at some device comes back, answered: addresses and ports exchanged, SYN answered. */
  answer(device: string, walked: Walked): Walked {
    return this.fromOutside(device, answered(walked.bytes));
  }

  /** The pod that got the frame answers. */
  podAnswers(pod: string, walked: Walked): Walked {
    return this.fromPod(pod, answered(walked.bytes));
  }

  #walk(name: string, source: Uint8Array, segment: Segment): Walked {
    const device = this.built.device(name)!;
    const { frame } = this.built.walk(device, makeFrame(segment, source, device.mac));
    return { steps: this.#steps, frame: frameText(frame), bytes: frame };
  }
}

function answered(bytes: Uint8Array): Segment {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const v6 = bytes[14] >> 4 === 6;
  const l4 = 14 + (v6 ? 40 : (bytes[14] & 15) * 4);
  const protocol = v6 ? bytes[20] : bytes[23];
  const [source, destination] = addresses(bytes, v6);
  return {
    from: endpoint(destination, view.getUint16(l4 + 2)),
    to: endpoint(source, view.getUint16(l4)),
    protocol: protocol === TCP ? 'tcp' : 'udp',
    flags: protocol === TCP && bytes[l4 + 13] === SYN ? SYN_ACK : ACK,
  };
}

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function split(text: string): [Uint8Array, number] {
  const at = text.lastIndexOf(':');
  return [parseAddress(text.slice(0, at).replace(/[[\]]/g, ''))!, Number(text.slice(at + 1))];
}

/** RFC 1071. */
function sum16(bytes: Uint8Array, start: number): number {
  let sum = start;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

export function makeFrame(segment: Segment, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const [[from, fromPort], [to, toPort]] = [split(segment.from), split(segment.to)];
  const isTcp = segment.protocol !== 'udp';
  const v6 = from.length === 16;
  const l4Length = (isTcp ? 20 : 8) + (segment.payload ?? 8);
  const l4 = 14 + (v6 ? 40 : 20);
  const bytes = new Uint8Array(l4 + l4Length);
  const view = new DataView(bytes.buffer);
  bytes.set(destination.subarray(0, 6), 0);
  bytes.set(source.subarray(0, 6), 6);
  view.setUint16(12, v6 ? 0x86dd : 0x0800);
  const protocol = isTcp ? TCP : UDP;
  if (v6) {
    bytes[14] = 0x60;
    view.setUint16(18, l4Length);
    bytes[20] = protocol;
    bytes[21] = segment.ttl ?? 64;
    bytes.set(from, 22);
    bytes.set(to, 38);
  } else {
    bytes[14] = 0x45;
    view.setUint16(16, 20 + l4Length);
    view.setUint16(18, 0x1234);
    view.setUint16(20, 0x4000);
    bytes[22] = segment.ttl ?? 64;
    bytes[23] = protocol;
    bytes.set(from, 26);
    bytes.set(to, 30);
    view.setUint16(24, ~sum16(bytes.subarray(14, 34), 0) & 0xffff);
  }
  view.setUint16(l4, fromPort);
  view.setUint16(l4 + 2, toPort);
  if (isTcp) {
    bytes[l4 + 12] = 0x50;
    bytes[l4 + 13] = segment.flags ?? SYN;
  } else view.setUint16(l4 + 4, l4Length);
  const pseudo = sum16(from, sum16(to, protocol + l4Length));
  view.setUint16(l4 + (isTcp ? 16 : 6), ~sum16(bytes.subarray(l4), pseudo) & 0xffff);
  return bytes;
}

function addresses(bytes: Uint8Array, v6: boolean): [string, string] {
  const at = v6 ? 22 : 26;
  const length = v6 ? 16 : 4;
  const text = (from: number): string => {
    const part = bytes.subarray(from, from + length);
    if (!v6) return part.join('.');
    const hex = Array.from({ length: 8 }, (_, i) => ((part[2 * i] << 8) | part[2 * i + 1]).toString(16));
    return hex.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
  };
  return [text(at), text(at + length)];
}

/**
 * `SOURCEMAC > DESTINATIONMAC 10.0.0.1:1 > 10.0.0.2:2 tcp ttl 63`, the last two bytes of each MAC; with `bad checksum`
 * where one does not hold, and what is inside a tunnel behind its VNI.
 */
export function frameText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mac = (at: number): string =>
    Array.from(bytes.subarray(at + 4, at + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');
  const type = view.getUint16(12);
  const link = `${mac(6)} > ${mac(0)}`;
  if (type !== 0x0800 && type !== 0x86dd) return `${link} type ${type.toString(16)}`;
  const v6 = type === 0x86dd;
  // IPv6 options that go with a packet to its destination (60) are the one extension header shown here.
  const extension = v6 && bytes[20] === 60 ? 8 * (bytes[55] + 1) : 0;
  const l4 = 14 + (v6 ? 40 : (bytes[14] & 15) * 4) + extension;
  const options = l4 > (v6 ? 54 : 34) ? ` options ${hexText(bytes.subarray(v6 ? 54 : 34, l4))}` : '';
  const [source, destination] = addresses(bytes, v6);
  const protocol = v6 ? bytes[extension > 0 ? 54 : 20] : bytes[23];
  const ttl = v6 ? bytes[21] : bytes[22];
  const end = v6 ? 54 + view.getUint16(18) : 14 + view.getUint16(16);
  const length = end - l4;
  let fault = end === bytes.length ? '' : ' bad length';
  if (!v6 && sum16(bytes.subarray(14, l4), 0) !== 0xffff) fault += ' bad checksum';
  if (protocol !== TCP && protocol !== UDP) {
    const name = protocol === ICMP || protocol === ICMPV6 ? 'icmp' : `protocol ${protocol}`;
    return `${link} ${source} > ${destination} ${name} ttl ${ttl}${fault}`;
  }
  const at = v6 ? 22 : 26;
  const pseudo = sum16(bytes.subarray(at, at + (v6 ? 32 : 8)), protocol + length);
  const none = protocol === UDP && view.getUint16(l4 + 6) === 0;
  if (!none && sum16(bytes.subarray(l4, end), pseudo) !== 0xffff) fault += ' bad checksum';
  const [fromPort, toPort] = [view.getUint16(l4), view.getUint16(l4 + 2)];
  const isTunnel = protocol === UDP && [8472, 6081, WIREGUARD_PORT].includes(toPort);
  const ports = isTunnel
    ? [source, endpoint(destination, toPort)]
    : [endpoint(source, fromPort), endpoint(destination, toPort)];
  const text = `${link} ${ports.join(' > ')} ${protocol === TCP ? 'tcp' : 'udp'} ttl ${ttl}${options}${fault}`;
  if (!isTunnel) return text;
  if (toPort === WIREGUARD_PORT) return `${text} ${wireguardText(bytes.slice(l4 + 8))}`;
  const optionLength = toPort === 6081 ? (bytes[l4 + 8] & 0x3f) * 4 : 0;
  const innerAt = l4 + 16 + optionLength;
  const vni = view.getUint32(l4 + 12) >>> 8;
  const geneve = optionLength === 0 ? '' : ` ${hexText(bytes.subarray(l4 + 16, innerAt))}`;
  return `${text} vni ${vni}${geneve} | ${frameText(bytes.slice(innerAt))}`;
}

/** `index 2 counter 0 | …`: what a transport message encloses, which has no link header, and how it was padded. */
function wireguardText(message: Uint8Array): string {
  const view = new DataView(message.buffer);
  const inner = message.slice(16, -16);
  const v6 = inner[0] >> 4 === 6;
  const length = v6 ? 40 + ((inner[4] << 8) | inner[5]) : (inner[2] << 8) | inner[3];
  const head = `type ${view.getUint32(0, true)} index ${view.getUint32(4, true)} counter ${view.getBigUint64(8, true)}`;
  const frame = new Uint8Array(14 + length);
  frame.set(v6 ? [0x86, 0xdd] : [0x08, 0x00], 12);
  frame.set(inner.subarray(0, length), 14);
  return `${head} padded ${inner.length - length} | ${frameText(frame).slice('00:00 > 00:00 '.length)}`;
}

function hexText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** How a walk is made, from the one before. */
type Walk = (walks: Walks, last: Walked) => Walked;

/** One walk of a test: what it is and how it is made; its lines, the frame at its end in the last. */
export type ExpectedWalk = readonly [name: string, walk: Walk, lines: string];

/** Walks by name, in their order, for topologies that carry them in ways of their own. */
export type Scenario = Readonly<Record<string, Walk>>;

/** `checkWalks` of a scenario; `expected` are the lines of its walks. */
export function checkScenario<Name extends string>(
  name: string,
  topology: string,
  scenario: Readonly<Record<Name, Walk>>,
  expected: Readonly<Record<Name, string>>,
): void {
  const names = Object.keys(scenario) as Name[];
  checkWalks(
    name,
    topology,
    names.map((walk) => [walk, scenario[walk], expected[walk]]),
  );
}

/** A test of walks one after the other through one topology. */
export function checkWalks(name: string, topology: string, expected: readonly ExpectedWalk[]): void {
  test(name, () => {
    const walks = new Walks(topology);
    let last: Walked = { steps: [], frame: '', bytes: new Uint8Array(0) };
    for (const [what, walk, lines] of expected) {
      last = walk(walks, last);
      const wanted = lines.trim().split('\n');
      assert.deepEqual(
        [...last.steps, last.frame],
        wanted.map((line) => line.trim()),
        what,
      );
    }
  });
}
