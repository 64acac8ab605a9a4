import * as ipv4 from '../engine/wire/ipv4.js';
import * as ipv6 from '../engine/wire/ipv6.js';
import type { Family } from './family.js';
import * as backends from './tables/backends.js';

/** Where a socket is sent instead of the service. One object per datapath, filled anew for each call. */
export class SocketTarget {
  readonly address = new Int32Array(4);
  port = 0;

  setBackend(family: Family, backendAt: number): void {
    const words = family.backends.words;
    const word = backendAt >> 2;
    for (let i = 0; i < family.addressWords; i++) this.address[i] = words[word + i];
    this.port = backends.port(words[word + family.addressWords]);
  }

  setLoopback(family: Family, port: number): void {
    if (family.isV6) ipv6.putLoopbackWords(this.address, 0);
    else this.address[0] = ipv4.LOOPBACK_WORD;
    this.port = port;
  }
}
