import type { PacketContext } from '../packet.js';
import type { HookProgram } from './program.js';
import { XDP_PASS } from './verdict.js';

/** Two XDP programs at a device, as libxdp's dispatcher runs them: the second sees what the first passes. */
export class XdpDispatcher implements HookProgram {
  readonly name: string;
  readonly #first: HookProgram;
  readonly #second: HookProgram;

  constructor(first: HookProgram, second: HookProgram) {
    this.name = `${first.name}, ${second.name}`;
    this.#first = first;
    this.#second = second;
  }

  run(packet: PacketContext): number {
    const verdict = this.#first.run(packet);
    return verdict === XDP_PASS ? this.#second.run(packet) : verdict;
  }
}
