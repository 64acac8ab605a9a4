/**
 * A load balancer for TCP and UDP in one XDP program. A connection's backend is chosen by a hash of its addresses and
 * ports from a Maglev-like table; the frame goes back out with the backend's MAC, its IP packet untouched: backends
 * have the service's address on their loopback and answer clients themselves (direct server return).
 *
 * VIP=10.208.40.96 PORT=80 BACKENDS=0a:00:00:00:00:01,0a:00:00:00:00:02
 */
import {
  createMap,
  ethernet,
  i32le,
  ipv4,
  type OwnProgram,
  type ProgramContext,
  parseAddress,
  udp,
  XDP_DROP,
  XDP_PASS,
  XDP_TX,
} from 'packetwalk';

const { VIP = '', PORT = '80', BACKENDS = '' } = process.env;
/** A prime, well above the number of backends, so that each gets about as many cells. */
const CELLS = 251;
const FNV_PRIME = 0x01000193;

export default function xdpLoadBalancer({ device, dropReason }: ProgramContext): OwnProgram {
  const address = parseAddress(VIP);
  if (address?.length !== 4) throw new Error(`VIP=${VIP}: give the service's IPv4 address`);
  const macs = BACKENDS.split(',')
    .filter((text) => text !== '')
    .map(readMac);
  if (macs.length === 0) throw new Error('BACKENDS: give MACs, with commas between them');
  const service = i32le(address, 0);
  const port = Number(PORT);
  const noBackend = dropReason('no backend');

  // As in the kernel: cell → number of a backend, by which its MAC and its counter are found.
  const table = createMap({ name: 'lb_table', type: 'array', keySize: 4, valueSize: 4, maxEntries: CELLS });
  const cell = new Int32Array(1);
  fillTable(macs.length, (index, backend) => {
    cell[0] = index;
    table.words[table.lookup(cell, 0) >> 2] = backend;
  });
  const frames = new Float64Array(macs.length);

  return {
    name: 'xdp-load-balancer',
    run(packet) {
      const { bytes, start, end } = packet;
      const at = start + ethernet.HEADER_LENGTH;
      if (!ethernet.fits(start, end) || ethernet.type(bytes, start) !== ethernet.TYPE_IPV4) return XDP_PASS;
      if (!ipv4.fits(at, end) || ipv4.destination(bytes, at) !== service) return XDP_PASS;
      const protocol = ipv4.protocol(bytes, at);
      if (protocol !== ipv4.PROTOCOL_TCP && protocol !== ipv4.PROTOCOL_UDP) return XDP_PASS;
      const portsAt = at + ipv4.headerLength(bytes, at);
      if (ipv4.isFragment(bytes, at) || !udp.fits(portsAt, end)) return XDP_PASS;
      if (udp.destinationPort(bytes, portsAt) !== port) return XDP_PASS;
      cell[0] = hash(ipv4.source(bytes, at), udp.portsRaw(bytes, portsAt), protocol) % CELLS;
      const value = table.lookup(cell, 0);
      if (value < 0) {
        packet.dropReason = noBackend;
        return XDP_DROP;
      }
      const backend = table.words[value >> 2];
      frames[backend]++;
      ethernet.putDestination(bytes, start, macs[backend], 0);
      ethernet.putSource(bytes, start, device.mac, 0);
      return XDP_TX;
    },
    counts: () => Object.fromEntries(macs.map((_, i) => [`backend ${i + 1}`, frames[i]])),
  };
}

/** Gives cells to the backends in turn, each by its own permutation; a backend that goes moves few of the others'. */
function fillTable(backends: number, put: (cell: number, backend: number) => void): void {
  const taken = new Uint8Array(CELLS);
  const next = new Int32Array(backends);
  for (let filled = 0; filled < CELLS; ) {
    for (let backend = 0; backend < backends && filled < CELLS; backend++) {
      const offset = hash(backend, 1, 0) % CELLS;
      const skip = (hash(backend, 2, 0) % (CELLS - 1)) + 1;
      let at = (offset + next[backend]++ * skip) % CELLS;
      while (taken[at] !== 0) at = (offset + next[backend]++ * skip) % CELLS;
      taken[at] = 1;
      put(at, backend);
      filled++;
    }
  }
}

function hash(a: number, b: number, c: number): number {
  let sum = Math.imul(a ^ 0x811c9dc5, FNV_PRIME) ^ b;
  sum = Math.imul(sum ^ (sum >>> 15), FNV_PRIME) ^ c;
  sum = Math.imul(sum ^ (sum >>> 13), 0x2c1b3c6d);
  return (sum ^ (sum >>> 16)) >>> 0;
}

function readMac(text: string): Uint8Array {
  const bytes = text.split(':').map((part) => Number.parseInt(part, 16));
  if (bytes.length !== 6 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) {
    throw new Error(`BACKENDS: ${text} is no MAC`);
  }
  return Uint8Array.from(bytes);
}
