/**
 * TAP devices (kernel: Documentation/networking/tuntap.rst). Frames travel with a `struct virtio_net_hdr`, so that
 * 64 KiB segments cross whole and nobody computes a checksum in between.
 */
import { type FrameArena, JUMBO_FRAME_LIMIT, SMALL_FRAME_LIMIT } from '../../engine/frame-arena.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as vlan from '../../engine/wire/vlan.js';
import { checkInterfaceName, InterfaceControl } from './interface-control.js';
import { type Libc, loadLibc } from './libc.js';
import {
  BAD_INPUT,
  EACCES,
  EAGAIN,
  EBADF,
  EBADFD,
  EBUSY,
  EINTR,
  EINVAL,
  EIO,
  ENOBUFS,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENXIO,
  EPERM,
  errorText,
  LiveError,
  MISSING,
  missingCapability,
} from './live-error.js';
import {
  LINK_DOWN,
  type LivePort,
  NO_SLOT,
  PORT_DOWN,
  PORT_GONE,
  PORT_UP,
  type PortSpec,
  QUEUE_FULL,
  RECEIVED,
  RECEIVED_BYTES,
  SEND_ERRORS,
  SENT,
  SENT_BYTES,
  TRUNCATED,
} from './live-port.js';
import { inNamespace } from './namespace.js';
import { PortBase } from './port-base.js';
import { takeVnetHeader, VNET_HEADER_LENGTH } from './vnet-header.js';

const TUN_DEVICE = '/dev/net/tun';
const O_RDWR = 2;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const TUNSETVNETHDRSZ = 0x400454d8;
const REQUEST_LENGTH = 40;
const FLAGS_AT = 16;
const IFF_TAP = 0x0002;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;

/** TUN_F_: partial checksums, TCP segments over IPv4 and IPv6, with ECN; UDP segments over both (Linux 6.2). */
const OFFLOADS_TCP = 0x0f;
const OFFLOADS_UDP = 0x60;

/** Longest link header of a frame that a link of some MTU carries: Ethernet and one VLAN tag. */
const LINK_HEADERS = ethernet.HEADER_LENGTH + vlan.HEADER_LENGTH;

/** Opens a TAP, which is made where there is none of the name. Rejects with LiveError. */
export async function openTap(spec: PortSpec): Promise<LivePort> {
  const port = `tap:${spec.name}`;
  checkInterfaceName(port, spec.name);
  const libc = await loadLibc(port);
  return inNamespace(libc, port, spec.namespace, () => {
    const fd = openQueue(libc, port, spec);
    let control: InterfaceControl | null = null;
    try {
      control = new InterfaceControl(libc, port, spec.name);
      setOffloads(libc, port, fd, spec.offloads ?? true);
      if (spec.mac !== undefined) control.setMac(spec.mac);
      if (spec.mtu !== undefined) control.setMtu(spec.mtu);
      if (spec.up ?? true) control.bringUp();
      return new TapPort(spec, libc, fd, control);
    } catch (error) {
      control?.close();
      libc.close(fd);
      throw error;
    }
  });
}

function openQueue(libc: Libc, port: string, spec: PortSpec): number {
  const fd = libc.open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw cannotOpen(port, libc.errno());
  const request = new Uint8Array(REQUEST_LENGTH);
  request.set(Buffer.from(spec.name));
  const queues = spec.multiQueue === true ? IFF_MULTI_QUEUE : 0;
  new DataView(request.buffer).setInt16(FLAGS_AT, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | queues, true);
  if (libc.ioctl(fd, TUNSETIFF, request) >= 0) return fd;
  const error = cannotAttach(port, spec, libc.errno());
  libc.close(fd);
  throw error;
}

function cannotOpen(port: string, errno: number): LiveError {
  if (errno === ENOENT || errno === ENXIO || errno === ENODEV) {
    return new LiveError(
      port,
      `there is no ${TUN_DEVICE}`,
      'load the driver: sudo modprobe tun (for a container: docker run --device /dev/net/tun)',
      MISSING,
    );
  }
  if (errno === EACCES || errno === EPERM) {
    return new LiveError(
      port,
      `opening ${TUN_DEVICE} needs CAP_NET_ADMIN and the right to write to it`,
      'run as root (for a container: docker run --cap-add NET_ADMIN --device /dev/net/tun)',
      MISSING,
    );
  }
  return new LiveError(port, `${TUN_DEVICE}: ${errorText(errno)}`, 'raise ulimit -n', BAD_INPUT);
}

function cannotAttach(port: string, spec: PortSpec, errno: number): LiveError {
  const { name } = spec;
  if (errno === EPERM) return missingCapability(port, 'CAP_NET_ADMIN', 'making a TAP');
  if (errno === EBUSY) {
    return new LiveError(port, 'another process has it', `end that one, or: ip link del ${name}`, BAD_INPUT);
  }
  if (errno === EINVAL) {
    const queues = spec.multiQueue === true ? 'multi_queue' : 'one queue';
    return new LiveError(
      port,
      `there is an interface of this name that is no TAP with ${queues}`,
      `take another name, or: ip link del ${name}`,
      BAD_INPUT,
    );
  }
  return new LiveError(port, errorText(errno), 'see: dmesg', BAD_INPUT);
}

