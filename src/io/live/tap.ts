/**
 * TAP devices (kernel: Documentation/networking/tuntap.rst). Frames travel with a `struct virtio_net_hdr`, so that
 * 64 KiB segments cross whole and nobody computes a checksum in between.
 */

import { EACCES, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM } from '../../engine/hooks/errno.js';
import { errorText } from './error-text.js';
import { checkInterfaceName, InterfaceControl } from './interface-control.js';
import { type Libc, loadLibc } from './libc.js';
import { BAD_INPUT, LiveError, MISSING, missingCapability } from './live-error.js';
import type { LivePort, PortSpec } from './live-port.js';
import { inNamespace } from './namespace.js';
import { OutputDrops } from './output-drops.js';
import { TapPort } from './tap-port.js';
import { VNET_HEADER_LENGTH } from './vnet-header.js';

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
      return new TapPort(spec, libc, fd, control, new OutputDrops(spec.name));
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
  if (errno === ENOENT || errno === ENXIO || errno === ENODEV) return noTunDevice(port);
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

export function noTunDevice(port: string): LiveError {
  return new LiveError(
    port,
    `there is no ${TUN_DEVICE}`,
    'load the driver: sudo modprobe tun (for a container: docker run --device /dev/net/tun)',
    MISSING,
  );
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
