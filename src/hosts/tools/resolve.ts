/** Names to addresses, as a C library's resolver does it: literals, /etc/hosts, then the name server. */
import { parseAddress } from '../../engine/address-text.js';
import { put32 } from '../../engine/wire/bytes.js';
import {
  type DnsMessage,
  isName,
  RCODE_NO_ERROR,
  readMessage,
  TYPE_A,
  TYPE_AAAA,
  writeQuestion,
} from '../dns-message.js';
import { type Endpoint, isSameEndpoint } from '../endpoint.js';
import type { Process, Steps } from '../process.js';
import { SECOND_NS } from '../world.js';

/** resolv.conf's defaults: 5 s, two tries. */
const TIMEOUT_NS = 5 * SECOND_NS;
const ATTEMPTS = 2;
/** As Kubernetes writes it for pods: names with fewer dots are tried with the search domains first. */
const MANY_DOTS = 5;

/** Addresses by family; `other` is tried where there is none of the first. */
export type FamilyChoice = 'ipv4' | 'ipv6' | 'any';

/** inet_aton: `1.1` is 1.0.0.1; and IPv6 with or without brackets. Null for a name. */
export function parseLiteral(text: string): Uint8Array | null {
  if (text.includes(':')) return parseAddress(text.replace(/^\[|\]$/g, ''));
  const parts = text.split('.');
  if (parts.length > 4 || parts.some((part) => !/^(0x[\da-f]+|\d+)$/i.test(part))) return null;
  const numbers = parts.map((part) => (/^0\d/.test(part) ? Number.parseInt(part, 8) : Number(part)));
  const last = numbers.pop()!;
  if (numbers.some((number) => number > 255) || last >= 256 ** (4 - numbers.length)) return null;
  const address = new Uint8Array(4);
  put32(address, 0, last);
  address.set(numbers);
  return address;
}

/** An address of a name; null when there is none. */
export function* resolve(process: Process, name: string, family: FamilyChoice): Steps<Uint8Array | null> {
  const literal = parseLiteral(name);
  if (literal !== null) return fits(literal, family) ? literal : null;
  const known = process.host.names.get(name.toLowerCase().replace(/\.$/, ''));
  const local = known?.find((address) => fits(address, family));
  if (local !== undefined) return local;
  const { nameserver } = process.host;
  if (nameserver === null) return null;
  for (const candidate of candidates(process, name)) {
    for (const type of questionTypes(process, family)) {
      const response = yield* ask(process, nameserver, candidate, type);
      if (response === null) return null;
      const answer = response.answers[0];
      if (response.responseCode === RCODE_NO_ERROR && answer !== undefined) return answer.address;
    }
  }
  return null;
}

function fits(address: Uint8Array, family: FamilyChoice): boolean {
  return family === 'any' || address.length === (family === 'ipv4' ? 4 : 16);
}

/** A host without an address of a family does not ask for one (AI_ADDRCONFIG). */
function questionTypes({ host }: Process, family: FamilyChoice): number[] {
  const has = (length: number): boolean => host.addresses.some((address) => address.length === length);
  const types: number[] = [];
  if (family !== 'ipv6' && has(4)) types.push(TYPE_A);
  if (family !== 'ipv4' && has(16)) types.push(TYPE_AAAA);
  return types;
}

/** The names to ask for, in order. */
export function candidates({ host }: Process, name: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)].filter(isName);
  const searched = host.searchDomains.map((domain) => `${name}.${domain}`);
  const dots = name.split('.').length - 1;
  return (dots >= MANY_DOTS ? [name, ...searched] : [...searched, name]).filter(isName);
}

/** The server's response to a question; null when none comes. */
export function* ask(
  process: Process,
  server: Endpoint,
  name: string,
  type: number,
  attempts = ATTEMPTS,
  timeoutNs = TIMEOUT_NS,
): Steps<DnsMessage | null> {
  const { world, host } = process;
  const socket = host.openUdp();
  if (typeof socket === 'number') return null;
  const id = world.random.next() & 0xffff;
  let response: DnsMessage | null = null;
  socket.onDatagram = (data, from) => {
    const message = isSameEndpoint(from, server) ? readMessage(data) : null;
    if (message?.isResponse && message.id === id) response = message;
    process.wake();
  };
  try {
    for (let i = 0; i < attempts; i++) {
      const error = socket.send(writeQuestion(id, name, type), server);
      if (error !== 0) return null;
      if (yield* process.until(() => response !== null, world.nowNs + timeoutNs)) return response;
    }
    return null;
  } finally {
    socket.close();
  }
}
