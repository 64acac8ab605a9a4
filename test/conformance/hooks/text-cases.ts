/** Runs a case of tool output: after the set-up each command prints what tc, ip and bpftool printed. */
import { connect, type Device } from '../../../src/engine/device.js';
import type { LoadedProgram } from '../../../src/engine/hooks/bpf-objects.js';
import { EINVAL } from '../../../src/engine/hooks/errno.js';
import type { XdpRequestMode } from '../../../src/engine/hooks/xdp.js';
import type { Namespace } from '../../../src/engine/namespace.js';
import { Node } from '../../../src/engine/node.js';
import type { ToolOutput } from '../../../src/topologies/listings/tool-output.js';
import { runTool } from '../../../src/topologies/listings/tools.js';
import type { Mismatch } from '../compare.js';
import { VectorError } from '../vector-format.js';
import type { SetupOperation, TextCase } from './hooks-format.js';
import type { CaseFault } from './run-hooks.js';

const BPF_FILE_SYSTEM = '/sys/fs/bpf';
const TAGS = { tc: '3b185187f1855c4c', xdp: 'a04f5eef06a7f555' };
const LOADED_NS = 123456789;
const BTF_ID = 77;
const PROGRAMS = 9;

export function runTextCase(one: TextCase): CaseFault | null {
  const machine = new TextMachine();
  for (const [step, operation] of one.setup.entries()) {
    const fault = machine.setUp(operation);
    if (fault !== null) return { step, mismatches: [fault] };
  }
  const mismatches: Mismatch[] = [];
  for (const { cmd, tool, exit, stdout, stderr } of one.outputs) {
    const output = machine.run(cmd, tool.includes('v7.1') ? '7.1' : '7.8');
    const check = (field: string, expected: unknown, actual: unknown): void => {
      if (expected !== actual) mismatches.push({ field: `${tool} ${field} of ${cmd}`, expected, actual });
    };
    check('exit', exit, output.exit);
    check('stdout', machine.fill(stdout), output.stdout);
    check('stderr', machine.fill(stderr), output.stderr);
  }
  return mismatches.length === 0 ? null : { step: one.setup.length, mismatches };
}

class TextMachine {
  readonly #node = new Node('R');
  readonly #namespace: Namespace = this.#node.host;
  readonly #programs = new Map<string, LoadedProgram>();
  readonly #links = new Map<string, number>();

  constructor() {
    const peers = this.#node.addPod('P');
    for (const name of ['a', 'b']) {
      const index = name === 'a' ? 10 : 20;
      connect(this.#addVeth(this.#namespace, `${name}0`, index), this.#addVeth(peers, `${name}1`, index + 1));
    }
    for (let i = 1; i < PROGRAMS; i++) {
      this.#load(`p${i}`, 'tcp', TAGS.tc, 'sched_cls');
      this.#load(`x${i}`, 'xdpp', TAGS.xdp, 'xdp');
    }
  }

  /** Null when the operation did what was recorded. */
  setUp(operation: SetupOperation): Mismatch | null {
    if (operation.op === 'cmd') {
      const { exit, stdout, stderr } = this.run(operation.text!, '7.8');
      const expected = { exit: operation.exit, output: this.fill(operation.output!) };
      const actual = { exit, output: stdout + stderr };
      const isEqual = expected.exit === actual.exit && expected.output === actual.output;
      return isEqual ? null : { field: `set-up ${operation.text}`, expected, actual };
    }
    const result = this.#apply(operation);
    return result < 0 ? { field: `set-up ${operation.op}`, expected: 0, actual: result } : null;
  }

  run(command: string, bpftool: '7.1' | '7.8'): ToolOutput {
    const output = runTool(this.#namespace, this.fill(command), bpftool);
    if (output === null) throw new VectorError(`command is not understood: ${command}`);
    return output;
  }

  /** The recorded text with our numbers in place of the signs for numbers. */
  fill(text: string): string {
    return text.replace(/<(\w+)(?::(\w+))?>/g, (sign, kind: string, name: string) => {
      switch (kind) {
        case 'ID':
          return String(this.#program(name).id);
        case 'LINK':
          return String(this.#links.get(name));
        case 'TAG':
          return TAGS[name as 'tc' | 'xdp'];
        case 'BPFFS':
          return BPF_FILE_SYSTEM;
        case 'TIME':
          return String(LOADED_NS);
        case 'BTF':
          return String(BTF_ID);
        case 'N':
          return '0';
        default:
          return sign;
      }
    });
  }

  #apply(operation: SetupOperation): number {
    const { hooks } = this.#namespace.deviceNamed(operation.dev)!;
    switch (operation.op) {
      case 'clsact':
        return hooks.addQdisc('clsact');
      case 'filter':
        return hooks.addFilter(operation.dir!, {
          priority: operation.prio ?? 0,
          handle: operation.handle ?? 0,
          protocol: Number.parseInt(operation.protocol ?? '0003', 16),
          directAction: operation.direct_action ?? true,
          classid: operation.classid ?? 0,
          name: operation.name ?? '',
          program: this.#program(operation.prog!),
        });
      case 'tcx_prog':
        return hooks.tcx(operation.dir!).insert(this.#program(operation.prog!), null, null, {});
      case 'tcx_link':
        return this.#noteLink(operation, hooks.tcx(operation.dir!).link(this.#program(operation.prog!)));
      case 'xdp':
        return hooks.xdp.attach(this.#program(operation.prog!), operation.mode as XdpRequestMode);
      case 'xdp_link':
        return this.#noteLink(
          operation,
          hooks.xdp.createLink(this.#program(operation.prog!), operation.mode as XdpRequestMode),
        );
      default:
        throw new VectorError(`set-up operation ${operation.op} is not known`);
    }
  }

  #noteLink({ link: name }: SetupOperation, link: { readonly id: number } | number): number {
    if (typeof link === 'number') return link;
    if (name === undefined) return -EINVAL;
    this.#links.set(name, link.id);
    return 0;
  }

  #program(name: string): LoadedProgram {
    const program = this.#programs.get(name);
    if (program === undefined) throw new VectorError(`program ${name} is not there`);
    return program;
  }

  #load(name: string, programName: string, tag: string, type: 'sched_cls' | 'xdp'): void {
    const program = { name: programName, run: () => -1 };
    const loaded = this.#node.bpf.load(type, program, { tag, loadedNs: LOADED_NS, btfId: BTF_ID });
    this.#programs.set(name, loaded);
    this.#node.bpf.pin(`${BPF_FILE_SYSTEM}/${name}`, loaded);
  }

  #addVeth(namespace: Namespace, name: string, ifindex: number): Device {
    const last = Number.parseInt(name, 16);
    return namespace.addDevice({ name, ifindex, kind: 'veth', mac: Uint8Array.of(2, 0, 0, 0, 0, last) });
  }
}
