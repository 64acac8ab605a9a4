/**
 * Packet sockets (packet(7)) on interfaces that others own: every frame that the interface receives, and none of those
 * that it sends. Frames come with a `struct virtio_net_hdr`, without which a peer's unfinished checksums and merged
 * segments would go on as they are, and with PACKET_AUXDATA, which holds the VLAN tag that the kernel took out.
 */
import type { FrameArena } from '../../engine/frame-arena.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as vlan from '../../engine/wire/vlan.js';
import { InterfaceControl } from './interface-control.js';
import { type Libc, loadLibc } from './libc.js';
import { BAD_INPUT, EPERM, errorText, LiveError, MISSING, missingCapability } from './live-error.js';
import { KERNEL_DROPS, type LivePort, PORT_DOWN, PORT_GONE, PORT_UP, type PortSpec } from './live-port.js';
import { inNamespace } from './namespace.js';
import { SocketPort } from './socket-port.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** ETH_P_ALL in network order. */
const ALL_PROTOCOLS = 0x0300;
const ADDRESS_LENGTH = 20;

const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const PACKET_VNET_HDR = 15;
const PACKET_FANOUT = 18;
const PACKET_IGNORE_OUTGOING = 23;
const MEMBERSHIP_LENGTH = 16;
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
    try {
      const index = control.index();
      if (spec.mac !== undefined) control.setMac(spec.mac);
      if (spec.mtu !== undefined) control.setMtu(spec.mtu);
      if (spec.up === true) control.bringUp();
      fd = openSocket(libc, port);
      setUpSocket(libc, port, fd, index, spec);
      return new AfPacketPort(spec, libc, fd, control);
    } catch (error) {
      if (fd >= 0) libc.close(fd);
      control.close();
      throw error;
    }
  });
}

export function openSocket(libc: Libc, port: string): number {
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

/** Options and binding that sockets with and without a ring share; a ring is set up before. */
export function setUpSocket(libc: Libc, port: string, fd: number, index: number, spec: PortSpec): void {
  const set = (level: number, option: number, ...words: number[]): void => {
    const value = Int32Array.from(words);
    if (libc.setsockopt(fd, level, option, value, value.byteLength) >= 0) return;
    throw new LiveError(
      port,
      `socket option ${option}: ${errorText(libc.errno())}`,
      'Linux 4.20 is needed',
      MISSING,
    );
  };
  const buffer = Int32Array.of(BUFFER_BYTES);
  // Without CAP_NET_ADMIN the socket keeps the buffers of net.core.rmem_default.
  libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer, 4);
  libc.setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, buffer, 4);
  set(SOL_PACKET, PACKET_VNET_HDR, 1);
  set(SOL_PACKET, PACKET_AUXDATA, 1);
  set(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  bindSocket(libc, port, fd, index);
  if (spec.promiscuous ?? true) {
    const membership = new Uint8Array(MEMBERSHIP_LENGTH);
    const view = new DataView(membership.buffer);
    view.setInt32(0, index, true);
    view.setUint16(4, PROMISCUOUS, true);
    libc.setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership, MEMBERSHIP_LENGTH);
  }
  if (spec.fanout !== undefined) set(SOL_PACKET, PACKET_FANOUT, (spec.fanout & 0xffff) | (FANOUT_MODE << 16));
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

/** State, MTU and MAC of a port's interface, and the frames that its socket has lost since the last time. */
export function readInterface(
  port: { state: number; mtu: number; readonly mac: Uint8Array; readonly counters: Float64Array },
  libc: Libc,
  fd: number,
  control: InterfaceControl,
): void {
  if (port.state === PORT_GONE) return;
  const statistics = new Int32Array(3);
  const length = Int32Array.of(statistics.byteLength);
  if (libc.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics, length) >= 0) {
    port.counters[KERNEL_DROPS] += statistics[1] >>> 0;
  }
  const isUp = control.isUp();
  port.state = isUp === null ? PORT_GONE : isUp ? PORT_UP : PORT_DOWN;
  if (isUp === null) return;
  port.mtu = control.mtu();
  control.readMac(port.mac);
}

class AfPacketPort extends SocketPort implements LivePort {
  readonly #control: InterfaceControl;

  constructor(spec: PortSpec, libc: Libc, fd: number, control: InterfaceControl) {
    super(spec, libc, fd, spec.offloads ?? true, true);
    this.#control = control;
    this.refresh();
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
    readInterface(this, this.libc, this.fd, this.#control);
  }

  override close(): void {
    super.close();
    this.#control.close();
  }
}

/** Puts the VLAN tag that the kernel took out of a received frame back where it was. */
export function putTagBack(arena: FrameArena, handle: number, tci: number, tpid: number): void {
  const { bytes } = arena;
  const start = arena.start[handle];
  const typeAt = start + ethernet.TYPE_OFFSET;
  bytes.copyWithin(start - vlan.HEADER_LENGTH, start, typeAt);
  arena.start[handle] = start - vlan.HEADER_LENGTH;
  arena.length[handle] += vlan.HEADER_LENGTH;
  ethernet.putType(bytes, arena.start[handle], tpid);
  vlan.putControlInformation(bytes, arena.start[handle] + ethernet.HEADER_LENGTH, tci);
}
