/** The socket programs of a node as its processes meet them: addresses go through them, both ways. */
import { SocketContext, type SocketHook, type SocketHooks } from '../engine/hooks/socket.js';
import { i32le, put32le, swap16 } from '../engine/wire/bytes.js';
import type { Endpoint } from './endpoint.js';

/** Cookie of the host's network namespace. */
const HOST_NAMESPACE_COOKIE = 1;

export class SocketCalls {
  readonly #hooks: SocketHooks;
  readonly #namespaceCookie: number | null;
  readonly #context = new SocketContext();

  /** `namespaceCookie` is that of the network namespace that the sockets are in, null for the host's. */
  constructor(hooks: SocketHooks, namespaceCookie: number | null) {
    this.#hooks = hooks;
    this.#namespaceCookie = namespaceCookie;
  }

  /** The endpoint that the program puts in place of another, or the errno that the call fails with. */
  translate(
    hook: SocketHook,
    protocol: number,
    cookie: number,
    mark: number,
    { address, port }: Endpoint,
  ): Endpoint | number {
    const context = this.#context;
    context.address.fill(0);
    for (let i = 0; i < address.length; i += 4) context.address[i >> 2] = i32le(address, i);
    context.port = swap16(port);
    context.protocol = protocol;
    context.mark = mark;
    context.cookieLow = cookie;
    context.namespaceCookieLow = this.#namespaceCookie ?? HOST_NAMESPACE_COOKIE;
    context.isInHostNamespace = this.#namespaceCookie === null;
    const error = this.#hooks.run(hook, address.length === 4 ? 4 : 6, context);
    if (error !== 0) return error;
    const translated = new Uint8Array(address.length);
    for (let i = 0; i < address.length; i += 4) put32le(translated, i, context.address[i >> 2]);
    return { address: translated, port: swap16(context.port) };
  }
}
