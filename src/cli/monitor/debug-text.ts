/**
 * Debug messages in the words of `cilium-dbg monitor -v`. The three arguments are the message's 32-bit words; ports
 * and ids among them may be in network order, addresses are in memory order.
 */
import { swap16, swap32 } from '../../engine/wire/bytes.js';
import { reasonText } from '../../programs/drop-reasons.js';

/** a, b and c unsigned; `link` names an interface index. */
type Message = (a: number, b: number, c: number, link: (ifindex: number) => string) => string;

const hex = (word: number): string => word.toString(16);
const be16 = (word: number): number => swap16(word & 0xffff);
const swappedHex = (word: number): string => hex(swap32(word) >>> 0);

/** An IPv4 address, read as the four bytes of the word in memory. */
function ip(word: number): string {
  return `${word & 0xff}.${(word >>> 8) & 0xff}.${(word >>> 16) & 0xff}.${word >>> 24}`;
}

const withHex = (name: string, word: number): string => `${name}=${word} (0x${hex(word)})`;

/** The last four bytes of an IPv6 address. */
function ip6(word: number): string {
  const swapped = swap32(word) >>> 0;
  return `[::${hex(swapped >>> 16)}:${hex(swapped & 0xffff)}]`;
}

/** Two ports in one word, the source's above. */
const portPair = (word: number): string => `sport=${word >>> 16} dport=${word & 0xffff}`;

function tupleFlags(flags: number): string {
  const names = [...((flags & 1) !== 0 ? ['OUT'] : []), ...((flags & 2) !== 0 ? ['RELATED'] : [])];
  return names.join(',');
}

const protocolAndFlags = (word: number): string =>
  `nexthdr=${(word >>> 8) & 0xff} flags=${tupleFlags(word & 0xff)}`;

const CONNTRACK_STATES = ['New', 'Established', 'Reply', 'Related'];

function conntrackVerdict(word: number): string {
  const signed = word | 0;
  return signed < 0 ? reasonText(-signed) : (CONNTRACK_STATES[word] ?? reasonText(word));
}

const ERRORS: ReadonlyMap<number, string> = new Map([
  [1, 'operation not permitted'],
  [2, 'no such file or directory'],
  [12, 'cannot allocate memory'],
  [22, 'invalid argument'],
  [94, 'socket type not supported'],
  [95, 'operation not supported'],
  [98, 'address already in use'],
  [101, 'network is unreachable'],
]);

function outcome(word: number): string {
  if (word === 0) return 'Success';
  const number = Math.abs(word | 0);
  return ERRORS.get(number) ?? `errno ${number}`;
}

const frontendFailed = 'Frontend service lookup failed';
const slotLookup: Message = (a, b) => `Service backend slot lookup: slot=${a}, dport=${be16(b)}`;
const slotFailed: Message = (a, b) => `Service backend slot lookup failed: slot=${a}, dport=${be16(b)}`;
const backendFailed: Message = (a) => `Backend service lookup failed: backend_id=${a}`;
const reverseNat: Message = (a) => `Reverse NAT lookup, index=${be16(a)}`;
const conntrackLookup2: Message = (a, b, c) =>
  `Conntrack lookup 2/2: nexthdr=${(a >>> 8) & 0xff} flags=${a & 0xff} dir=${b} scope=${c}`;
const created = (a: number, b: number): string =>
  `Conntrack create: proxy-port=${a >>> 16} revnat=${be16(a)} src-identity=${b}`;
const socketV6 = (a: number, b: number, c: number): string =>
  `src=${ip6(a)}:${c & 0xffff} dst=${ip6(b)}:${c >>> 16}`;

