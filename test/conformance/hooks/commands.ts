/** The shell commands of the vectors' set-ups, as far as they change what frames meet. */
import { parseIpv4 } from '../../../src/engine/address-text.js';
import { MirredAction } from '../../../src/engine/hooks/mirred.js';
import { VectorError } from '../vector-format.js';
import type { HooksMachine } from './hooks-machine.js';

type Command = readonly [RegExp, (machine: HooksMachine, ...words: string[]) => number];

const COMMANDS: readonly Command[] = [
  [/^(?:true|sleep .*)$/, () => 0],
  [
    /^ip link set (\w+) (up|down)$/,
    (machine, name, state) => {
      if (name !== 'br0') machine.device(name).up = state === 'up';
      return 0;
    },
  ],
  [
    /^ip link add br0 type bridge .*$/,
    (machine) => {
      machine.addBridge();
      return 0;
    },
  ],
  [
    /^ip link set (\w+) master br0$/,
    (machine, name) => {
      machine.bridge!.addPort(machine.device(name));
      return 0;
    },
  ],
  [
    /^sysctl -qw net\.ipv4\.ip_forward=1 .*$/,
    (machine) => {
      machine.node.host.ipv4Forwarding = true;
      return 0;
    },
  ],
  [
    /^ip addr add ([\d.]+)\/(\d+) dev (\w+)$/,
    (machine, address, length, name) => {
      machine.node.host.addAddress(machine.device(name), parseIpv4(address)!, Number(length));
      return 0;
    },
  ],
  [
    /^tc filter add dev (\w+) (ingress|egress) prio (\d+) protocol all u32 match u32 0 0 action mirred (ingress|egress) (redirect|mirror) dev (\w+)$/,
    (machine, name, direction, priority, side, what, target) => {
      const action = new MirredAction(machine.device(target), side === 'ingress', what === 'mirror');
      return machine.device(name).hooks.addFilter(direction as 'ingress' | 'egress', {
        kind: 'u32',
        priority: Number(priority),
        actions: [action],
      });
    },
  ],
];

/** Runs commands that `;` separates; answers 0 or the first negative error number. */
export function runCommand(machine: HooksMachine, text: string): number {
  for (const command of text.split(';').map((one) => one.trim())) {
    const known = COMMANDS.find(([pattern]) => pattern.test(command));
    if (known === undefined) throw new VectorError(`command is not understood: ${command}`);
    const result = known[1](machine, ...known[0].exec(command)!.slice(1));
    if (result < 0) return result;
  }
  return 0;
}
