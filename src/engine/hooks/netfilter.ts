/**
 * Netfilter's chains at one hook, in the order of their priorities; of one priority the newest goes first
 * (nf_hook_grow). A chain sees each packet that no chain before it has dropped or taken: ACCEPT ends a chain, not the hook.
 */
import type { Device } from '../device.js';
import type { PacketContext } from '../packet.js';
import { NF_ACCEPT } from './verdict.js';

export interface NetfilterChain {
  readonly name: string;
  readonly priority: number;
  /** NF_ACCEPT, NF_DROP or NF_STOLEN. */
  run(packet: PacketContext): number;
}

export class NetfilterHook {
  #chains: readonly NetfilterChain[] = [];

  get chains(): readonly NetfilterChain[] {
    return this.#chains;
  }

  add(chain: NetfilterChain): void {
    const before = this.#chains.findIndex((other) => other.priority >= chain.priority);
    this.#chains = this.#chains.toSpliced(before < 0 ? this.#chains.length : before, 0, chain);
  }

  remove(chain: NetfilterChain): void {
    this.#chains = this.#chains.filter((other) => other !== chain);
  }

  run(packet: PacketContext): number {
    const chains = this.#chains;
    for (let i = 0; i < chains.length; i++) {
      const verdict = chains[i].run(packet);
      if (verdict !== NF_ACCEPT) return verdict;
    }
    return NF_ACCEPT;
  }
}

/** The IP hooks of a network namespace's stack. */
export class StackHooks {
  readonly prerouting = new NetfilterHook();
  readonly input = new NetfilterHook();
  readonly forward = new NetfilterHook();
  readonly output = new NetfilterHook();
  readonly postrouting = new NetfilterHook();
  /** Of the packet in hand: the device it came in by and the one it goes out of, null where there is none (yet). */
  inDevice: Device | null = null;
  outDevice: Device | null = null;
  /** Set by a chain of `output` that gave the packet another destination: the route is looked up again. */
  rerouted = false;
}

export type StackHook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