const MESSAGES: ReadonlyMap<number, Message> = new Map<number, Message>([
  [1, (a, b) => `No message, ${withHex('arg1', a)} ${withHex('arg2', b)}`],
  [2, (a, b) => `Attempting local delivery for container id ${a} from seclabel ${b}`],
  [3, (a, b) => `Encapsulating to node ${a} (0x${hex(a)}) from seclabel ${b}`],
  [4, (a, b, _c, link) => `Local container found ifindex ${link(a)} seclabel ${be16(b)}`],
  [5, (a, b) => `Policy evaluation would deny packet from ${a} to ${b}`],
  [6, (a, b) => `CT lookup: ${portPair(a)} ${protocolAndFlags(b)}`],
  [7, (a, b) => `CT reverse lookup: ${portPair(a)} ${protocolAndFlags(b)}`],
  [8, (a, b) => `CT entry found lifetime=${a}, revnat=${be16(b)}`],
  [9, (a, b, c) => `CT created 1/2: ${portPair(a)} ${protocolAndFlags(b)} revnat=${be16(c)}`],
  [10, (a, b) => `CT created 2/2: ${ip(a)} revnat=${be16(b)}`],
  [11, (a) => `Handling ICMPv6 type=${a}`],
  [12, (a) => `ICMPv6 echo request for router offset=${a}`],
  [13, (a, b) => `ICMPv6 neighbour soliciation for address ${swappedHex(a)}:${swappedHex(b)}`],
  [14, () => 'Sending ICMPv6 time exceeded'],
  [15, (a, b) => `CT verdict: ${conntrackVerdict(a)}, revnat=${be16(b)}`],
  [16, (a, b) => `Tunnel decap: id=${a} flowlabel=${hex(b)}`],
  [17, (a, b) => `Mapping port from=${be16(a)} to=${be16(b)}`],
  [18, (a, b) => `BPF function ${a} returned error ${b}`],
  [19, (a) => `Going to host, policy-skip=${a}`],
  [20, (a) => `Going to the stack, policy-skip=${a}`],
  [21, (a, b) => `Packet hash=${a} (0x${hex(a)}), selected_service=${b}`],
  [22, (a, b) => `Frontend service lookup, addr.p4=${hex(a)} key.dport=${be16(b)}`],
  [23, (a, b) => `${frontendFailed}, addr.p2=${hex(a)} addr.p3=${hex(b)}`],
  [24, slotLookup],
  [25, (a, b) => `Service backend slot lookup result: target.p4=${hex(a)} port=${be16(b)}`],
  [26, slotFailed],
  [27, backendFailed],
  [28, reverseNat],
  [29, (a, b) => `Performing reverse NAT, address.p4=${hex(a)} port=${be16(b)}`],
  [30, (a, b) => `Frontend service lookup, addr=${ip(a)} key.dport=${be16(b)}`],
  [31, () => frontendFailed],
  [32, slotLookup],
  [33, (a, b) => `Service backend slot lookup result: target=${ip(a)} port=${be16(b)}`],
  [34, slotFailed],
  [35, backendFailed],
  [36, reverseNat],
  [37, (a, b) => `Performing reverse NAT, address=${ip(a)} port=${be16(b)}`],
  [38, (a, b) => `Loopback SNAT from=${ip(a)} to=${ip(b)}`],
  [39, (a, b) => `Loopback reverse SNAT from=${ip(a)} to=${ip(b)}`],
  [40, (a) => `CT lookup address: ${ip(a)}`],
  [41, (a, b) => `RR backend slot selection hash=${a} (0x${hex(a)}), selected_service=${b}`],
  [42, (a, b, c) => `Reverse proxy lookup ${portPair(a)} saddr=${ip(b)} nexthdr=${c}`],
  [43, (a, b) => `Reverse proxy entry found, orig-daddr=${ip(a)} orig-dport=${b}`],
  [44, (a, b, c) => `Reverse proxy updated ${portPair(a)} saddr=${ip(b)} nexthdr=${c}`],
  [45, (a, b) => `Resolved L4 policy to: ${be16(a)} / ${b === 1 ? 'ingress' : 'egress'}`],
  [46, (a) => `Destination is inside cluster prefix, source identity: ${a}`],
  [47, (a, b) => `Attempting encapsulation, lookup key: ${ip(a)}, identity: ${b}`],
  [48, (a, b, c) => `Conntrack lookup 1/2: src=${ip(a)}:${c & 0xffff} dst=${ip(b)}:${c >>> 16}`],
  [49, conntrackLookup2],
  [50, (a, b, c) => `${created(a, b)} lb=${ip(c)}`],
  [51, (a, b, c) => `Conntrack lookup 1/2: ${socketV6(a, b, c)}`],
  [52, conntrackLookup2],
  [53, (a, b) => created(a, b)],
  [54, (a) => `Skipping proxy, tc_index is set=${hex(a)}`],
  [55, matchedPolicy],
  [56, (a) => `Failed to map addr=${ip(a)} to identity`],
  [57, (a) => `Failed to map addr.p4=${ip6(a)} to identity`],
  [58, (a, b) => `Successfully mapped addr=${ip(a)} to identity=${b}`],
  [59, (a, b) => `Successfully mapped addr.p4=${ip6(a)} to identity=${b}`],
  [60, (a, b) => `Stale CT entry found stale_ct.rev_nat_id=${b}, svc.rev_nat_id=${a}`],
  [61, (a) => `Inheriting identity=${a} from stack`],
  [62, (a, b, c) => `Socket lookup: src=${ip(a)}:${c & 0xffff} dst=${ip(b)}:${c >>> 16}`],
  [63, (a, b, c) => `Socket lookup: ${socketV6(a, b, c)}`],
  [64, (a) => `Socket assign: ${outcome(a)}`],
  [65, (a, b, c) => `L7 LB from ${ip(a)} to ${ip(b)}: proxy port ${c}`],
]);

function matchedPolicy(a: number, b: number, c: number): string {
  return `Matched L4 policy; creating conntrack src=${a} dst=${b} dport=${c >>> 16} proto=${c & 0xff}`;
}

/** The text of debug message `type`; `link` names an interface index. */
export function debugText(
  type: number,
  [a, b, c]: readonly [number, number, number],
  link: (ifindex: number) => string,
): string {
  const message = MESSAGES.get(type);
  return message === undefined ? `Unknown message type=${type} arg1=${a} arg2=${b}` : message(a, b, c, link);
}

const CAPTURE_TEXTS: ReadonlyMap<number, (argument: number) => string> = new Map([
  [4, (a) => `Delivery to ifindex ${a}`],
  [5, (a) => `Incoming packet to load balancer on ifindex ${a}`],
  [6, (a) => `Packet after nat46 ifindex ${a}`],
  [7, (a) => `Packet after nat64 ifindex ${a}`],
  [8, (a) => `Packet to proxy port ${be16(a)} (Pre)`],
  [9, (a) => `Packet to proxy port ${be16(a)} (Post)`],
  [10, (a) => `Packet going into snat engine on ifindex ${a}`],
  [11, (a) => `Packet coming from snat engine on ifindex ${a}`],
]);

/** What a debug capture shows. */
export function captureText(type: number, argument: number): string {
  return CAPTURE_TEXTS.get(type)?.(argument) ?? `Unknown message type=${type} arg1=${argument}`;
}

/** How the one-line form of a capture begins; null for the kinds that have none. */
export function capturePrefix(
  type: number,
  argument: number,
  link: (ifindex: number) => string,
): string | null {
  switch (type) {
    case 4:
      return `-> ${link(argument)}`;
    case 5:
      return `<- load-balancer ${link(argument)}`;
    case 6:
      return `== v4->v6 ${argument}`;
    case 7:
      return `== v6->v4 ${argument}`;
    case 9:
      return `-> proxy port ${be16(argument)}`;
    default:
      return null;
  }
}
