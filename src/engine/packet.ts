/**
 * The context of the packet that a program is working on: what `struct __sk_buff` / `struct xdp_md` and the
 * helpers that act on them are in the kernel. One context is reused for every packet of a run; all fields are
 * int32 numbers, so nothing is allocated per packet.
 */
import type { Device } from './device.js';
import { EACCES, EINVAL } from './hooks/errno.js';
import { TC_ACT_REDIRECT, TC_ACT_SHOT, XDP_ABORTED, XDP_REDIRECT } from './hooks/verdict.js';
import * as tunnelKey from './tunnel-key.js';
import * as tag from './vlan-tag.js';
import { i32le } from './wire/bytes.js';
import * as ethernet from './wire/ethernet.js';

/** `redirectKind` after a redirect helper ran. */
export const REDIRECT_NONE = 0;
export const REDIRECT_DEVICE = 1;
export const REDIRECT_PEER = 2;
export const REDIRECT_NEIGHBOUR = 3;
/** By an XDP program, whose frame has no skb. */
const REDIRECT_XDP = 4;

/** Flag of `redirect`: into the device's ingress instead of out of it. */
export const BPF_F_INGRESS = 1;

/** The largest packet type that a program may set, PACKET_OTHERHOST. */
const LAST_PACKET_TYPE = 3;

/** Room in front of a frame that an XDP program may grow into, of which the kernel keeps some for itself. */
const XDP_HEADROOM = 256;
const XDP_FRAME_SIZE = 40;
/** Metadata comes in words, 252 bytes at most (its length is kept in one byte). */
const METADATA_WORD = 4;
const METADATA_LIMIT = 255;
/** What a missing entry of a device map makes of redirect_map: one of the XDP codes up to TX. */
const MAP_ACTION_MASK = 3;

/** Sizes of the structures that helpers take. */
export const REDIRECT_NEIGHBOUR_SIZE = 20;
export const FIB_PARAMS_SIZE = 64;

/** Sees each helper call in order; for conformance and traces. Null in a plain run. */
export interface HelperRecorder {
  redirect(kind: number, ifindex: number, flags: number, neighbour: Uint8Array | null): void;
  fibLookup(params: Uint8Array, flags: number): void;
  setTunnelKey(key: Uint8Array, size: number, flags: number): void;
  setTunnelOption(option: Uint8Array, length: number): void;
  changeType(type: number): void;
  tailCall(map: string, index: number): void;
}

/** Does what a helper asks for that takes more than the packet; the walker. */
export interface PacketHost {
  /** bpf_clone_redirect: a copy goes on its way, the packet stays. 0 or a negative error number. */
  cloneRedirect(packet: PacketContext, ifindex: number, flags: number): number;
  /** The tc action mirred: sends the packet, or with `mirror` a copy, to a device. Answers a TC_ACT_ code. */
  mirred(
    packet: PacketContext,
    target: Device,
    atIngress: boolean,
    toIngress: boolean,
    mirror: boolean,
  ): number;
  /** Netfilter's fwd, or with `duplicate` dup: out of a device of the netdev family. Answers an NF_ code. */
  forward(packet: PacketContext, ifindex: number, duplicate: boolean): number;
}

export class PacketContext {
  /**
   * Memory that holds the frame; the frame is `bytes[start .. end)`. `view` is the same memory, for words on the
   * hot path: one DataView read is a fifth of the machine code of four byte reads, and what limits a walk is how
   * much of its code fits the instruction cache.
   */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  start = 0;
  end = 0;
  /** Limits that `start` and `end` may move to (the slot). */
  headLimit = 0;
  tailLimit = 0;

