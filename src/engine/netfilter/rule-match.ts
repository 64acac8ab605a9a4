/** Whether a packet is what a rule asks for. Made once per rule; a test that a rule does not have is not run. */
import type { Prefix } from '../address-text.js';
import type { Device } from '../device.js';
import type { PacketContext } from '../packet.js';
import type { RandomSource } from '../random.js';
import { i32le, swap16, swap32 } from '../wire/bytes.js';
import * as ipv4 from '../wire/ipv4.js';
import * as ipv6 from '../wire/ipv6.js';
import { type Conntrack, IPS_DST_NAT, IPS_SRC_NAT, NO_ENTRY } from './conntrack.js';
import type { RecentLists } from './recent-lists.js';
import {
  CT_DNAT,
  CT_SNAT,
  type DeviceMatch,
  type Negated,
  type Ports,
  type RecentMatch,
  type Rule,
  type Side,
} from './rule.js';
import {
  DESTINATION_WORD,
  hasAddress,
  hasPorts,
  type PacketTuple,
  PORTS_WORD,
  SOURCE_WORD,
} from './tuple.js';

/** What rules are asked about: the packet with its headers as they are now, and where it comes from and goes. */
export interface RuleContext {
  readonly conntrack: Conntrack;
  readonly random: RandomSource;
  /** Read anew at each hook. */
  readonly headers: PacketTuple;
  readonly recent: RecentLists;
  readonly input: Device | null;
  readonly output: Device | null;
  /** Whether the address of 4 or 16 bytes at `bytes[at]` is one of the namespace's own. */
  isLocal(bytes: Uint8Array, at: number, length: number): boolean;
}

/** Members of the ipsets, by name: addresses of 4 or 16 bytes. */
export type AddressSets = ReadonlyMap<string, readonly Uint8Array[]>;

type Test = (packet: PacketContext, context: RuleContext) => boolean;

export class RuleMatch {
  readonly #tests: readonly Test[];

  /** Throws Error for an ipset that is not there. */
  constructor(rule: Rule, sets: AddressSets) {
    this.#tests = testsOf(rule, sets);
  }

  matches(packet: PacketContext, context: RuleContext): boolean {
    const tests = this.#tests;
    for (let i = 0; i < tests.length; i++) if (!tests[i](packet, context)) return false;
    return true;
  }
}

function testsOf(rule: Rule, sets: AddressSets): Test[] {
  const { source, destination, input, output, protocol, marks, set, states, probability } = rule;
  const tests: Test[] = [];
  if (source !== undefined) tests.push(addressTest(source, SOURCE_WORD));
  if (destination !== undefined) tests.push(addressTest(destination, DESTINATION_WORD));
  if (input !== undefined) tests.push(deviceTest(input, (context) => context.input));
  if (output !== undefined) tests.push(deviceTest(output, (context) => context.output));
  if (protocol !== undefined) {
    const { value, negated } = protocol;
    tests.push((_, { headers }) => (headers.protocol === value) !== negated);
  }
  if (rule.sourcePorts !== undefined) tests.push(portTest(rule.sourcePorts, 0));
  if (rule.destinationPorts !== undefined) tests.push(portTest(rule.destinationPorts, 16));
  for (const { value, negated } of marks ?? []) {
    const [wanted, mask] = value;
    tests.push((packet) => ((packet.mark & mask) === wanted) !== negated);
  }
  if (set !== undefined) tests.push(setTest(set, sets));
  if (states !== undefined) {
    const { value, negated } = states;
    tests.push((_, { conntrack }) => ((value & stateBits(conntrack)) !== 0) !== negated);
  }
  for (const local of rule.local ?? []) tests.push(localTest(local));
  if (probability !== undefined) {
    // 31 bits, as xt_statistic keeps it.
    const limit = Math.round(probability * 0x80000000);
    tests.push((_, { random }) => random.next() >>> 1 < limit);
  }
  // Last, since it takes a note of the packet that all others let pass.
  if (rule.recent !== undefined) tests.push(recentTest(rule.recent));
  return tests;
}

function stateBits(conntrack: Conntrack): number {
  const { entry, state } = conntrack;
  if (entry === NO_ENTRY) return state;
  const status = conntrack.status[entry];
  return state | ((status & IPS_SRC_NAT) === 0 ? 0 : CT_SNAT) | ((status & IPS_DST_NAT) === 0 ? 0 : CT_DNAT);
}

function addressTest({ value, negated }: Negated<Prefix>, at: number): Test {
  const count = value.address.length >> 2;
  const words = Array.from({ length: count }, (_, i) => i32le(value.address, i * 4));
  const masks = words.map((_, i) => wordMask(value.length - 32 * i));
  return (_, { headers }) => {
    for (let i = 0; i < count; i++) {
      if (((headers.words[at + i] ^ words[i]) & masks[i]) !== 0) return negated;
    }
    return !negated;
  };
}

function setTest({ value: { name, side }, negated }: NonNullable<Rule['set']>, sets: AddressSets): Test {
  const members = sets.get(name);
  if (members === undefined) throw new Error(`iptables: there is no ipset ${name}`);
  const at = side === 'src' ? SOURCE_WORD : DESTINATION_WORD;
  return (_, { headers }) => {
    for (let i = 0; i < members.length; i++) if (hasAddress(headers.words, at, members[i])) return !negated;
    return negated;
  };
}

function localTest({ value: side, negated }: Negated<Side>): Test {
  return ({ bytes }, context) => {
    const { ipAt, isIpv4 } = context.headers;
    const wire = isIpv4 ? ipv4 : ipv6;
    const at = side === 'src' ? wire.sourceAt(ipAt) : wire.destinationAt(ipAt);
    return context.isLocal(bytes, at, wire.ADDRESS_LENGTH) !== negated;
  };
}

function recentTest({ value: { kind, list, seconds, side }, negated }: Negated<RecentMatch>): Test {
  const at = side === 'src' ? SOURCE_WORD : DESTINATION_WORD;
  return (_, { headers, recent, conntrack: { clock } }) => {
    if (kind === 'rcheck') return recent.has(list, headers.words, at, seconds, clock.nowNs) !== negated;
    recent.note(list, headers.words, at, clock.nowNs);
    return !negated;
  };
}

/** Mask of a raw word of which the first `bits` count. */
function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : swap32(-1 << (32 - bits));
}

function deviceTest(
  { name, isPrefix, negated }: DeviceMatch,
  which: (context: RuleContext) => Device | null,
): Test {
  const answers = new Map<Device, boolean>();
  const isMeant = (device: Device): boolean =>
    (isPrefix ? device.name.startsWith(name) : device.name === name) !== negated;
  return (_, context) => {
    const device = which(context);
    if (device === null) return negated;
    let answer = answers.get(device);
    if (answer === undefined) {
      answer = isMeant(device);
      answers.set(device, answer);
    }
    return answer;
  };
}

/** Source ports are the lower half of their word, destination ports the upper. */
function portTest({ value: [first, last], negated }: Negated<Ports>, shift: number): Test {
  return (_, { headers }) => {
    if (headers.transportAt < 0 || !hasPorts(headers.protocol)) return false;
    const port = swap16((headers.words[PORTS_WORD] >>> shift) & 0xffff);
    return (port >= first && port <= last) !== negated;
  };
}
