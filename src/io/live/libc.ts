/**
 * The C library's system calls, through koffi. Addresses are numbers (they are below 2^53) or typed arrays; a typed
 * array whose address was taken must be kept alive by whoever took it, since nothing else does. A call answers -1 for a
 * failure, and `errno()` says which, until the next call.
 */
import { LiveError, MISSING } from './live-error.js';

type Address = number | ArrayBufferView | null;

export interface Libc {
  open(path: string, flags: number): number;
  close(fd: number): number;
  read(fd: number, to: Address, length: number): number;
  write(fd: number, from: Address, length: number): number;
  ioctl(fd: number, request: number, argument: Address): number;
  /** An ioctl whose argument is a number. */
  ioctlValue(fd: number, request: number, value: number): number;
  poll(fds: Address, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  socket(family: number, type: number, protocol: number): number;
  /** Writes two file descriptors (int32) to `to`. */
  socketpair(family: number, type: number, protocol: number, to: Int32Array): number;
  dup3(from: number, to: number, flags: number): number;
  bind(fd: number, address: Address, length: number): number;
  setsockopt(fd: number, level: number, option: number, value: Address, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: Address, length: Address): number;
  sendmmsg(fd: number, messages: Address, count: number, flags: number): number;
  recvmmsg(fd: number, messages: Address, count: number, flags: number, timeout: Address): number;
  /** Answers the address, or -1. */
  mmap(
    address: Address,
    length: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ): number;
  munmap(address: Address, length: number): number;
  setns(fd: number, kind: number): number;
  sched_yield(): number;
  syscall(number: number, a: number, b: number, c: number, d: number, e: Address, f: number): number;
  errno(): number;
  /** Address of the first byte of a typed array's memory. */
  addressOf(array: ArrayBufferView): number;
  /** Calls back, once, from the event loop when a file descriptor is readable or at its end; the answer cancels it. */
  whenReadable(fd: number, callback: () => void): () => void;
  /** `length` bytes of memory that is not JavaScript's, as an array; the caller keeps it mapped. */
  viewAt(address: number, length: number): Uint8Array;
}

const PROTOTYPES: Readonly<Record<string, readonly [name: string, result: string, ...arguments_: string[]]>> =
  {
    open: ['open', 'int', 'str', 'int'],
    close: ['close', 'int', 'int'],
    read: ['read', 'long', 'int', 'void *', 'size_t'],
    write: ['write', 'long', 'int', 'void *', 'size_t'],
    ioctl: ['ioctl', 'int', 'int', 'ulong', 'void *'],
    ioctlValue: ['ioctl', 'int', 'int', 'ulong', 'ulong'],
    poll: ['poll', 'int', 'void *', 'ulong', 'int'],
    eventfd: ['eventfd', 'int', 'uint', 'int'],
    socket: ['socket', 'int', 'int', 'int', 'int'],
    socketpair: ['socketpair', 'int', 'int', 'int', 'int', 'void *'],
    dup3: ['dup3', 'int', 'int', 'int', 'int'],
    bind: ['bind', 'int', 'int', 'void *', 'uint'],
    setsockopt: ['setsockopt', 'int', 'int', 'int', 'int', 'void *', 'uint'],
    getsockopt: ['getsockopt', 'int', 'int', 'int', 'int', 'void *', 'void *'],
    sendmmsg: ['sendmmsg', 'int', 'int', 'void *', 'uint', 'int'],
    recvmmsg: ['recvmmsg', 'int', 'int', 'void *', 'uint', 'int', 'void *'],
    mmap: ['mmap', 'intptr_t', 'void *', 'size_t', 'int', 'int', 'int', 'long'],
    munmap: ['munmap', 'int', 'void *', 'size_t'],
    setns: ['setns', 'int', 'int', 'int'],
    sched_yield: ['sched_yield', 'int'],
    syscall: ['syscall', 'long', 'long', 'long', 'long', 'long', 'long', 'void *', 'long'],
  };

let loaded: Promise<Libc> | undefined;

/** The C library of this process, loaded once. Rejects with a LiveError that names `port` where koffi is missing. */
export function loadLibc(port: string): Promise<Libc> {
  if (process.platform !== 'linux') {
    throw new LiveError(
      port,
      `live interfaces need Linux, this is ${process.platform}`,
      'run it there',
      MISSING,
    );
  }
  loaded ??= importLibc();
  return loaded.catch((cause) => {
    loaded = undefined;
    throw new LiveError(
      port,
      'the package koffi is not installed',
      'npm install koffi (without --omit=optional)',
      MISSING,
      cause,
    );
  });
}

async function importLibc(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const calls = Object.fromEntries(
    Object.entries(PROTOTYPES).map(([key, [name, result, ...types]]) => [
      key,
      library.func(name, result, types),
    ]),
  );
  return {
    ...calls,
    errno: () => koffi.errno(),
    addressOf: (array: ArrayBufferView) => Number(koffi.address(array)),
    whenReadable: (fd: number, callback: () => void) => {
      // Held by the closure, since a handle that is collected stops.
      const handle = koffi.node.poll(fd, { readable: true, disconnect: true }, () => {
        handle.close();
        callback();
      });
      return () => handle.close();
    },
    viewAt: (address: number, length: number) => new Uint8Array(koffi.view(BigInt(address), length)),
  } as unknown as Libc;
}
