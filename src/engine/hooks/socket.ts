/** The hooks of a cgroup at which programs see sockets instead of packets: connect, sendmsg, recvmsg, bind … */
import { EPERM } from './errno.js';

/** What a socket program answers. */
export const SOCKET_REJECT = 0;
export const SOCKET_PROCEED = 1;

/**
 * The call that a program is looking at: what `struct bpf_sock_addr` / `struct bpf_sock` and the helpers that act on
 * them are in the kernel. One context may be reused for every call.
 */
export class SocketContext {
  /**
   * The address that the call is about (the peer's; of a bind the own), raw words: IPv4 in the first, IPv6 in all
   * four. Programs change it.
   */
  readonly address = new Int32Array(4);
  /** Its port, raw (the two bytes in memory order as a little-endian number). Programs change it. */
  port = 0;
  /** L4 protocol of the socket. */
  protocol = 0;
  /** SO_MARK of the socket. */
  mark = 0;
  /** Socket cookie and cookie of the socket's network namespace: low and high 32 bits. */
  cookieLow = 0;
  cookieHigh = 0;
  namespaceCookieLow = 0;
  namespaceCookieHigh = 0;
  /** cgroup of the process: low and high 32 bits of its id. */
  cgroupIdLow = 0;
  cgroupIdHigh = 0;
  /** The socket belongs to the host's network namespace. */
  isInHostNamespace = false;
  /** errno that a rejected call fails with. */
  error = 0;
}

/** A program at a socket hook: looks at and changes the call, answers SOCKET_PROCEED or SOCKET_REJECT. */
export interface SocketProgram {
  /** The name users meet in `bpftool cgroup tree`, for example `cil_sock4_connect`. */
  readonly name: string;
  run(socket: SocketContext): number;
}

/** The calls that programs see, as users meet them in `bpftool cgroup tree`. */
export const SOCKET_HOOKS = [
  'connect',
  'sendmsg',
  'recvmsg',
  'getpeername',
  'post_bind',
  'pre_bind',
] as const;
export type SocketHook = (typeof SOCKET_HOOKS)[number];

/** The programs at a cgroup: one per hook and family. */
export class SocketHooks {
  readonly #programs = new Map<string, SocketProgram>();

  get programs(): readonly SocketProgram[] {
    return [...this.#programs.values()];
  }

  /** `version` is 4 or 6, the family of the socket. */
  attach(hook: SocketHook, version: number, program: SocketProgram): void {
    this.#programs.set(`${hook}${version}`, program);
  }

  /** Runs the hook's program: 0, or the errno that the call fails with. */
  run(hook: SocketHook, version: number, socket: SocketContext): number {
    const program = this.#programs.get(`${hook}${version}`);
    if (program === undefined) return 0;
    socket.error = EPERM;
    return program.run(socket) === SOCKET_PROCEED ? 0 : socket.error;
  }
}