  mark = 0;
  cb0 = 0;
  cb1 = 0;
  cb2 = 0;
  cb3 = 0;
  cb4 = 0;
  ifindex = 0;
  ingressIfindex = 0;
  tcIndex = 0;
  tcClassid = 0;
  queueMapping = 0;
  priority = 0;
  /** Earliest departure (`skb->tstamp` of EDT), monotonic ns; 0 means at once. */
  departureNs = 0;
  hash = 0;
  /** EtherType in host order (0x0800), from the frame when it came in, or given for a device without link header. */
  protocol = 0;
  vlanPresent = 0;
  vlanTci = 0;
  /** 0x8100 or 0x88a8 when a tag is present. */
  vlanProtocol = 0;
  packetType = 0;
  /** 1 when the frame starts at the IP header (WireGuard and other L3 devices). */
  layer3Device = 0;
  /** XDP: bytes of metadata in front of the frame. tc: what XDP left there, `xdpMeta` its first word. */
  metaLength = 0;
  xdpMeta = 0;
  /** The drop reason that a program gave (positive), 0 for none; of its own numbering. */
  dropReason = 0;
  /** Socket cookie of a locally sent packet, low word. */
  socketCookie = 0;
  /**
   * 1 when the frame came in longer than its device's MTU, or is several segments by what it owes: receive or send
   * offload had merged them, so MTU checks, which go by segment, let it pass (as the kernel's for a GSO packet).
   */
  merged = 0;
  /** 1 while somebody else holds the frame's bytes, too (a packet socket): a write takes a copy first. */
  cloned = 0;
  /** 1 between a tc redirect and the next stack: generic XDP lets the frame pass. */
  redirected = 0;
  /** 1 for a frame on its way out by tc redirect: netfilter egress lets it pass. */
  skipNetfilterEgress = 0;
  /** 1 for a frame on its way from one driver to another, which has no skb and so none of the fields above. */
  bareFrame = 0;
  /** Where `start`, less the metadata, may not go below in an XDP program. */
  xdpHeadLimit = 0;

  redirectKind = REDIRECT_NONE;
  redirectIfindex = 0;
  redirectFlags = 0;
  /** `struct bpf_redir_neigh` of the last redirect_neigh; its length is 0 when none was given. */
  readonly redirectNeighbour = new Uint8Array(REDIRECT_NEIGHBOUR_SIZE);
  redirectNeighbourLength = 0;

  /** `struct bpf_tunnel_key` to send with, valid when `tunnelKeySize` > 0. */
  readonly tunnelKey = new Uint8Array(tunnelKey.SIZE);
  tunnelKeySize = 0;
  tunnelKeyFlags = 0;
  readonly tunnelOption = new Uint8Array(256);
  tunnelOptionLength = 0;

  /** What the packet arrived with at a tunnel device; `receivedKeyResult` < 0 when there is none. */
  readonly receivedKey = new Uint8Array(tunnelKey.SIZE);
  receivedKeyResult = -22;
  receivedKeyIsV6 = 0;
  readonly receivedOption = new Uint8Array(256);
  receivedOptionResult = -2;

  recorder: HelperRecorder | null = null;
  host: PacketHost | null = null;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Puts the context on a frame; everything that belongs to the packet's former life is cleared. */
  reset(start: number, end: number, headLimit: number, tailLimit: number): void {
    this.start = start;
    this.end = end;
    this.headLimit = headLimit;
    this.tailLimit = tailLimit;
    this.mark = 0;
    this.clearControlBlock();
    this.ifindex = 0;
    this.ingressIfindex = 0;
    this.tcIndex = 0;
    this.tcClassid = 0;
    this.queueMapping = 0;
    this.priority = 0;
    this.departureNs = 0;
    this.hash = 0;
    this.protocol = 0;
    this.vlanPresent = 0;
    this.vlanTci = 0;
    this.vlanProtocol = 0;
    this.packetType = 0;
    this.layer3Device = 0;
    this.metaLength = 0;
    this.xdpMeta = 0;
    this.dropReason = 0;
    this.socketCookie = 0;
    this.merged = 0;
    this.cloned = 0;
    this.redirected = 0;
    this.skipNetfilterEgress = 0;
    this.bareFrame = 0;
    this.redirectKind = REDIRECT_NONE;
    this.tunnelKeySize = 0;
    this.tunnelOptionLength = 0;
    this.receivedKeyResult = -22;
    this.receivedOptionResult = -2;
  }

