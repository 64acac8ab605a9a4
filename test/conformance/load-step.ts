/** A packet as a recorded step has it: what stood in its context, and what the kernel had said of it. */
import type { PacketContext } from '../../src/engine/packet.js';
import * as tunnelKey from '../../src/engine/tunnel-key.js';
import type { ObjectKind } from '../../src/programs/instance.js';
import type { Step, TunnelAnswer } from './vector-format.js';

const EINVAL = -22;
const ENOENT = -2;

/** Fills the context of a packet that was just put on its frame. */
export function loadStep(packet: PacketContext, { ctx, tunnel, socketCookie }: Step, kind: ObjectKind): void {
  packet.mark = (ctx.mark ?? 0) | 0;
  packet.cb0 = (ctx.cb?.[0] ?? 0) | 0;
  packet.cb1 = (ctx.cb?.[1] ?? 0) | 0;
  packet.cb2 = (ctx.cb?.[2] ?? 0) | 0;
  packet.cb3 = (ctx.cb?.[3] ?? 0) | 0;
  packet.cb4 = (ctx.cb?.[4] ?? 0) | 0;
  packet.tcIndex = (ctx.tc_index ?? 0) | 0;
  packet.vlanPresent = ctx.vlan_tci === undefined ? 0 : 1;
  packet.vlanTci = ctx.vlan_tci ?? 0;
  if (kind === 'xdp') {
    packet.ifindex = ctx.ifindex || 1;
    packet.ingressIfindex = packet.ifindex;
  } else {
    packet.ifindex = ctx.ifindex;
    packet.ingressIfindex = ctx.ingress_ifindex ?? 0;
  }
  packet.layer3Device = kind === 'wireguard' || ctx.l2 === false ? 1 : 0;
  packet.protocol =
    ctx.protocol !== undefined
      ? Number.parseInt(ctx.protocol, 16)
      : packet.layer3Device === 1
        ? protocolOfVersion(packet)
        : protocolOfEthernet(packet);
  if (socketCookie !== undefined) packet.socketCookie = Buffer.from(socketCookie, 'hex').readInt32LE(0);
  loadTunnel(packet, tunnel);
}

function loadTunnel(packet: PacketContext, tunnel: TunnelAnswer | undefined): void {
  if (tunnel === undefined) {
    packet.receivedKeyResult = EINVAL;
    packet.receivedOptionResult = EINVAL;
    return;
  }
  packet.receivedKeyResult = tunnel.ret;
  packet.receivedKeyIsV6 = Number(tunnel.v6 ?? 0);
  packet.receivedKey.fill(0);
  packet.receivedKey.set(Buffer.from(tunnel.key ?? '', 'hex').subarray(0, tunnelKey.SIZE));
  const option = Buffer.from(tunnel.opt ?? '', 'hex');
  packet.receivedOption.fill(0);
  packet.receivedOption.set(option);
  packet.receivedOptionResult = tunnel.optRet ?? (tunnel.opt === undefined ? ENOENT : option.length);
}

/** `skb->protocol` as eth_type_trans sets it: below 0x600 the type is a length (802.3, or 802.2 behind it). */
function protocolOfEthernet({ view, start, length }: PacketContext): number {
  if (length < 14) return 0;
  const type = view.getUint16(start + 12);
  if (type >= 0x600) return type;
  const raw802_3 = length >= 16 && view.getUint16(start + 14) === 0xffff;
  return raw802_3 ? 0x0001 : 0x0004;
}

/** Of a frame without link header. A version above 6 was recorded as IPv6, which shows in W-wireguard/bad-headers. */
function protocolOfVersion({ bytes, start, length }: PacketContext): number {
  const version = length === 0 ? 0 : bytes[start] >> 4;
  return version === 4 ? 0x0800 : version >= 6 ? 0x86dd : 0;
}
