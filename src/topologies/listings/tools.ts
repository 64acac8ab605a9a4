/**
 * Runs a command line of tc, ip or bpftool on a network namespace, as far as hooks go: what it prints and what it
 * changes. Versions: iproute2 6.1.0, bpftool 7.1 and 7.8.
 */
import type { Device } from '../../engine/device.js';
import type { Direction } from '../../engine/hooks/device-hooks.js';
import type { Namespace } from '../../engine/namespace.js';
import { type BpftoolVersion, type Style, showBpfLinks, showNet } from './bpftool-show.js';
import { type Interface, interfacesOf } from './interface.js';
import { ipJson } from './json-text.js';
import { showLinks } from './link-show.js';
import { changeFilter, changeQdisc } from './tc-change.js';
import { showFilters, showQdiscs } from './tc-show.js';
import { failed, printed, type ToolOutput } from './tool-output.js';
import { bpftoolAttach, isXdpMode, setXdp } from './xdp-change.js';

/** Null for a command that is not one of these. */
export function runTool(
  namespace: Namespace,
  command: string,
  bpftool: BpftoolVersion = '7.8',
): ToolOutput | null {
  const [tool, ...rest] = command.trim().split(/\s+/);
  const words = rest.filter((word) => !word.startsWith('-'));
  const flags = rest.filter((word) => word.startsWith('-'));
  if (tool === 'tc') return runTc(namespace, words, flags);
  if (tool === 'ip') return runIp(namespace, words, flags);
  return tool === 'bpftool' ? runBpftool(namespace, words, flags, bpftool) : null;
}

function runTc(namespace: Namespace, words: readonly string[], flags: readonly string[]): ToolOutput | null {
  const [object, verb] = words;
  if (object !== 'qdisc' && object !== 'filter') return null;
  const [json, pretty] = [flags.includes('-j'), flags.includes('-p')];
  const name = wordAfter(words, 'dev');
  if (object === 'qdisc' && isShow(verb)) {
    const links = linksNamed(namespace, name);
    return links === null
      ? noDevice(name!)
      : printed(showQdiscs(links, { json, pretty, named: name === null }));
  }
  if (name === null) return isShow(verb) ? printed(json ? ipJson([], pretty) : '') : null;
  const device = namespace.deviceNamed(name);
  if (device === null) return noDevice(name);
  const behind = words.slice(words.indexOf('dev') + 2);
  if (object === 'qdisc') return changeQdisc(device, verb, behind[0]);
  const direction = behind[0] === 'ingress' || behind[0] === 'egress' ? (behind[0] as Direction) : null;
  if (isShow(verb)) {
    return printed(showFilters(device, direction, { json, pretty, details: flags.includes('-d') }));
  }
  return direction === null ? null : changeFilter(device, direction, verb, behind.slice(1));
}

function runIp(namespace: Namespace, words: readonly string[], flags: readonly string[]): ToolOutput | null {
  const [object, verb] = words;
  if (object !== 'link') return null;
  const name = wordAfter(words, 'dev');
  if (isShow(verb)) {
    const links = linksNamed(namespace, name);
    if (links === null) return failed(1, `Device "${name}" does not exist.\n`);
    const options = {
      json: flags.includes('-j'),
      pretty: flags.includes('-p'),
      details: flags.includes('-d'),
      brief: flags.includes('-br'),
    };
    return printed(showLinks(links, options));
  }
  const devices = devicesNamed(namespace, name);
  if (devices === null) return noDevice(name!);
  const at = words.findIndex(isXdpMode);
  if (verb !== 'set' || name === null || at < 0) return null;
  return setXdp(devices[0], words[at], words.slice(at + 1), flags.includes('-force'));
}

function runBpftool(
  namespace: Namespace,
  words: readonly string[],
  flags: readonly string[],
  version: BpftoolVersion,
): ToolOutput | null {
  const [object, verb] = words;
  const style: Style = flags.includes('-p') ? 'pretty' : flags.includes('-j') ? 'json' : 'text';
  if (object === 'link' && isShow(verb)) {
    return printed(showBpfLinks(namespace.node.bpf.links, namespace.devices, style));
  }
  if (object !== 'net') return null;
  const name = wordAfter(words, 'dev');
  const devices = devicesNamed(namespace, name);
  if (devices === null) return failed(255, `Error: invalid devname ${name}\n`);
  if (isShow(verb)) return printed(showNet(devices, version, style));
  const path = wordAfter(words, 'pinned');
  if (verb !== 'attach' || path === null || name === null) return null;
  return bpftoolAttach(devices[0], words[2], path, words.at(-1)!);
}

/** All devices without a name; null when there is none of that name. */
function devicesNamed(namespace: Namespace, name: string | null): readonly Device[] | null {
  if (name === null) return namespace.devices;
  const device = namespace.deviceNamed(name);
  return device === null ? null : [device];
}

/** All interfaces without a name; null when there is none of that name. */
function linksNamed(namespace: Namespace, name: string | null): readonly Interface[] | null {
  const links = interfacesOf(namespace).filter((link) => name === null || link.name === name);
  return name !== null && links.length === 0 ? null : links;
}

function isShow(verb: string | undefined): boolean {
  return verb === undefined || verb === 'show' || verb === 'list';
}

function wordAfter(words: readonly string[], word: string): string | null {
  const at = words.indexOf(word);
  return at < 0 || at + 1 >= words.length ? null : words[at + 1];
}

function noDevice(name: string): ToolOutput {
  return failed(1, `Cannot find device "${name}"\n`);
}
