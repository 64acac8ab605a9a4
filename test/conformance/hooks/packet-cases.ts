/** Runs a case of packets through hooks: each program and socket sees what was recorded, in the same order. */
import { isDeepStrictEqual } from 'node:util';
import type { Device } from '../../../src/engine/device.js';
import type { LoadedProgram } from '../../../src/engine/hooks/bpf-objects.js';
import type { Direction } from '../../../src/engine/hooks/device-hooks.js';
import { errnoName } from '../../../src/engine/hooks/errno.js';
import type { StackHook } from '../../../src/engine/hooks/netfilter.js';
import type { XdpRequestMode } from '../../../src/engine/hooks/xdp.js';
import type { Mismatch } from '../compare.js';
import { VectorError } from '../vector-format.js';
import { runCommand } from './commands.js';
import type { PacketCase, RecordedPacket, SetupOperation } from './hooks-format.js';
import { HooksMachine, type PacketOutcome } from './hooks-machine.js';
import { parseNftScript } from './nft-script.js';
import { makeProbe } from './probe.js';
import type { CaseFault } from './run-hooks.js';

const FILE_DESCRIPTORS = 0;
void FILE_DESCRIPTORS;

export function runPacketCase(one: PacketCase): CaseFault | null {
  const machine = new HooksMachine();
  const setup = new Setup(one, machine);
  for (const operation of one.setup) {
    const result = setup.run(operation);
    const actual = result < 0 ? { errno: errnoName(result) } : { ok: true };
    if (!isDeepStrictEqual(actual, operation.expect)) {
      const field = `setup ${operation.op}`;
      return { step: 0, mismatches: [{ field, expected: operation.expect, actual }] };
    }
  }
  for (const [step, packet] of one.packets.entries()) {
    const { send, frame } = packet;
    const outcome = machine.send(send.dev, send.how === 'tapwrite', frame);
    const mismatches = comparePacket(packet, outcome, machine);
    if (mismatches.length > 0) return { step, mismatches };
  }
  return null;
}

function comparePacket(packet: RecordedPacket, outcome: PacketOutcome, machine: HooksMachine): Mismatch[] {
  const { expect } = packet;
  const mismatches: Mismatch[] = [];
  const check = (field: string, expected: unknown, actual: unknown): void => {
    if (!isDeepStrictEqual(expected, actual)) mismatches.push({ field, expected, actual });
  };
  const ran = outcome.events.map(({ at }) => at as string);
  check('ran', expect.ran, ran);
  for (const [index, event] of expect.events.entries()) {
    if (outcome.events[index]?.at === event.at) check(`seen at ${event.at}`, event, outcome.events[index]);
  }
  const deliveredOn = devicesOf(ran, 'stack');
  check('deliveredOn', expect.deliveredOn, deliveredOn);
  check('sentOn', expect.sentOn, devicesOf(ran, 'tap-out'));
  check('t0File', expect.t0File ?? [], outcome.tapFile);
  const fate =
    deliveredOn.length > 0 ? 'delivered' : outcome.tapFile.length > 0 ? 'read from t0 file' : 'lost';
  check('fate', expect.fate, fate);
  check('send_errno', expect.send_errno ?? null, outcome.sendErrno);
  if (expect.nft !== undefined) {
    const counted = Object.fromEntries(machine.chains.map(({ name, packets }) => [name, packets]));
    check('nft', expect.nft, counted);
  }
  return mismatches;
}

function devicesOf(ran: readonly string[], place: string): string[] {
  const names = ran.filter((at) => at.endsWith(`/${place}`)).map((at) => at.slice(0, at.indexOf('/')));
  return [...new Set(names)];
}

/** Runs set-up operations; each answers 0 or a negative error number. */
class Setup {
  readonly #case: PacketCase;
  readonly #machine: HooksMachine;

  constructor(one: PacketCase, machine: HooksMachine) {
    this.#case = one;
    this.#machine = machine;
  }

  run(operation: SetupOperation): number {
    const machine = this.#machine;
    const device = machine.device(operation.dev);
    switch (operation.op) {
      case 'tcx':
        return device.hooks
          .tcx(operation.dir!)
          .insert(this.#program(operation, `${operation.dir}/tcx`), null, null, {});
      case 'clsact':
        return device.hooks.addQdisc('clsact');
      case 'ingress_qdisc':
        return device.hooks.addQdisc('ingress');
      case 'filter':
        return this.#addFilter(device, operation.dir!, operation);
      case 'xdp':
        return this.#attachXdp(device, operation);
      case 'xdp_off':
        return device.hooks.xdp.detach(operation.mode as XdpRequestMode);
      case 'nft':
        return this.#addChains(operation.script!);
      case 'devmap':
        machine.deviceMap[operation.key!] = device.ifindex;
        return 0;
      case 'no_taps':
        machine.closeSockets(device);
        return 0;
      case 'cmd':
        return runCommand(machine, operation.text!);
      default:
        throw new VectorError(`set-up operation ${operation.op} is not known`);
    }
  }

  #addFilter(device: Device, direction: Direction, operation: SetupOperation): number {
    const program = this.#program(operation, `${direction}/tc`);
    return device.hooks.addFilter(direction, {
      priority: operation.prio ?? 0,
      handle: operation.handle ?? 0,
      protocol: Number.parseInt(operation.protocol ?? '0003', 16),
      directAction: operation.direct_action ?? false,
      classid: operation.classid ?? 0,
      replace: operation.replace ?? false,
      name: operation.name ?? '',
      program,
    });
  }

  #attachXdp(device: Device, operation: SetupOperation): number {
    const mode = operation.mode as XdpRequestMode;
    const program = this.#program(operation, `xdp-${mode}`);
    const { xdp } = device.hooks;
    if (operation.via !== 'link') return xdp.attach(program, mode, operation.update_if_noexist ?? false);
    const link = xdp.createLink(program, mode);
    return typeof link === 'number' ? link : 0;
  }

  #addChains(script: string): number {
    const machine = this.#machine;
    for (const chain of parseNftScript(script, (name) => machine.ifindex(name))) {
      machine.chains.push(chain);
      if (chain.device === null) machine.node.host.addNetfilterChain(chain.hook as StackHook, chain);
      else machine.device(chain.device).hooks.addNetfilterChain(chain.hook as Direction, chain);
    }
    return 0;
  }

  #program({ dev, prog }: SetupOperation, place: string): LoadedProgram {
    const recorded = this.#case.progs[prog!];
    if (recorded === undefined) throw new VectorError(`program ${prog} is not there`);
    const probe = makeProbe(recorded, prog!, `${dev}/${place}/${prog}`, {
      recorder: this.#machine.recorder,
      deviceMap: this.#machine.deviceMap,
      ifindex: (name) => this.#machine.ifindex(name),
    });
    return this.#machine.node.bpf.load(recorded.type === 'xdp' ? 'xdp' : 'sched_cls', probe);
  }
}
