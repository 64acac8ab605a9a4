/** Bandwidth manager: pacing of what pods send by earliest departure times, policing of what they receive. */
import type { PacketContext } from '../../engine/packet.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { EGRESS } from '../constants.js';
import { DROP_EDT_HORIZON } from '../drop-reasons.js';
import type { ProgramInstance } from '../instance.js';
import * as throttle from '../tables/throttle.js';
import { readU64, writeU64 } from '../tables/u64.js';
import { etherType } from './headers.js';

const NS_PER_SECOND = 1e9;

/** Offset of an endpoint's limit, -1 for none. */
function lookupLimit(program: ProgramInstance, endpointId: number, direction: number): number {
  const key = program.datapath.keys.small;
  key[0] = endpointId;
  key[1] = direction;
  return program.datapath.throttle.lookup(key, 0);
}

/**
 * Paces what leaves, IP packets only. False when the packet would have to wait too long: it is dropped without an
 * event, only counted.
 */
export function isPaced(program: ProgramInstance, packet: PacketContext): boolean {
  const type = etherType(packet);
  if (type !== ethernet.TYPE_IPV4 && type !== ethernet.TYPE_IPV6) return true;
  const error = scheduleDeparture(program, packet);
  if (error < 0) program.datapath.metrics.count(-error, EGRESS, packet.length);
  return error >= 0;
}

/**
 * Sets when the packet may leave, by the limit of the pod that sent it (its id is the queue mapping, which is reset).
 * The device's queue does the waiting. 0, or DROP_EDT_HORIZON when it would have to wait too long.
 */
function scheduleDeparture(program: ProgramInstance, packet: PacketContext): number {
  const endpointId = packet.queueMapping;
  packet.queueMapping = 0;
  if (endpointId === 0) return 0;
  const at = lookupLimit(program, endpointId, throttle.DIRECTION_EGRESS);
  if (at < 0) return 0;
  const words = program.datapath.throttle.words;
  const word = at >> 2;
  const bytesPerSecond = readU64(words, word + throttle.BYTES_PER_SECOND);
  if (bytesPerSecond > 0) {
    const now = program.datapath.clock.nowNs;
    const earliest = packet.departureNs < now ? now : packet.departureNs;
    const delay = Math.floor((packet.length * NS_PER_SECOND) / bytesPerSecond);
    const next = readU64(words, word + throttle.LAST_NS) + delay;
    if (next <= earliest) {
      writeU64(words, word + throttle.LAST_NS, earliest);
      return 0;
    }
    if (next - now >= readU64(words, word + throttle.HORIZON_NS)) return DROP_EDT_HORIZON;
    writeU64(words, word + throttle.LAST_NS, next);
    packet.departureNs = next;
  }
  const priority = words[word + throttle.PRIORITY];
  if (priority !== 0) packet.priority = priority - 1;
  return 0;
}

/**
 * Takes the packet's bytes from the bucket of the pod that receives it; a second's worth is the most it holds. False
 * when there are not enough. Products beyond 2^53 are inexact by less than a byte, or capped anyway.
 */
export function policeArrival(program: ProgramInstance, packet: PacketContext, endpointId: number): boolean {
  const at = lookupLimit(program, endpointId, throttle.DIRECTION_INGRESS);
  if (at < 0) return true;
  const words = program.datapath.throttle.words;
  const word = at >> 2;
  const now = program.datapath.clock.nowNs;
  const bytesPerSecond = readU64(words, word + throttle.BYTES_PER_SECOND);
  const elapsed = now - readU64(words, word + throttle.LAST_NS);
  const added = Math.floor((bytesPerSecond * elapsed) / NS_PER_SECOND);
  let tokens = readU64(words, word + throttle.TOKENS) + added;
  if (tokens > bytesPerSecond) tokens = bytesPerSecond;
  const enough = tokens >= packet.length;
  if (enough) tokens -= packet.length;
  writeU64(words, word + throttle.LAST_NS, now);
  writeU64(words, word + throttle.TOKENS, tokens);
  return enough;
}
