/**
 * Packet sockets (packet(7)) on interfaces that others own: every frame that the interface receives, and none of those
 * that it sends. Frames come with a `struct virtio_net_hdr`, without which a peer's unfinished checksums and merged
 * segments would go on as they are, and with PACKET_AUXDATA, which holds the VLAN tag that the kernel took out.
 */
import type { FrameArena } from '../../engine/frame-arena.js';
import { EPERM } from '../../engine/hooks/errno.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import { errorText } from './error-text.js';
import { InterfaceControl } from './interface-control.js';
import { type Libc, loadLibc } from './libc.js';
import { BAD_INPUT, LiveError, MISSING, missingCapability } from './live-error.js';
import {
  KERNEL_DROPS,
  type LivePort,
  NO_SLOT,
  PORT_DOWN,
  PORT_GONE,
  PORT_UP,
  type PortSpec,
  RECEIVED,
  RECEIVED_BYTES,
  TRUNCATED,
} from './live-port.js';
import { inNamespace } from './namespace.js';
import { PacketRing } from './packet-ring.js';
import { SocketPort } from './socket-port.js';
import { putTagBack } from './vlan-back.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** ETH_P_ALL in network order. */
const ALL_PROTOCOLS = 0x0300;
const ADDRESS_LENGTH = 20;

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const PACKET_VNET_HDR = 15;
const PACKET_FANOUT = 18;
const PACKET_IGNORE_OUTGOING = 23;
const PROMISCUOUS = 1;
/** By flow, the same for both directions (PACKET_FANOUT_HASH), fragments put together before. */
const FANOUT_MODE = 0 | 0x8000;

/** Room for frames that wait, in bytes as the kernel counts them: about 5,000 frames of 1,500. */
const BUFFER_BYTES = 16 << 20;

/** `struct tpacket_auxdata` behind its `struct cmsghdr`. */
const AUXDATA_LENGTH = 36;
const STATUS_AT = 16;
const VLAN_TCI_AT = 32;
const VLAN_TPID_AT = 34;
const STATUS_VLAN_VALID = 0x10;
const STATUS_VLAN_TPID_VALID = 0x40;

/** Opens a packet socket on an interface. Rejects with LiveError. */
export async function openAfPacket(spec: PortSpec): Promise<LivePort> {
  const port = `af-packet:${spec.name}`;
  const libc = await loadLibc(port);
  return inNamespace(libc, port, spec.namespace, () => {
    const control = new InterfaceControl(libc, port, spec.name);
    let fd = -1;
    let ring: PacketRing | null = null;
    try {
      const index = control.index();
      if (spec.mac !== undefined) control.setMac(spec.mac);
      if (spec.mtu !== undefined) control.setMtu(spec.mtu);
      if (spec.up === true) control.bringUp();
      fd = openSocket(libc, port);
      setOptions(libc, port, fd);
      if (spec.ring === true) ring = new PacketRing(libc, port, fd);
      listen(libc, port, fd, index, spec);
      return new AfPacketPort(spec, libc, fd, control, ring);
    } catch (error) {
      ring?.close();
      if (fd >= 0) libc.close(fd);
      control.close();
      throw error;
    }
  });
}

function openSocket(libc: Libc, port: string): number {
  // Protocol 0 receives nothing until the socket is bound to its interface.
  const fd = libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) return fd;
  const errno = libc.errno();
  if (errno === EPERM) throw missingCapability(port, 'CAP_NET_RAW', 'a packet socket');
  throw new LiveError(
    port,
    `packet socket: ${errorText(errno)}`,
    'CONFIG_PACKET is needed in the kernel',
    MISSING,
  );
}

function setOptions(libc: Libc, port: string, fd: number): void {
  const buffer = Int32Array.of(BUFFER_BYTES);
  // Without CAP_NET_ADMIN the socket keeps the buffers of net.core.rmem_default.
  libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer, 4);
  libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, buffer, 4);
  for (const option of [PACKET_VNET_HDR, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING]) {
    setOption(libc, port, fd, option, Int32Array.of(1));
  }
}

