/** Runs a case of operations on tcx lists: each answer, and the list after it, are as recorded. */
import { isDeepStrictEqual } from 'node:util';
import type { Device } from '../../../src/engine/device.js';
import {
  type BpfLink,
  type BpfObjects,
  type LoadedProgram,
  OTHER_FILE,
} from '../../../src/engine/hooks/bpf-objects.js';
import { ENODEV, errnoName } from '../../../src/engine/hooks/errno.js';
import { type TcxHook, TcxLink, type TcxPlacement } from '../../../src/engine/hooks/tcx.js';
import { Node } from '../../../src/engine/node.js';
import type { Mismatch } from '../compare.js';
import { VectorError } from '../vector-format.js';
import type { ListCase, ListOperation } from './hooks-format.js';

const FLAGS: Readonly<Record<string, number>> = {
  ALLOW_OVERRIDE: 1,
  ALLOW_MULTI: 2,
  REPLACE: 4,
  BEFORE: 8,
  AFTER: 16,
  ID: 32,
  BIT6: 64,
  LINK: 8192,
  BIT20: 1 << 20,
};

/** BPF_LINK_TYPE_TCX, BPF_TCX_INGRESS and BPF_TCX_EGRESS. */
const LINK_TYPE_TCX = 11;
const ATTACH_TYPE = { ingress: 46, egress: 47 };
const UNUSED = 1_000_000;
const IFINDEX: Readonly<Record<string, number>> = { d0: 10, d1: 11 };

/** Index of the first operation that differs, and how; null when none does. */
export function runListCase(
  one: ListCase,
): { readonly step: number; readonly mismatches: Mismatch[] } | null {
  const machine = new ListMachine();
  for (const [step, operation] of one.ops.entries()) {
    const mismatches: Mismatch[] = [];
    const answer = machine.run(operation);
    if (!isDeepStrictEqual(answer, operation.expect)) {
      mismatches.push({ field: `${operation.op} answers`, expected: operation.expect, actual: answer });
    }
    if (operation.after !== undefined) {
      const after = machine.list(operation);
      if (!isDeepStrictEqual(after, operation.after)) {
        mismatches.push({ field: `list after ${operation.op}`, expected: operation.after, actual: after });
      }
    }
    if (mismatches.length > 0) return { step, mismatches };
  }
  return null;
}

class ListMachine {
  readonly #node = new Node('R');
  readonly #objects: BpfObjects = this.#node.bpf;
  /** Descriptors of programs (`p1`), links (`l1`) and of an open file. */
  readonly #descriptors = new Map<string, number>();
  readonly #names = new Map<LoadedProgram | BpfLink, string>();
  readonly #file = this.#objects.open(OTHER_FILE);
  #links = 0;

  constructor() {
    this.#addDevice('d0');
  }

