/**
 * The context of the packet that a program is working on: what `struct __sk_buff` / `struct xdp_md` and the
 * helpers that act on them are in the kernel. One context is reused for every packet of a run; all fields are
 * int32 numbers, so nothing is allocated per packet.
 */
import { TC_ACT_REDIRECT } from './hooks/verdict.js';

/** `redirectKind` after a redirect helper ran. */
export const REDIRECT_NONE = 0;
export const REDIRECT_DEVICE = 1;
export const REDIRECT_PEER = 2;
export const REDIRECT_NEIGHBOUR = 3;

/** Flag of `redirect`: into the device's ingress instead of out of it. */
export const BPF_F_INGRESS = 1;

/** Sizes of the structures that helpers take. */
export const TUNNEL_KEY_SIZE = 44;
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
   * 1 when the frame came in longer than its device's MTU: receive or send offload had merged its segments, so MTU
   * checks, which go by segment, let it pass (as the kernel's for a GSO packet).
   */
  merged = 0;

  redirectKind = REDIRECT_NONE;
  redirectIfindex = 0;
  redirectFlags = 0;
  /** `struct bpf_redir_neigh` of the last redirect_neigh; its length is 0 when none was given. */
  readonly redirectNeighbour = new Uint8Array(REDIRECT_NEIGHBOUR_SIZE);
  redirectNeighbourLength = 0;

  /** `struct bpf_tunnel_key` to send with, valid when `tunnelKeySize` > 0. */
  readonly tunnelKey = new Uint8Array(TUNNEL_KEY_SIZE);
  tunnelKeySize = 0;
  tunnelKeyFlags = 0;
  readonly tunnelOption = new Uint8Array(256);
  tunnelOptionLength = 0;

  /** What the packet arrived with at a tunnel device; `receivedKeyResult` < 0 when there is none. */
  readonly receivedKey = new Uint8Array(TUNNEL_KEY_SIZE);
  receivedKeyResult = -22;
  receivedKeyIsV6 = 0;
  readonly receivedOption = new Uint8Array(256);
  receivedOptionResult = -2;

  recorder: HelperRecorder | null = null;

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

  /** bpf_redirect: always answers TC_ACT_REDIRECT. */
  redirect(ifindex: number, flags: number): number {
    this.redirectKind = REDIRECT_DEVICE;
    this.redirectIfindex = ifindex;
    this.redirectFlags = flags;
    if (this.recorder !== null) this.recorder.redirect(REDIRECT_DEVICE, ifindex, flags, null);
    return TC_ACT_REDIRECT;
  }

  /** bpf_redirect_peer: into the ingress of the device's peer, in the peer's namespace. */
  redirectPeer(ifindex: number, flags: number): number {
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

  /** bpf_skb_change_type. */
  changeType(type: number): void {
    this.packetType = type;
    if (this.recorder !== null) this.recorder.changeType(type);
  }

  /**
   * Opens a gap of `length` bytes at `offset` bytes into the frame: what is before the gap moves into the
   * headroom. The gap's content is undefined. False when the slot has no room. Voids every offset taken before.
   */
  insertAt(offset: number, length: number): boolean {
    const start = this.start - length;
    if (start < this.headLimit) return false;
    this.bytes.copyWithin(start, this.start, this.start + offset);
    this.start = start;
    return true;
  }

  /** Removes `length` bytes at `offset` bytes into the frame. Voids every offset taken before. */
  removeAt(offset: number, length: number): boolean {
    if (offset + length > this.end - this.start) return false;
    this.bytes.copyWithin(this.start + length, this.start, this.start + offset);
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
