/** Reads and sets an interface by ioctl (netdevice(7)), in the network namespace that it was opened in. */

import { EBUSY, EINVAL, ENODEV, EPERM } from '../../engine/hooks/errno.js';
import { errorText } from './error-text.js';
import type { Libc } from './libc.js';
import { BAD_INPUT, LiveError, missingCapability } from './live-error.js';

/** Longest interface name (IFNAMSIZ with its zero). */
const NAME_LENGTH = 15;
const REQUEST_LENGTH = 40;
const VALUE_AT = 16;
const MAC_AT = 18;

const GET_FLAGS = 0x8913;
const SET_FLAGS = 0x8914;
const GET_MTU = 0x8921;
const SET_MTU = 0x8922;
const SET_MAC = 0x8924;
const GET_MAC = 0x8927;
const GET_INDEX = 0x8933;

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const ARPHRD_ETHER = 1;
const IFF_UP = 1;

/** Names that the kernel takes: not empty, not `.` or `..`, no slash, colon or space (dev_valid_name). */
export function checkInterfaceName(port: string, name: string): void {
  if (/^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..') return;
  throw new LiveError(
    port,
    'is no name of an interface',
    `give 1 to ${NAME_LENGTH} characters without space, "/" or ":"`,
    BAD_INPUT,
  );
}

export class InterfaceControl {
  readonly #libc: Libc;
  readonly #port: string;
  readonly #request = new Uint8Array(REQUEST_LENGTH);
  readonly #view = new DataView(this.#request.buffer);
  #fd: number;

  /** `port` is what messages name; the calling thread is in the interface's namespace now. */
  constructor(libc: Libc, port: string, name: string) {
    checkInterfaceName(port, name);
    this.#libc = libc;
    this.#port = port;
    this.#request.set(Buffer.from(name));
    this.#fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw new LiveError(port, errorText(libc.errno()), 'raise ulimit -n', BAD_INPUT);
  }

  /** Interface index; throws for a name that no interface has. */
  index(): number {
    if (this.#call(GET_INDEX)) return this.#view.getInt32(VALUE_AT, true);
    throw new LiveError(this.#port, 'there is no such interface', 'see: ip link', BAD_INPUT);
  }

  /** True and false for an interface that is up or down, null for one that is gone. */
  isUp(): boolean | null {
    return this.#call(GET_FLAGS) ? (this.#view.getInt16(VALUE_AT, true) & IFF_UP) !== 0 : null;
  }

  bringUp(): void {
    if (!this.#call(GET_FLAGS)) throw this.#failure('cannot be brought up', 'see: ip link');
    this.#view.setInt16(VALUE_AT, this.#view.getInt16(VALUE_AT, true) | IFF_UP, true);
    if (!this.#call(SET_FLAGS)) throw this.#failure('cannot be brought up', 'see: ip link');
  }

  /** 0 when the interface is gone. */
  mtu(): number {
    return this.#call(GET_MTU) ? this.#view.getInt32(VALUE_AT, true) : 0;
  }

  setMtu(mtu: number): void {
    this.#view.setInt32(VALUE_AT, mtu, true);
    if (!this.#call(SET_MTU)) throw this.#failure(`does not take an MTU of ${mtu}`, 'give 68 to 65521 bytes');
  }

  /** Copies the MAC to `mac`; false when the interface has none, or is gone. */
  readMac(mac: Uint8Array): boolean {
    if (!this.#call(GET_MAC) || this.#view.getUint16(VALUE_AT, true) !== ARPHRD_ETHER) return false;
    mac.set(this.#request.subarray(MAC_AT, MAC_AT + mac.length));
    return true;
  }

  /** Does nothing where it is the MAC already: a change makes the kernel forget its neighbours. */
  setMac(mac: Uint8Array): void {
    const present = new Uint8Array(mac.length);
    if (this.readMac(present) && present.every((byte, i) => byte === mac[i])) return;
    this.#request.fill(0, VALUE_AT);
    this.#view.setUint16(VALUE_AT, ARPHRD_ETHER, true);
    this.#request.set(mac, MAC_AT);
    if (!this.#call(SET_MAC)) throw this.#failure('does not take this MAC', 'give a unicast address');
  }

  close(): void {
    if (this.#fd >= 0) this.#libc.close(this.#fd);
    this.#fd = -1;
  }

  #call(request: number): boolean {
    return this.#libc.ioctl(this.#fd, request, this.#request) >= 0;
  }

  #failure(what: string, remedy: string): LiveError {
    const errno = this.#libc.errno();
    if (errno === EPERM) return missingCapability(this.#port, 'CAP_NET_ADMIN', 'setting up the interface');
    const exact = errno === EINVAL || errno === ENODEV || errno === EBUSY;
    return new LiveError(
      this.#port,
      `${what}: ${errorText(errno)}`,
      exact ? remedy : 'see: dmesg',
      BAD_INPUT,
    );
  }
}
