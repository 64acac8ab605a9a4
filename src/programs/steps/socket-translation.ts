/** Socket-level load balancing: a service is replaced by a backend before there is a packet, and back for the caller. */
import { EHOSTUNREACH, ENOMEM } from '../../engine/hooks/errno.js';
import type { SocketContext } from '../../engine/hooks/socket.js';
import { BPF_ANY } from '../../engine/maps/map.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import { EGRESS, IDENTITY_HOST, INGRESS } from '../constants.js';
import type { Family } from '../family.js';
import type { ProgramInstance } from '../instance.js';
import * as reverse from '../tables/reverse-sockets.js';
import * as services from '../tables/services.js';
import { bindBackend, boundBackend, namespaceKey } from './affinity.js';
import { ipcacheIdentity, lookupIpcache } from './identity.js';
import {
  POST_TRANSLATION_FORWARD,
  POST_TRANSLATION_REVERSE,
  PRE_TRANSLATION_FORWARD,
  PRE_TRANSLATION_REVERSE,
  traceSocket,
} from './notify.js';
import { isRedirectSkipped, lookupBackend, serviceFlags, serviceRevNat } from './service-entry.js';
import { isLoopback, lookupSocketService } from './socket-service.js';

/** Answers of a translation; a positive number is the errno that the call is to fail with. */
const TRANSLATED = 0;
export const NO_SERVICE = -1;
/** A service that is not translated here: packets will be. */
const UNTOUCHED = -2;

/** Metric reasons. */
const REASON_NO_SLOT = 5;
const REASON_NO_BACKEND = 6;
const REASON_REVERSE_UPDATE_FAILED = 7;
const REASON_REVERSE_STALE = 8;

/** Word of `socket.address` at which an IPv4 address stands in an IPv6 one that maps it (::ffff:a.b.c.d). */
export const MAPPED_WORD = 3;

/** The socket speaks IPv4 through an IPv6 address. */
export function isMapped(socket: SocketContext): boolean {
  return ipv6.isIpv4MappedWords(socket.address, 0);
}

/**
 * Translates the peer address at `socket.address[at]` from a service to a backend of it, and remembers what it was.
 * TRANSLATED, NO_SERVICE, UNTOUCHED, or an errno.
 */
export function translateForward(
  program: ProgramInstance,
  socket: SocketContext,
  family: Family,
  at: number,
): number {
  const datapath = program.datapath;
  const features = program.features;
  const words = socket.address;
  const { port, protocol, isInHostNamespace } = socket;
  const serviceAt = lookupSocketService(program, family, words, at, port, protocol, isInHostNamespace);
  if (serviceAt < 0) return NO_SERVICE;
  const flow = datapath.flow;
  const flags = serviceFlags(flow, serviceAt);
  const isL7 = features.l7LoadBalancer && (flags & services.L7_LOADBALANCER) !== 0;
  const count = family.services.words[(serviceAt >> 2) + services.COUNT_AND_REV_NAT] & 0xffff;
  if (count === 0 && !isL7) return EHOSTUNREACH;
  traceSocket(program, socket, family, words, at, port, PRE_TRANSLATION_FORWARD);
  if (isLeftToPackets(program, family, words, at, flags)) return UNTOUCHED;
  if (features.localRedirectPolicy && (flags & services.LOCAL_REDIRECT) !== 0) {
    const { namespaceCookieLow: low, namespaceCookieHigh: high } = socket;
    if (isRedirectSkipped(program, family, low, high, words, at, port)) return UNTOUCHED;
  }
  const target = datapath.socketTarget;
  if (isL7) {
    // From pods packets go to the proxy, with policy; the host's own must get there at once.
    if (!isInHostNamespace) return UNTOUCHED;
    target.setLoopback(family, family.services.words[(serviceAt >> 2) + services.L7_PROXY_PORT] & 0xffff);
  } else {
    const backendAt = chooseBackend(program, socket, family, serviceAt, count);
    if (backendAt < 0) return EHOSTUNREACH;
    target.setBackend(family, backendAt);
  }
  return redirect(program, socket, family, at, serviceRevNat(flow, serviceAt));
}

/** Services that are only meant where the address is this node's, and those that change the family. */
function isLeftToPackets(
  program: ProgramInstance,
  family: Family,
  words: Int32Array,
  at: number,
  flags: number,
): boolean {
  if ((flags & services.NAT_46X64) !== 0) return true;
  const isHostPort = (flags & services.HOSTPORT) !== 0 && !isLoopback(family, words, at);
  if ((flags & services.EXTERNAL_IP) === 0 && !isHostPort) return false;
  const entryAt = lookupIpcache(program.datapath, family, words, at, 0);
  return entryAt < 0 || ipcacheIdentity(program.datapath, entryAt) !== IDENTITY_HOST;
}

/** Offset of the backend that the socket gets, by affinity or anew; -1 when there is none, which is counted. */
function chooseBackend(
  program: ProgramInstance,
  socket: SocketContext,
  family: Family,
  serviceAt: number,
  count: number,
): number {
  const datapath = program.datapath;
  const flow = datapath.flow;
  const hasAffinity =
    program.features.sessionAffinity && (serviceFlags(flow, serviceAt) & services.AFFINITY) !== 0;
  const revNat = serviceRevNat(flow, serviceAt);
  if (hasAffinity) {
    const known = namespaceKey(program, socket, family, revNat);
    const boundId = boundBackend(program, family, known, serviceAt, revNat);
    const boundAt = boundId === 0 ? -1 : lookupBackend(program, family, boundId);
    if (boundAt >= 0) return boundAt;
  }
  const key = datapath.keys.service;
  const portWord = family.addressWords;
  const slot = selectSlot(program, socket, count);
  key[portWord] = (key[portWord] & 0xffff) | (slot << 16);
  const slotAt = family.services.lookup(key, 0);
  if (slotAt < 0) {
    datapath.metrics.count(REASON_NO_SLOT, EGRESS, 0);
    return -1;
  }
  const id = family.services.words[(slotAt >> 2) + services.BACKEND_ID];
  const backendAt = lookupBackend(program, family, id);
  if (backendAt < 0) datapath.metrics.count(REASON_NO_BACKEND, EGRESS, 0);
  else if (hasAffinity) bindBackend(program, family, namespaceKey(program, socket, family, revNat), id);
  return backendAt;
}