function setOffloads(libc: Libc, port: string, fd: number, offloads: boolean): void {
  const size = Int32Array.of(VNET_HEADER_LENGTH);
  if (libc.ioctl(fd, TUNSETVNETHDRSZ, size) < 0) {
    throw new LiveError(port, 'takes no virtio-net header', 'a kernel from 2.6.32 on is needed', MISSING);
  }
  if (!offloads) libc.ioctlValue(fd, TUNSETOFFLOAD, 0);
  else if (libc.ioctlValue(fd, TUNSETOFFLOAD, OFFLOADS_TCP | OFFLOADS_UDP) < 0) {
    libc.ioctlValue(fd, TUNSETOFFLOAD, OFFLOADS_TCP);
  }
}

class TapPort extends PortBase implements LivePort {
  fd: number;
  readonly #libc: Libc;
  readonly #control: InterfaceControl;
  #arena: FrameArena | null = null;
  #address = 0;

  constructor(spec: PortSpec, libc: Libc, fd: number, control: InterfaceControl) {
    super(spec, spec.offloads ?? true, true);
    this.#libc = libc;
    this.#control = control;
    this.fd = fd;
    this.refresh();
  }

  /**
   * A frame of unknown length is read into a jumbo slot; a short one goes on into a slot of its size. The copy costs
   * less than a second iovec in each call.
   */
  receive(arena: FrameArena, handles: Int32Array, at: number, limit: number): number {
    if (this.state === PORT_GONE) return 0;
    const address = this.#addressOf(arena);
    const longest = this.offloads ? JUMBO_FRAME_LIMIT : this.mtu + LINK_HEADERS;
    const { counters } = this;
    let count = 0;
    let bytes = 0;
    let slot = -1;
    while (count < limit) {
      if (slot < 0) slot = arena.allocate(longest);
      if (slot < 0) {
        counters[NO_SLOT]++;
        break;
      }
      const headerAt = arena.start[slot] - VNET_HEADER_LENGTH;
      // One byte more than the longest frame tells a frame that was cut.
      const got = this.#libc.read(this.fd, address + headerAt, VNET_HEADER_LENGTH + longest + 1);
      if (got < 0) {
        this.#noteReceiveError();
        break;
      }
      const length = got - VNET_HEADER_LENGTH;
      if (length > longest) {
        counters[TRUNCATED]++;
        continue;
      }
      const handle = keepFrame(arena, slot, length);
      takeVnetHeader(arena.bytes, headerAt, arena, handle, length);
      if (handle === slot) slot = -1;
      handles[at + count++] = handle;
      bytes += length;
    }
    if (slot >= 0) arena.free(slot);
    if (count > 0) this.state = PORT_UP;
    counters[RECEIVED] += count;
    counters[RECEIVED_BYTES] += bytes;
    return count;
  }

  protected override transmit(arena: FrameArena, handles: Int32Array, at: number, count: number): number {
    const address = this.#addressOf(arena);
    const { counters } = this;
    let sent = 0;
    for (let i = at; i < at + count; i++) {
      const handle = handles[i];
      const length = arena.length[handle] + VNET_HEADER_LENGTH;
      const from = address + arena.start[handle] - VNET_HEADER_LENGTH;
      if (this.#libc.write(this.fd, from, length) < 0) {
        this.#noteSendError();
        continue;
      }
      sent++;
      counters[SENT_BYTES] += length - VNET_HEADER_LENGTH;
    }
    if (sent > 0) this.state = PORT_UP;
    counters[SENT] += sent;
    return sent;
  }

  refresh(): void {
    if (this.state === PORT_GONE) return;
    const isUp = this.#control.isUp();
    if (isUp === null) {
      this.state = PORT_GONE;
      return;
    }
    this.state = isUp ? PORT_UP : PORT_DOWN;
    this.mtu = this.#control.mtu();
    this.#control.readMac(this.mac);
  }

  close(): void {
    if (this.fd >= 0) this.#libc.close(this.fd);
    this.fd = -1;
    this.#control.close();
    this.#arena = null;
    this.state = PORT_GONE;
  }

  /** The arena is kept while its address is. */
  #addressOf(arena: FrameArena): number {
    if (arena !== this.#arena) {
      this.#arena = arena;
      this.#address = this.#libc.addressOf(arena.bytes);
    }
    return this.#address;
  }

  #noteReceiveError(): void {
    const errno = this.#libc.errno();
    if (errno === EBADFD || errno === EBADF) this.state = PORT_GONE;
    else if (errno !== EAGAIN && errno !== EINTR) this.refresh();
  }

  #noteSendError(): void {
    const errno = this.#libc.errno();
    const { counters } = this;
    if (errno === EAGAIN || errno === ENOBUFS || errno === ENOMEM) counters[QUEUE_FULL]++;
    else if (errno === EIO) {
      counters[LINK_DOWN]++;
      this.state = PORT_DOWN;
    } else if (errno === EBADFD || errno === EBADF) {
      counters[LINK_DOWN]++;
      this.state = PORT_GONE;
    } else counters[SEND_ERRORS]++;
  }
}

/** A frame of `length` bytes was read into `slot`; answers the slot that keeps it, which is this one for a long frame. */
function keepFrame(arena: FrameArena, slot: number, length: number): number {
  const handle = length <= SMALL_FRAME_LIMIT && arena.isJumbo(slot) ? arena.allocate(length) : slot;
  if (handle < 0 || handle === slot) {
    arena.length[slot] = length;
    return slot;
  }
  arena.bytes.copyWithin(arena.start[handle], arena.start[slot], arena.start[slot] + length);
  return handle;
}