  run(operation: ListOperation): Record<string, unknown> {
    const device = this.#device(operation.dev);
    switch (operation.op) {
      case 'dev_add':
        this.#addDevice('d1');
        return { ok: true };
      case 'dev_del':
        this.#node.host.removeDevice(device!);
        return { ok: true };
      case 'link_info':
        return this.#linkInfo(operation);
      case 'link_detach':
        this.#link(operation.link!).detach();
        return { ok: true };
      case 'link_close':
        this.#objects.close(this.#descriptor(operation.link!));
        return { ok: true };
      case 'link_update':
        return answer(this.#updateLink(operation));
      default:
        if (device === null) return this.#noDevice(operation);
        return this.#runOn(device, operation);
    }
  }

  /** The whole list of the operation's device and direction. */
  list({ dev, dir }: ListOperation): Record<string, unknown> {
    const device = this.#device(dev);
    if (device === null) return { errno: 'ENODEV' };
    const { members, revision } = hookOf(device, dir).query(64);
    const list = members.map(({ program, link }) => ({
      prog: this.#names.get(program),
      ...(link === null ? {} : { link: this.#names.get(link) }),
    }));
    return { list, revision };
  }

  #runOn(device: Device, operation: ListOperation): Record<string, unknown> {
    const hook = hookOf(device, operation.dir);
    const { prog } = operation;
    switch (operation.op) {
      case 'prog_attach':
        return answer(hook.attach(this.#descriptor(prog!), this.#placement(operation)));
      case 'prog_detach':
        return answer(hook.detach(this.#descriptor(prog!), this.#placement(operation)));
      case 'link_create':
        return this.#createLink(hook, operation);
      case 'query':
        return this.#query(hook, operation);
      case 'clsact_add':
        return answer(device.hooks.addQdisc('clsact'));
      case 'clsact_del':
        return answer(device.hooks.removeQdisc());
      default:
        throw new VectorError(`operation ${operation.op} is not known`);
    }
  }

  #createLink(hook: TcxHook, operation: ListOperation): Record<string, unknown> {
    const link = hook.createLink(this.#descriptor(operation.prog!), this.#placement(operation));
    if (typeof link === 'number') return answer(link);
    const name = `l${++this.#links}`;
    this.#descriptors.set(name, this.#objects.open(link));
    this.#names.set(link, name);
    return { ok: true, link: name };
  }

  #updateLink({ link, new: replacement, flags, old }: ListOperation): number {
    return this.#objects.updateLink(
      this.#descriptor(link!),
      this.#descriptor(replacement!),
      bits(flags),
      old === undefined ? 0 : this.#descriptor(old),
    );
  }

  /** With an error before the list is read, the caller's count and revision stay as they were. */
  #query(hook: TcxHook, operation: ListOperation): Record<string, unknown> {
    const capacity = operation.capacity!;
    if ((operation.query_flags ?? 0) !== 0 || (operation.attach_flags ?? 0) !== 0) {
      return { errno: 'EINVAL', count: capacity, revision: 0, progs: [], links: [] };
    }
    const { result, count, revision, members } = hook.query(capacity);
    return {
      ...answer(result),
      count,
      revision,
      progs: members.map(({ program }) => this.#names.get(program)),
      links: members.map(({ link }) => (link === null ? 0 : this.#names.get(link))),
    };
  }

  #noDevice(operation: ListOperation): Record<string, unknown> {
    if (operation.op !== 'query') return answer(-ENODEV);
    return { errno: 'ENODEV', count: operation.capacity, revision: 0, progs: [], links: [] };
  }

  #linkInfo({ link, dir }: ListOperation): Record<string, unknown> {
    const found = this.#link(link!);
    const device = this.#node.host.devices.find((one) => hookOf(one, dir) === found.hook);
    return {
      ok: true,
      type: LINK_TYPE_TCX,
      prog: this.#names.get(found.program),
      ifindex: device?.name ?? 0,
      attach_type: ATTACH_TYPE[dir],
    };
  }

  #link(name: string): TcxLink {
    const link = this.#objects.linkAt(this.#descriptor(name));
    if (!(link instanceof TcxLink)) throw new VectorError(`link ${name} is not there`);
    return link;
  }

  #device(name: string): Device | null {
    return this.#node.host.deviceNamed(name);
  }

  #addDevice(name: string): void {
    const mac = Uint8Array.of(2, 0, 0, 0, 0, IFINDEX[name]);
    this.#node.host.addDevice({ name, ifindex: IFINDEX[name], kind: 'dummy', mac });
  }

  #placement({ flags, relative, replace, expected_revision }: ListOperation): TcxPlacement {
    return {
      flags: bits(flags),
      relative: relative === undefined ? 0 : this.#relative(relative.kind, relative.of),
      replace: replace === undefined ? 0 : this.#descriptor(replace),
      expectedRevision: expected_revision ?? 0,
    };
  }

  #relative(kind: string, of: string): number {
    if (kind === 'fd') return this.#fileOf(of);
    if (kind === 'id') return of === 'zero' ? 0 : UNUSED;
    const descriptor = this.#descriptor(of);
    if (kind.endsWith('_fd')) return descriptor;
    return this.#idOf(of);
  }

  #fileOf(of: string): number {
    if (of === 'zero') return 0;
    if (of === 'minus1') return -1;
    return of === 'closed' ? UNUSED : this.#file;
  }

  #idOf(name: string): number {
    for (const [object, known] of this.#names) if (known === name) return object.id;
    return UNUSED;
  }

  /** Programs are loaded when they are first named. */
  #descriptor(name: string): number {
    if (name === 'none') return 0;
    if (name === 'closed_fd') return UNUSED;
    const known = this.#descriptors.get(name);
    if (known !== undefined) return known;
    if (name.startsWith('l')) return UNUSED;
    const type = name.startsWith('x') ? 'xdp' : 'sched_cls';
    const program = this.#objects.load(type, { name, run: () => -1 });
    const descriptor = this.#objects.open(program);
    this.#descriptors.set(name, descriptor);
    this.#names.set(program, name);
    return descriptor;
  }
}

function hookOf(device: Device, direction: 'ingress' | 'egress'): TcxHook {
  return direction === 'ingress' ? device.hooks.tcxIngress : device.hooks.tcxEgress;
}

function bits(names: readonly string[] | undefined): number {
  return (names ?? []).reduce((flags, name) => {
    if (FLAGS[name] === undefined) throw new VectorError(`flag ${name} is not known`);
    return flags | FLAGS[name];
  }, 0);
}

function answer(result: number): Record<string, unknown> {
  return result < 0 ? { errno: errnoName(result) } : { ok: true };
}
