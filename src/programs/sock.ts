/**
 * The socket programs, which Cilium attaches to the cgroup of everything on the node: services are translated when a
 * process connects or sends, before there is a packet.
 */
import { EADDRINUSE, ENOBUFS } from '../engine/hooks/errno.js';
import {
  SOCKET_PROCEED,
  SOCKET_REJECT,
  type SocketContext,
  type SocketProgram,
} from '../engine/hooks/socket.js';
import { BPF_ANY } from '../engine/maps/map.js';
import * as ipv4 from '../engine/wire/ipv4.js';
import { MARK_HEALTH } from './constants.js';
import type { Family } from './family.js';
import type { ProgramInstance } from './instance.js';
import { isL7Delegate, serviceFlags } from './steps/service-entry.js';
import { lookupBoundService } from './steps/socket-service.js';
import {
  isMapped,
  MAPPED_WORD,
  NO_SERVICE,
  translateForward,
  translateReverse,
} from './steps/socket-translation.js';
import * as backends from './tables/backends.js';
import * as services from './tables/services.js';

/** The socket programs of one family, by their kernel names. */
export function sockPrograms(program: ProgramInstance, v6: boolean): readonly SocketProgram[] {
  const version = v6 ? 6 : 4;
  const programs: SocketProgram[] = [
    { name: `cil_sock${version}_connect`, run: (socket) => connect(program, socket, v6) },
    { name: `cil_sock${version}_sendmsg`, run: (socket) => sendmsg(program, socket, v6) },
    { name: `cil_sock${version}_recvmsg`, run: (socket) => receive(program, socket, v6) },
  ];
  const { features } = program;
  if (features.socketLbPeer) {
    programs.push({ name: `cil_sock${version}_getpeername`, run: (socket) => receive(program, socket, v6) });
  }
  if (features.nodePort) {
    programs.push({ name: `cil_sock${version}_post_bind`, run: (socket) => postBind(program, socket, v6) });
  }
  if (features.healthCheck) {
    programs.push({ name: `cil_sock${version}_pre_bind`, run: (socket) => preBind(program, socket, v6) });
  }
  return programs;
}

function isSupported(protocol: number): boolean {
  return (
    protocol === ipv4.PROTOCOL_TCP || protocol === ipv4.PROTOCOL_UDP || protocol === ipv4.PROTOCOL_UDP_LITE
  );
}

/** The load balancer's own health checks, which must reach the backend that they are about. */
function isHealthCheck(program: ProgramInstance, socket: SocketContext): boolean {
  return program.features.healthCheck && socket.mark === MARK_HEALTH;
}

function connect(program: ProgramInstance, socket: SocketContext, v6: boolean): number {
  if (isHealthCheck(program, socket) || !isSupported(socket.protocol)) return SOCKET_PROCEED;
  return forward(program, socket, v6);
}

function sendmsg(program: ProgramInstance, socket: SocketContext, v6: boolean): number {
  return forward(program, socket, v6);
}

/** Service to backend: an IPv6 socket that means an IPv4 address gets the services of IPv4, if IPv6 has none. */
function forward(program: ProgramInstance, socket: SocketContext, v6: boolean): number {
  const { datapath, features } = program;
  if (features.socketLbHostOnly && !socket.isInHostNamespace) return SOCKET_PROCEED;
  let result = NO_SERVICE;
  if (!v6) result = translateForward(program, socket, datapath.ipv4, 0);
  else if (features.ipv6) result = translateForward(program, socket, datapath.ipv6, 0);
  if (result === NO_SERVICE && v6 && features.ipv4 && isMapped(socket)) {
    result = translateForward(program, socket, datapath.ipv4, MAPPED_WORD);
  }
  return result > 0 ? reject(socket, result) : SOCKET_PROCEED;
}

function reject(socket: SocketContext, error: number): number {
  socket.error = error;
  return SOCKET_REJECT;
}

/** Backend to service, for who receives or asks for the peer's name. */
function receive(program: ProgramInstance, socket: SocketContext, v6: boolean): number {
  const { datapath, features } = program;
  let result = NO_SERVICE;
  if (!v6) result = translateReverse(program, socket, datapath.ipv4, 0);
  else if (features.ipv6) result = translateReverse(program, socket, datapath.ipv6, 0);
  if (result === NO_SERVICE && v6 && features.ipv4 && isMapped(socket)) {
    translateReverse(program, socket, datapath.ipv4, MAPPED_WORD);
  }
  return SOCKET_PROCEED;
}

/** Nobody on the host may bind to what is a service's address: its clients would not arrive. */
function postBind(program: ProgramInstance, socket: SocketContext, v6: boolean): number {
  const { datapath, features } = program;
  if (!isSupported(socket.protocol) || !socket.isInHostNamespace) return SOCKET_PROCEED;
  let serviceAt = -1;
  if (!v6) serviceAt = lookupBound(program, socket, datapath.ipv4, 0);
  else if (features.ipv6) serviceAt = lookupBound(program, socket, datapath.ipv6, 0);
  if (serviceAt < 0 && v6 && features.ipv4 && isMapped(socket)) {
    serviceAt = lookupBound(program, socket, datapath.ipv4, MAPPED_WORD);
  }
  if (serviceAt < 0) return SOCKET_PROCEED;
  const flags = serviceFlags(datapath.flow, serviceAt);
  if ((flags & (services.NODEPORT | services.EXTERNAL_IP | services.LOADBALANCER)) === 0)
    return SOCKET_PROCEED;
  const isL7 = features.l7LoadBalancer && (flags & services.L7_LOADBALANCER) !== 0;
  if (isL7 || isL7Delegate(flags)) return SOCKET_PROCEED;
  return reject(socket, EADDRINUSE);
}

function lookupBound(program: ProgramInstance, socket: SocketContext, family: Family, at: number): number {
  return lookupBoundService(program, family, socket.address, at, socket.port, socket.protocol);
}

/** A health check says by its bind which backend it is about; to-netdev then sends it there through IPIP. */
function preBind(program: ProgramInstance, socket: SocketContext, v6: boolean): number {
  if (!isSupported(socket.protocol) || !socket.isInHostNamespace || socket.mark !== MARK_HEALTH) {
    return SOCKET_PROCEED;
  }
  const { datapath, features } = program;
  const asIpv4 = !v6 || (features.ipv4 && isMapped(socket));
  const family = asIpv4 ? datapath.ipv4 : datapath.ipv6;
  const first = v6 && asIpv4 ? MAPPED_WORD : 0;
  const key = datapath.keys.small;
  key[0] = socket.cookieLow;
  key[1] = socket.cookieHigh;
  const at = family.health.insert(key, 0, BPF_ANY);
  if (at < 0) return reject(socket, ENOBUFS);
  const words = family.health.words;
  const n = family.addressWords;
  for (let i = 0; i < n; i++) words[(at >> 2) + i] = socket.address[first + i];
  words[(at >> 2) + n] = backends.portAndProtocol(socket.port, socket.protocol);
  words[(at >> 2) + n + 1] = 0;
  socket.address.fill(0);
  socket.port = 0;
  return SOCKET_PROCEED;
}