function setOption(libc: Libc, port: string, fd: number, option: number, value: Int32Array): void {
  if (libc.setsockopt(fd, SOL_PACKET, option, value, value.byteLength) >= 0) return;
  const fault = `packet socket option ${option}: ${errorText(libc.errno())}`;
  throw new LiveError(port, fault, 'Linux 4.20 is needed', MISSING);
}

/** From here on frames come. */
function listen(libc: Libc, port: string, fd: number, index: number, spec: PortSpec): void {
  bindSocket(libc, port, fd, index);
  if (spec.promiscuous ?? true) {
    setOption(libc, port, fd, PACKET_ADD_MEMBERSHIP, Int32Array.of(index, PROMISCUOUS, 0, 0));
  }
  if (spec.fanout !== undefined) {
    const group = Int32Array.of((spec.fanout & 0xffff) | (FANOUT_MODE << 16));
    setOption(libc, port, fd, PACKET_FANOUT, group);
  }
}

function bindSocket(libc: Libc, port: string, fd: number, index: number): void {
  const address = new Uint8Array(ADDRESS_LENGTH);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ALL_PROTOCOLS, true);
  view.setInt32(4, index, true);
  if (libc.bind(fd, address, ADDRESS_LENGTH) >= 0) return;
  throw new LiveError(port, `cannot be listened to: ${errorText(libc.errno())}`, 'see: ip link', BAD_INPUT);
}

class AfPacketPort extends SocketPort implements LivePort {
  readonly #control: InterfaceControl;
  readonly #ring: PacketRing | null;
  readonly #statistics = new Int32Array(3);
  readonly #statisticsLength = new Int32Array(1);

  constructor(spec: PortSpec, libc: Libc, fd: number, control: InterfaceControl, ring: PacketRing | null) {
    super(spec, libc, fd, spec.offloads ?? true, true);
    this.#control = control;
    this.#ring = ring;
    this.refresh();
  }

  override receive(arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    const ring = this.#ring;
    if (ring === null || this.state === PORT_GONE) return super.receive(arena, handles, at, limit);
    const count = ring.receive(arena, handles, at, limit);
    const { counters } = this;
    let bytes = 0;
    for (let i = at; i < at + count; i++) bytes += arena.length[handles[i]];
    counters[RECEIVED] += count;
    counters[RECEIVED_BYTES] += bytes;
    counters[TRUNCATED] = ring.cut;
    if (ring.wasFull) counters[NO_SLOT]++;
    return count;
  }

  protected override arm(i: number): void {
    this.incoming.wantControl(i);
  }

  protected override accept(arena: FrameArena, handle: number, i: number): boolean {
    if (this.incoming.controlLength(i) >= AUXDATA_LENGTH) {
      const { bytes } = this.incoming;
      const at = this.incoming.controlAt(i);
      const status = bytes[at + STATUS_AT];
      if ((status & STATUS_VLAN_VALID) !== 0) {
        const tci = bytes[at + VLAN_TCI_AT] | (bytes[at + VLAN_TCI_AT + 1] << 8);
        const tpid = bytes[at + VLAN_TPID_AT] | (bytes[at + VLAN_TPID_AT + 1] << 8);
        putTagBack(arena, handle, tci, (status & STATUS_VLAN_TPID_VALID) !== 0 ? tpid : ethernet.TYPE_VLAN);
      }
    }
    return true;
  }

  override refresh(): void {
    if (this.state === PORT_GONE) return;
    this.#askSocket();
    const isUp = this.#control.isUp();
    this.state = isUp === null ? PORT_GONE : isUp ? PORT_UP : PORT_DOWN;
    if (isUp === null) return;
    this.mtu = this.#control.mtu();
    this.#control.readMac(this.mac);
  }

  override close(): void {
    if (this.fd >= 0) this.#ring?.close();
    super.close();
    this.#control.close();
  }

  /** Frames lost since the last time: the kernel forgets what it has told. */
  #askSocket(): void {
    const statistics = this.#statistics;
    const length = this.#statisticsLength;
    // An error that the interface left, which poll(2) reports until somebody asks for it.
    length[0] = 4;
    this.libc.getsockopt(this.fd, SOL_SOCKET, SO_ERROR, statistics, length);
    length[0] = statistics.byteLength;
    if (this.libc.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, statistics, length) < 0) return;
    this.counters[KERNEL_DROPS] += statistics[1] >>> 0;
  }
}
