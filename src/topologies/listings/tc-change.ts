/** `tc qdisc add|del` and `tc filter add|replace|del` for the qdiscs and filters that the engine has. */
import type { Device } from '../../engine/device.js';
import { LoadedProgram } from '../../engine/hooks/bpf-objects.js';
import type { FilterRequest, QdiscKind } from '../../engine/hooks/clsact.js';
import type { Direction } from '../../engine/hooks/device-hooks.js';
import { EEXIST } from '../../engine/hooks/errno.js';
import { MirredAction } from '../../engine/hooks/mirred.js';
import { DONE, failed, type ToolOutput } from './tool-output.js';

const TALK_FAILED = 'We have an error talking to the kernel\n';
const PROTOCOLS: Readonly<Record<string, number>> = {
  all: 0x0003,
  ip: 0x0800,
  arp: 0x0806,
  '802.1Q': 0x8100,
  ipv6: 0x86dd,
  '802.1ad': 0x88a8,
};

export function changeQdisc(device: Device, verb: string, kind: string): ToolOutput {
  if (verb === 'add') {
    const result = device.hooks.addQdisc(kind as QdiscKind);
    return result < 0 ? failed(2, 'Error: Exclusivity flag on, cannot modify.\n') : DONE;
  }
  return device.hooks.removeQdisc() < 0 ? failed(2, 'Error: Invalid handle.\n') : DONE;
}

/** `words` are those behind the direction. */
export function changeFilter(
  device: Device,
  direction: Direction,
  verb: string,
  words: readonly string[],
): ToolOutput {
  const request = parseFilter(device, words);
  if ('exit' in request) return request;
  const { qdisc } = device.hooks;
  if (qdisc === null) return failed(2, `Error: Parent Qdisc doesn't exists.\n${TALK_FAILED}`);
  if (verb === 'del') return deleteFilter(device, direction, request);
  const { filters } = qdisc[direction];
  const others = filters.filter((filter) => filter.priority === request.priority);
  if (others.some((filter) => filter.protocol !== request.protocol)) {
    return failed(2, `Error: Protocol mismatch for filter with specified priority.\n${TALK_FAILED}`);
  }
  const result = device.hooks.addFilter(direction, { ...request, replace: verb === 'replace' });
  if (result === -EEXIST) return failed(2, `Error: Filter already exists.\n${TALK_FAILED}`);
  return result < 0 ? failed(2, `RTNETLINK answers: Invalid argument\n${TALK_FAILED}`) : DONE;
}

function deleteFilter(device: Device, direction: Direction, request: FilterRequest): ToolOutput {
  const result = device.hooks.removeFilter(direction, request.priority ?? 0, request.handle ?? 0);
  if (result === 0) return DONE;
  return failed(2, `Error: Filter with specified priority/protocol not found.\n${TALK_FAILED}`);
}

/** Reads `[protocol P] [prio N] [handle H] [bpf … | u32 …]`. */
function parseFilter(device: Device, words: readonly string[]): FilterRequest | ToolOutput {
  const request: { -readonly [Name in keyof FilterRequest]: FilterRequest[Name] } = {
    protocol: PROTOCOLS.all,
  };
  for (let i = 0; i < words.length; i++) {
    switch (words[i]) {
      case 'protocol':
        request.protocol = PROTOCOLS[words[++i]] ?? Number(words[i]);
        break;
      case 'prio':
      case 'pref':
      case 'priority':
        request.priority = Number(words[++i]);
        break;
      case 'handle':
        request.handle = Number.parseInt(words[++i], 16);
        break;
      case 'bpf':
      case 'u32':
        request.kind = words[i] as 'bpf' | 'u32';
        break;
      case 'da':
      case 'direct-action':
        request.directAction = true;
        break;
      case 'classid':
      case 'flowid':
        request.classid = parseClass(words[++i]);
        break;
      case 'pinned':
      case 'object-pinned': {
        const path = words[++i];
        const program = pinnedProgram(device, path);
        if (program === null) return noPinnedProgram(path);
        request.program = program;
        request.name = `${path.slice(path.lastIndexOf('/') + 1)}:[*fsobj]`;
        break;
      }
      case 'match':
        if (words.slice(i, i + 4).join(' ') !== 'match u32 0 0') return usage(words[i]);
        i += 3;
        break;
      case 'action': {
        const action = parseMirred(device, words.slice(i + 1));
        if ('exit' in action) return action;
        request.actions = [action];
        return request;
      }
      default:
        return usage(words[i]);
    }
  }
  return request;
}

/** `mirred egress|ingress redirect|mirror dev DEVICE`. */
function parseMirred(device: Device, words: readonly string[]): MirredAction | ToolOutput {
  const [kind, side, what, , name] = words;
  if (kind !== 'mirred') return usage(kind);
  const target = device.namespace.deviceNamed(name);
  if (target === null) return failed(1, `Cannot find device "${name}"\n`);
  return new MirredAction(target, side === 'ingress', what === 'mirror');
}

function pinnedProgram(device: Device, path: string): LoadedProgram | null {
  const object = device.namespace.node.bpf.pinned(path);
  return object instanceof LoadedProgram ? object : null;
}

function noPinnedProgram(path: string): ToolOutput {
  const reason = `Couldn't retrieve pinned program '${path}': No such file or directory\n`;
  return failed(1, `${reason}Unable to parse bpf command line\n`);
}

function parseClass(text: string): number {
  const [major, minor] = text.split(':').map((part) => Number.parseInt(part || '0', 16));
  return ((major << 16) | minor) >>> 0;
}

function usage(word: string): ToolOutput {
  return failed(1, `Unknown filter option "${word}"\n`);
}
