/**
 * `npm run --silent bench:memory`: what a running datapath holds. Resident memory with Cilium's default map sizes
 * and 64,000 flows, and how much the heap grows over ten million packets (nothing is allocated per packet).
 * `--expose-gc` makes the heap figure exact.
 */
import '../src/engine/tune.js';
import { FlowCase } from './flow-case.js';
import { WALKS } from './walks.js';

const FLOWS = 65536;
const PACKETS = 10_000_000;

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const walk = new FlowCase(WALKS[0], FLOWS, 'established');
walk.reset();
walk.run();
const before = heapUsed();
for (let sent = 0; sent < PACKETS; sent += walk.packets) walk.run();
const after = heapUsed();
walk.verify();
const result = {
  name: 'memory',
  flows: FLOWS,
  packets: Math.ceil(PACKETS / walk.packets) * walk.packets,
  heapGrowthBytes: after - before,
  heapGrowthBytesPerPacket: Number(((after - before) / PACKETS).toFixed(4)),
  residentMegabytes: Math.round(process.memoryUsage().rss / 1e6),
};
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