  clearControlBlock(): void {
    this.cb0 = 0;
    this.cb1 = 0;
    this.cb2 = 0;
    this.cb3 = 0;
    this.cb4 = 0;
  }

  /** Makes this the context of a copy of another's frame, which lies in a slot of its own. */
  copyFrom(other: PacketContext, start: number, headLimit: number, tailLimit: number): void {
    this.headLimit = headLimit;
    this.tailLimit = tailLimit;
    this.takeFields(other, start);
    this.bytes.copyWithin(start - this.metaLength, other.start - this.metaLength, other.end);
  }

  /** All that is known of another packet, for its frame from `start` on in this memory; `other` may be in another one. */
  takeFields(other: PacketContext, start: number): void {
    this.reset(start, start + other.length, this.headLimit, this.tailLimit);
    this.mark = other.mark;
    this.cb0 = other.cb0;
    this.cb1 = other.cb1;
    this.cb2 = other.cb2;
    this.cb3 = other.cb3;
    this.cb4 = other.cb4;
    this.ifindex = other.ifindex;
    this.ingressIfindex = other.ingressIfindex;
    this.tcIndex = other.tcIndex;
    this.tcClassid = other.tcClassid;
    this.queueMapping = other.queueMapping;
    this.priority = other.priority;
    this.departureNs = other.departureNs;
    this.hash = other.hash;
    this.protocol = other.protocol;
    this.vlanPresent = other.vlanPresent;
    this.vlanTci = other.vlanTci;
    this.vlanProtocol = other.vlanProtocol;
    this.packetType = other.packetType;
    this.layer3Device = other.layer3Device;
    this.metaLength = other.metaLength;
    this.xdpMeta = other.xdpMeta;
    this.socketCookie = other.socketCookie;
    this.merged = other.merged;
    this.cloned = other.cloned;
    this.redirected = other.redirected;
    this.skipNetfilterEgress = other.skipNetfilterEgress;
    this.tunnelKey.set(other.tunnelKey);
    this.tunnelKeySize = other.tunnelKeySize;
    this.tunnelKeyFlags = other.tunnelKeyFlags;
    this.tunnelOption.set(other.tunnelOption);
    this.tunnelOptionLength = other.tunnelOptionLength;
  }

  /** The frame leaves its skb behind: on a wire, or from driver to driver. XDP's metadata goes with it. */
  becomeFrame(): void {
    const { metaLength, merged } = this;
    this.reset(this.start, this.end, this.headLimit, this.tailLimit);
    this.metaLength = metaLength;
    this.merged = merged;
  }

  /** Takes over what a redirect helper has said: programs share it until a redirect uses it up. */
  takeRedirect(other: PacketContext): void {
    this.redirectKind = other.redirectKind;
    this.redirectIfindex = other.redirectIfindex;
    this.redirectFlags = other.redirectFlags;
    this.redirectNeighbour.set(other.redirectNeighbour);
    this.redirectNeighbourLength = other.redirectNeighbourLength;
  }

  /** Before the frame's bytes are changed: a shared frame is copied, and XDP's metadata stays with the old one. */
  makeWritable(): void {
    if (this.cloned !== 0) this.unshare();
  }

  /** The frame's bytes are its own from here on (pskb_expand_head, which leaves the metadata behind). */
  unshare(): void {
    this.cloned = 0;
    this.metaLength = 0;
    this.xdpMeta = 0;
  }

  /** bpf_redirect: answers TC_ACT_REDIRECT, or SHOT for flags that are not known. */
  redirect(ifindex: number, flags: number): number {
    if ((flags & ~BPF_F_INGRESS) !== 0) return TC_ACT_SHOT;
    this.redirectKind = REDIRECT_DEVICE;
    this.redirectIfindex = ifindex;
    this.redirectFlags = flags;
    if (this.recorder !== null) this.recorder.redirect(REDIRECT_DEVICE, ifindex, flags, null);
    return TC_ACT_REDIRECT;
  }

