/** `ip link set dev DEVICE xdp…` and `bpftool net attach|detach`. */
import type { Device } from '../../engine/device.js';
import { LoadedProgram } from '../../engine/hooks/bpf-objects.js';
import type { Direction } from '../../engine/hooks/device-hooks.js';
import { EBUSY, EEXIST, EINVAL, ENOENT, EOPNOTSUPP } from '../../engine/hooks/errno.js';
import { BPF_F_BEFORE } from '../../engine/hooks/mprog.js';
import type { XdpRequestMode } from '../../engine/hooks/xdp.js';
import { DONE, failed, type ToolOutput } from './tool-output.js';

const IP_MODES: Readonly<Record<string, XdpRequestMode>> = {
  xdp: 'default',
  xdpdrv: 'native',
  xdpgeneric: 'generic',
  xdpoffload: 'offload',
};

const ERROR_TEXTS: Readonly<Record<number, string>> = {
  [ENOENT]: 'No such file or directory',
  [EBUSY]: 'Device or resource busy',
  [EEXIST]: 'File exists',
  [EINVAL]: 'Invalid argument',
  [EOPNOTSUPP]: 'Operation not supported',
};

export function isXdpMode(word: string): boolean {
  return IP_MODES[word] !== undefined;
}

/** `word` is `xdp`, `xdpdrv` …; `rest` is `off` or `pinned PATH`. Without `-force` an attached program stays. */
export function setXdp(device: Device, word: string, rest: readonly string[], force: boolean): ToolOutput {
  const mode = IP_MODES[word];
  const { xdp } = device.hooks;
  if (rest[0] === 'off') return linkError(device, mode, xdp.detach(mode));
  const program = device.namespace.node.bpf.pinned(rest[1]);
  if (!(program instanceof LoadedProgram)) {
    return failed(1, `Couldn't retrieve pinned program '${rest[1]}': No such file or directory\n`);
  }
  if (program.type !== 'xdp') return linkError(device, mode, -EINVAL);
  return linkError(device, mode, xdp.attach(program, mode, !force));
}

/** With the kernel's own words where it has some. */
function linkError(device: Device, mode: XdpRequestMode, result: number): ToolOutput {
  if (result === 0) return DONE;
  if (result === -EEXIST)
    return failed(2, "Error: Native and generic XDP can't be active at the same time.\n");
  if (result === -EBUSY && device.hooks.xdp.isLinked(mode))
    return failed(2, "Error: Can't replace active BPF XDP link.\n");
  if (result === -EBUSY) return failed(2, 'Error: XDP program already attached.\n');
  if (result === -EOPNOTSUPP) {
    return failed(2, 'Error: Underlying driver does not support XDP in native mode.\n');
  }
  return failed(2, `RTNETLINK answers: ${ERROR_TEXTS[-result] ?? result}\n`);
}

/** `bpftool net attach TYPE PROGRAM dev DEVICE [overwrite|prepend]`, with the program by its pin. */
export function bpftoolAttach(device: Device, type: string, path: string, option: string): ToolOutput {
  const program = device.namespace.node.bpf.pinned(path);
  if (!(program instanceof LoadedProgram)) {
    return failed(255, `Error: bpf obj get (${path}): No such file or directory\n`);
  }
  const result = isXdpMode(type)
    ? device.hooks.xdp.attach(program, IP_MODES[type], option !== 'overwrite')
    : attachTcx(device, type, program, option);
  if (result === 0) return DONE;
  return failed(result & 0xff, `Error: interface ${type} attach failed: ${ERROR_TEXTS[-result] ?? result}\n`);
}

function attachTcx(device: Device, type: string, program: LoadedProgram, option: string): number {
  const direction = type.replace('tcx_', '') as Direction;
  const placement = option === 'prepend' ? { flags: BPF_F_BEFORE } : {};
  return device.hooks.tcx(direction).insert(program, null, null, placement);
}