/** TCP spreads connections by chance; a UDP socket stays with one backend, by its cookie. Slots count from 1. */
function selectSlot(program: ProgramInstance, socket: SocketContext, count: number): number {
  if (socket.protocol === ipv4.PROTOCOL_TCP) return ((program.datapath.random.next() >>> 0) % count) + 1;
  const high = (socket.cookieHigh >>> 0) % count;
  const low = (socket.cookieLow >>> 0) % count;
  return ((high * (4294967296 % count) + low) % count) + 1;
}

/** Puts the target in the address's place and notes the frontend under it. TRANSLATED, or ENOMEM. */
function redirect(
  program: ProgramInstance,
  socket: SocketContext,
  family: Family,
  at: number,
  revNat: number,
): number {
  const target = program.datapath.socketTarget;
  const map = family.reverseSockets;
  const n = family.addressWords;
  traceSocket(program, socket, family, target.address, 0, target.port, POST_TRANSLATION_FORWARD);
  const key = reverseKey(program, socket, family, target.address, 0, target.port);
  const portAndRevNat = socket.port | (revNat << 16);
  const known = map.lookup(key, 0);
  if (known < 0 || !isFrontend(map.words, known >> 2, socket.address, at, n, portAndRevNat)) {
    const entryAt = map.insert(key, 0, BPF_ANY);
    if (entryAt < 0) {
      program.datapath.metrics.count(REASON_REVERSE_UPDATE_FAILED, EGRESS, 0);
      return ENOMEM;
    }
    const word = entryAt >> 2;
    for (let i = 0; i < n; i++) map.words[word + i] = socket.address[at + i];
    map.words[word + n] = portAndRevNat;
  }
  for (let i = 0; i < n; i++) socket.address[at + i] = target.address[i];
  socket.port = target.port;
  return TRANSLATED;
}

function isFrontend(
  words: Int32Array,
  word: number,
  address: Int32Array,
  at: number,
  n: number,
  portAndRevNat: number,
): boolean {
  for (let i = 0; i < n; i++) if (words[word + i] !== address[at + i]) return false;
  return words[word + n] === portAndRevNat;
}

function reverseKey(
  program: ProgramInstance,
  socket: SocketContext,
  family: Family,
  words: Int32Array,
  at: number,
  port: number,
): Int32Array {
  const key = program.datapath.keys.reverseSocket;
  const n = family.addressWords;
  key[0] = socket.cookieLow;
  key[1] = socket.cookieHigh;
  for (let i = 0; i < n; i++) key[reverse.KEY_ADDRESS + i] = words[at + i];
  key[reverse.KEY_ADDRESS + n] = port;
  for (let i = reverse.KEY_ADDRESS + n + 1; i < key.length; i++) key[i] = 0;
  return key;
}

/**
 * Gives the caller the service's address for the backend's at `socket.address[at]`. TRANSLATED, or NO_SERVICE when
 * the socket was not translated. What was noted for a service that is gone or another is deleted.
 */
export function translateReverse(
  program: ProgramInstance,
  socket: SocketContext,
  family: Family,
  at: number,
): number {
  const datapath = program.datapath;
  traceSocket(program, socket, family, socket.address, at, socket.port, PRE_TRANSLATION_REVERSE);
  const map = family.reverseSockets;
  const n = family.addressWords;
  const entryAt = map.lookup(reverseKey(program, socket, family, socket.address, at, socket.port), 0);
  if (entryAt < 0) return NO_SERVICE;
  const word = entryAt >> 2;
  const portAndRevNat = map.words[word + n];
  const port = reverse.port(portAndRevNat);
  const { protocol, isInHostNamespace } = socket;
  const serviceAt = lookupSocketService(program, family, map.words, word, port, protocol, isInHostNamespace);
  if (!isAlive(program, family, serviceAt, reverse.revNat(portAndRevNat))) {
    map.delete(reverseKey(program, socket, family, socket.address, at, socket.port), 0);
    datapath.metrics.count(REASON_REVERSE_STALE, INGRESS, 0);
    return UNTOUCHED;
  }
  for (let i = 0; i < n; i++) socket.address[at + i] = map.words[word + i];
  socket.port = port;
  traceSocket(program, socket, family, socket.address, at, port, POST_TRANSLATION_REVERSE);
  return TRANSLATED;
}

function isAlive(program: ProgramInstance, family: Family, serviceAt: number, revNat: number): boolean {
  if (serviceAt < 0) return false;
  const flow = program.datapath.flow;
  if (serviceRevNat(flow, serviceAt) !== revNat) return false;
  const count = family.services.words[(serviceAt >> 2) + services.COUNT_AND_REV_NAT] & 0xffff;
  if (count > 0) return true;
  return program.features.l7LoadBalancer && (serviceFlags(flow, serviceAt) & services.L7_LOADBALANCER) !== 0;
}