  /** bpf_redirect_peer: into the ingress of the device's peer, in the peer's namespace. */
  redirectPeer(ifindex: number, flags: number): number {
    if (flags !== 0) return TC_ACT_SHOT;
    this.redirectKind = REDIRECT_PEER;
    this.redirectIfindex = ifindex;
    this.redirectFlags = flags;
    if (this.recorder !== null) this.recorder.redirect(REDIRECT_PEER, ifindex, flags, null);
    return TC_ACT_REDIRECT;
  }

  /**
   * bpf_redirect_neigh: out of the device, link addresses from its neighbour table. With `next` the 20 bytes at
   * `nextAt` are a `struct bpf_redir_neigh`; with null the packet's own destination is the next hop.
   */
  redirectNeigh(ifindex: number, next: Uint8Array | null, nextAt: number, flags: number): number {
    if (flags !== 0) return TC_ACT_SHOT;
    this.redirectKind = REDIRECT_NEIGHBOUR;
    this.redirectIfindex = ifindex;
    this.redirectFlags = flags;
    this.redirectNeighbourLength = 0;
    if (next !== null) {
      for (let i = 0; i < REDIRECT_NEIGHBOUR_SIZE; i++) this.redirectNeighbour[i] = next[nextAt + i];
      this.redirectNeighbourLength = REDIRECT_NEIGHBOUR_SIZE;
    }
    if (this.recorder !== null) {
      this.recorder.redirect(
        REDIRECT_NEIGHBOUR,
        ifindex,
        flags,
        next === null ? null : this.redirectNeighbour,
      );
    }
    return TC_ACT_REDIRECT;
  }

  /** bpf_redirect of an XDP program: XDP_REDIRECT, or ABORTED when there are flags. */
  redirectXdp(ifindex: number, flags: number): number {
    if (flags !== 0) return XDP_ABORTED;
    this.redirectKind = REDIRECT_XDP;
    this.redirectIfindex = ifindex;
    this.redirectFlags = 0;
    return XDP_REDIRECT;
  }

  /**
   * bpf_redirect_map with a device map, given as interface indexes by key (0 for none). A key without device answers
   * the XDP code in the flags.
   */
  redirectMap(devices: Int32Array, key: number, flags: number): number {
    if ((flags & ~MAP_ACTION_MASK) !== 0) return XDP_ABORTED;
    const ifindex = key >>> 0 < devices.length ? devices[key] : 0;
    if (ifindex !== 0) return this.redirectXdp(ifindex, 0);
    this.redirectKind = REDIRECT_NONE;
    return flags & MAP_ACTION_MASK;
  }

  /** bpf_clone_redirect: sends a copy; answers 0 or a negative error number. */
  cloneRedirect(ifindex: number, flags: number): number {
    return this.host === null ? -EINVAL : this.host.cloneRedirect(this, ifindex, flags);
  }

  /** bpf_skb_set_tunnel_key; the caller has filled `tunnelKey`. */
  setTunnelKey(size: number, flags: number): void {
    this.tunnelKeySize = size;
    this.tunnelKeyFlags = flags;
    if (this.recorder !== null) this.recorder.setTunnelKey(this.tunnelKey, size, flags);
  }

  /** bpf_skb_set_tunnel_opt; the caller has filled `tunnelOption`. */
  setTunnelOption(length: number): void {
    this.tunnelOptionLength = length;
    if (this.recorder !== null) this.recorder.setTunnelOption(this.tunnelOption, length);
  }

  /** bpf_skb_change_type: 0, or -EINVAL for a type that is none of HOST to OTHERHOST. */
  changeType(type: number): number {
    if (type >>> 0 > LAST_PACKET_TYPE || this.packetType > LAST_PACKET_TYPE) return -EINVAL;
    this.packetType = type;
    if (this.recorder !== null) this.recorder.changeType(type);
    return 0;
  }

