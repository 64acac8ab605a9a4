/** Netfilter's connections as /proc/net/nf_conntrack and conntrack-tools 1.4.7 print them, in the order of rows. */
import { formatAddress } from '../../engine/address-text.js';
import { AF_INET, AF_INET6 } from '../../engine/fib.js';
import {
  type Conntrack,
  IPS_ASSURED,
  IPS_SEEN_REPLY,
  ORIGINAL,
  REPLY,
} from '../../engine/netfilter/conntrack.js';
import { TCP_STATES } from '../../engine/netfilter/tcp-tracker.js';
import {
  DESTINATION_WORD,
  destinationPort,
  hasPorts,
  isIcmp,
  isIpv4,
  protocolOf,
  SOURCE_WORD,
  sourcePort,
  zoneOf,
} from '../../engine/netfilter/tuple.js';
import { put32le, swap16 } from '../../engine/wire/bytes.js';
import { PROTOCOL_TCP } from '../../engine/wire/ipv4.js';

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  47: 'gre',
  58: 'icmpv6',
  132: 'sctp',
  136: 'udplite',
};

/** One connection with what listings and filters ask for. */
export interface ListedConnection {
  readonly family: 4 | 6;
  readonly protocol: number;
  readonly text: string;
}

/** /proc/net/nf_conntrack. IPv6 addresses are there in full. */
export function procConntrack(conntrack: Conntrack): string {
  let text = '';
  for (let row = conntrack.next(0); row > 0; row = conntrack.next(row)) {
    const at = conntrack.tupleAt(row, ORIGINAL);
    const v4 = isIpv4(conntrack.tuples, at);
    const family = `${(v4 ? 'ipv4' : 'ipv6').padEnd(8)} ${v4 ? AF_INET : AF_INET6} `;
    const zone = `zone=${zoneOf(conntrack.tuples, at)} `;
    // The line is a user of the entry, too.
    text += `${family}${connectionText(conntrack, row, 8, fullAddress)}mark=${conntrack.marks[row] >>> 0} ${zone}use=2\n`;
  }
  return text;
}

/** `conntrack -L`, one line each; with `extended` as `-o extended`. */
export function listedConnections(conntrack: Conntrack, extended: boolean): ListedConnection[] {
  const connections: ListedConnection[] = [];
  for (let row = conntrack.next(0); row > 0; row = conntrack.next(row)) {
    const at = conntrack.tupleAt(row, ORIGINAL);
    const family = isIpv4(conntrack.tuples, at) ? 4 : 6;
    const head = extended ? `${`ipv${family}`.padEnd(8)} ${family === 4 ? AF_INET : AF_INET6} ` : '';
    const line = connectionText(conntrack, row, 8, (words, from, length) => addressText(words, from, length));
    const text = `${head}${line}mark=${conntrack.marks[row] >>> 0} use=1\n`;
    connections.push({ family, protocol: protocolOf(conntrack.tuples, at), text });
  }
  return connections;
}

type AddressText = (words: Int32Array, at: number, length: number) => string;

/** From the protocol's name up to `[ASSURED] `, with a space at the end. */
function connectionText(conntrack: Conntrack, row: number, width: number, address: AddressText): string {
  const { tuples, status } = conntrack;
  const at = conntrack.tupleAt(row, ORIGINAL);
  const protocol = protocolOf(tuples, at);
  const name = PROTOCOLS[protocol] ?? 'unknown';
  const seconds = Math.floor((conntrack.expiresNs[row] - conntrack.clock.nowNs) / 1e9);
  const state = protocol === PROTOCOL_TCP ? `${TCP_STATES[conntrack.tcp.states[row]]} ` : '';
  const unreplied = (status[row] & IPS_SEEN_REPLY) === 0 ? '[UNREPLIED] ' : '';
  const assured = (status[row] & IPS_ASSURED) === 0 ? '' : '[ASSURED] ';
  const reply = tupleText(tuples, conntrack.tupleAt(row, REPLY), address);
  return `${name.padEnd(width)} ${protocol} ${seconds} ${state}${tupleText(tuples, at, address)}${unreplied}${reply}${assured}`;
}

function tupleText(words: Int32Array, at: number, address: AddressText): string {
  const length = isIpv4(words, at) ? 4 : 16;
  const source = address(words, at + SOURCE_WORD, length);
  const destination = address(words, at + DESTINATION_WORD, length);
  return `src=${source} dst=${destination} ${portsText(words, at)}`;
}

function portsText(words: Int32Array, at: number): string {
  const protocol = protocolOf(words, at);
  const [source, destination] = [swap16(sourcePort(words, at)), destinationPort(words, at)];
  if (isIcmp(protocol)) return `type=${destination & 0xff} code=${destination >> 8} id=${source} `;
  return hasPorts(protocol) ? `sport=${source} dport=${swap16(destination)} ` : '';
}

function addressText(words: Int32Array, at: number, length: number): string {
  return formatAddress(addressBytes(words, at, length), 0, length);
}

function fullAddress(words: Int32Array, at: number, length: number): string {
  if (length === 4) return addressText(words, at, length);
  const bytes = addressBytes(words, at, length);
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/.{4}(?=.)/g, '$&:');
}

function addressBytes(words: Int32Array, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 4) put32le(bytes, i, words[at + (i >> 2)]);
  return bytes;
}
