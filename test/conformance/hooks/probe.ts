/** A probe program: records what it sees, does what its vector says, returns the code. */
import { parseIpv4 } from '../../../src/engine/address-text.js';
import type { HookProgram } from '../../../src/engine/hooks/program.js';
import { type PacketContext, REDIRECT_NEIGHBOUR_SIZE } from '../../../src/engine/packet.js';
import { VectorError } from '../vector-format.js';
import type { EventRecorder } from './event-recorder.js';
import type { ProbeActions, RecordedProgram, RedirectTarget } from './hooks-format.js';

const AF_INET = 2;
/** The kernel ignores a queue mapping of 65535. */
const NO_QUEUE_MAPPING = 0xffff;

export interface ProbeSurroundings {
  readonly recorder: EventRecorder;
  /** Interface index of a device's name. */
  ifindex(name: string): number;
  /** The device map of the vectors: interface index by key. */
  readonly deviceMap: Int32Array;
}

export function makeProbe(
  recorded: RecordedProgram,
  name: string,
  at: string,
  surroundings: ProbeSurroundings,
): HookProgram {
  const { recorder } = surroundings;
  const isXdp = recorded.type === 'xdp';
  return {
    name,
    run: (packet) => {
      const event = isXdp ? recorder.xdpProgram(at, packet) : recorder.tcProgram(at, packet);
      if (recorded.do === undefined) return recorded.ret;
      const done = isXdp ? adjustXdp(packet, recorded.do) : changeSkb(packet, recorded.do, surroundings);
      if (done !== 0) event.action_ret = done;
      const redirected = redirect(packet, recorded.do, isXdp, surroundings);
      if (redirected === null) return recorded.ret;
      if (redirected !== 0) event.redirect_helper_ret = redirected;
      return recorded.do.keep_code === undefined ? redirected : recorded.ret;
    },
  };
}

/** Answers what the last action that failed answered, else 0. */
function changeSkb(packet: PacketContext, actions: ProbeActions, surroundings: ProbeSurroundings): number {
  if (actions.mark !== undefined) packet.mark = actions.mark | 0;
  if (actions.cb !== undefined) {
    packet.cb0 = actions.cb;
    packet.cb1 = actions.cb + 1;
    packet.cb2 = actions.cb + 2;
    packet.cb3 = actions.cb + 3;
    packet.cb4 = actions.cb + 4;
  }
  if (actions.tc_index !== undefined) packet.tcIndex = actions.tc_index & 0xffff;
  if (actions.queue_mapping !== undefined && actions.queue_mapping < NO_QUEUE_MAPPING) {
    packet.queueMapping = actions.queue_mapping;
  }
  if (actions.tc_classid !== undefined) packet.tcClassid = actions.tc_classid & 0xffff;
  if (actions.priority !== undefined) packet.priority = actions.priority | 0;
  if (actions.store_byte !== undefined) {
    packet.makeWritable();
    storeByte(packet, actions.store_byte);
  }
  let failed = 0;
  if (actions.vlan_push !== undefined) failed = packet.vlanPush(...actions.vlan_push) || failed;
  if (actions.vlan_pop !== undefined) failed = packet.vlanPop() || failed;
  if (actions.change_type !== undefined) failed = packet.changeType(actions.change_type) || failed;
  if (actions.clone_redirect !== undefined) {
    const target = actions.clone_redirect;
    packet.cloneRedirect(ifindexOf(target, surroundings), target.flags ?? 0);
  }
  return failed;
}

function adjustXdp(packet: PacketContext, actions: ProbeActions): number {
  let failed = 0;
  if (actions.meta !== undefined) {
    const [delta, value] = actions.meta;
    failed = packet.adjustMeta(delta);
    const at = packet.start - packet.metaLength;
    if (failed === 0 && packet.metaLength >= 4) packet.view.setUint32(at, value, true);
  }
  if (actions.adjust_head !== undefined) {
    failed = packet.adjustHead(actions.adjust_head) || failed;
    for (let i = 0; i < -actions.adjust_head; i++) packet.bytes[packet.start + i] = 0xa0 + i;
  }
  if (actions.store_byte !== undefined) storeByte(packet, actions.store_byte);
  return failed;
}

function storeByte(packet: PacketContext, [offset, value]: readonly [number, number]): void {
  if (offset < packet.length) packet.bytes[packet.start + offset] = value;
}

/** What the redirect helper answered; null when none was called. */
function redirect(
  packet: PacketContext,
  actions: ProbeActions,
  isXdp: boolean,
  surroundings: ProbeSurroundings,
): number | null {
  const { redirect: plain, redirect_peer: peer, redirect_neigh: neighbour, redirect_map: map } = actions;
  let result: number | null = null;
  if (plain !== undefined) {
    const ifindex = ifindexOf(plain, surroundings);
    result = isXdp
      ? packet.redirectXdp(ifindex, plain.flags ?? 0)
      : packet.redirect(ifindex, plain.flags ?? 0);
  }
  if (peer !== undefined) result = packet.redirectPeer(ifindexOf(peer, surroundings), peer.flags ?? 0);
  if (neighbour !== undefined) {
    const next = neighbour.nh === undefined ? null : nextHop(neighbour.nh);
    result = packet.redirectNeigh(ifindexOf(neighbour, surroundings), next, 0, neighbour.flags ?? 0);
  }
  if (map !== undefined) result = packet.redirectMap(surroundings.deviceMap, map.key ?? 0, map.flags ?? 0);
  return result;
}

/** `struct bpf_redir_neigh` for an IPv4 next hop. */
function nextHop(text: string): Uint8Array {
  const address = parseIpv4(text);
  if (address === null) throw new VectorError(`next hop ${text} is not an IPv4 address`);
  const next = new Uint8Array(REDIRECT_NEIGHBOUR_SIZE);
  next[0] = AF_INET;
  next.set(address, 4);
  return next;
}

function ifindexOf({ dev, ifindex }: RedirectTarget, surroundings: ProbeSurroundings): number {
  return dev === undefined ? (ifindex ?? 0) : surroundings.ifindex(dev);
}