  /**
   * bpf_skb_vlan_push: a tag that the packet has already goes into the frame. A type that is none of a tag's is taken
   * as 0x8100. Voids every offset taken before. 0 or -EINVAL.
   */
  vlanPush(protocol: number, tci: number): number {
    const type = protocol === ethernet.TYPE_QINQ ? protocol : ethernet.TYPE_VLAN;
    if (this.vlanPresent !== 0) {
      const outer = this.vlanProtocol;
      if (!tag.insertVlanTag(this)) return -EINVAL;
      this.protocol = outer;
    }
    this.vlanPresent = 1;
    this.vlanProtocol = type;
    this.vlanTci = tci & 0xffff;
    return 0;
  }

  /** bpf_skb_vlan_pop: takes the outer tag off; the next one in the frame takes its place. 0 or -EINVAL. */
  vlanPop(): number {
    if (this.vlanPresent !== 0) this.vlanPresent = 0;
    else {
      if (!ethernet.isTag(this.protocol)) return 0;
      if (!tag.takeVlanTag(this)) return -EINVAL;
      this.vlanPresent = 0;
    }
    return ethernet.isTag(this.protocol) && !tag.takeVlanTag(this) ? -EINVAL : 0;
  }

  /** Before an XDP program: how much room is in front of the frame. */
  enterXdp(): void {
    this.xdpHeadLimit = Math.max(this.start - XDP_HEADROOM + XDP_FRAME_SIZE, this.headLimit);
  }

  /** bpf_xdp_adjust_meta: moves where the metadata begins; it lies right in front of the frame. 0 or an error. */
  adjustMeta(delta: number): number {
    const length = this.metaLength - delta;
    if (length < 0 || this.start - length < this.xdpHeadLimit) return -EINVAL;
    if (length % METADATA_WORD !== 0 || length > METADATA_LIMIT) return -EACCES;
    this.metaLength = length;
    return 0;
  }

  /** bpf_xdp_adjust_head: moves where the frame begins, metadata with it. Voids offsets. 0 or -EINVAL. */
  adjustHead(delta: number): number {
    const start = this.start + delta;
    const length = this.metaLength;
    if (start - length < this.xdpHeadLimit || start > this.end - ethernet.HEADER_LENGTH) return -EINVAL;
    if (length !== 0) this.bytes.copyWithin(start - length, this.start - length, this.start);
    this.start = start;
    return 0;
  }

  /** What XDP left in front of the frame as tc programs see it. */
  leaveXdp(): void {
    this.xdpMeta = this.metaLength === 0 ? 0 : i32le(this.bytes, this.start - this.metaLength);
  }

  /**
   * Opens a gap of `length` bytes at `offset` bytes into the frame: what is before the gap moves into the
   * headroom. The gap's content is undefined. False when the slot has no room. Voids every offset taken before.
   */
  insertAt(offset: number, length: number): boolean {
    const start = this.start - length;
    const metaLength = this.metaLength;
    if (start - metaLength < this.headLimit) return false;
    this.bytes.copyWithin(start - metaLength, this.start - metaLength, this.start + offset);
    this.start = start;
    return true;
  }

  /** Removes `length` bytes at `offset` bytes into the frame. Voids every offset taken before. */
  removeAt(offset: number, length: number): boolean {
    if (offset + length > this.end - this.start) return false;
    const metaStart = this.start - this.metaLength;
    this.bytes.copyWithin(metaStart + length, metaStart, this.start + offset);
    this.start += length;
    return true;
  }

  /** Cuts the frame to `length` bytes or extends it with zero bytes at its end. */
  resize(length: number): boolean {
    const end = this.start + length;
    if (length < 0 || end > this.tailLimit) return false;
    if (end > this.end) this.bytes.fill(0, this.end, end);
    this.end = end;
    return true;
  }
}
