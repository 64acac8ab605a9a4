/**
 * `bpftool net` and `bpftool link` as bpftool 7.1 and 7.8 print them. 7.1 does not know tcx and has no section for
 * netfilter.
 */
import type { Device } from '../../engine/device.js';
import type { BpfLink } from '../../engine/hooks/bpf-objects.js';
import type { Direction } from '../../engine/hooks/device-hooks.js';
import { TcxLink } from '../../engine/hooks/tcx.js';
import { bpftoolJson, type JsonValue } from './json-text.js';

export type BpftoolVersion = '7.1' | '7.8';
export type Style = 'text' | 'json' | 'pretty';

interface NetEntry {
  readonly text: string;
  readonly json: JsonValue;
}

const DIRECTIONS: readonly Direction[] = ['ingress', 'egress'];

export function showNet(devices: readonly Device[], version: BpftoolVersion, style: Style): string {
  const isNew = version === '7.8';
  const sections: Record<string, readonly NetEntry[]> = {
    xdp: devices.flatMap(xdpEntries),
    tc: devices.flatMap((device) => [...(isNew ? tcxEntries(device) : []), ...clsactEntries(device)]),
    flow_dissector: [],
    ...(isNew ? { netfilter: [] } : {}),
  };
  if (style === 'text') {
    return Object.entries(sections)
      .map(([name, entries]) => `${name}:\n${entries.map(({ text }) => `${text}\n`).join('')}\n`)
      .join('');
  }
  const json = Object.fromEntries(
    Object.entries(sections).map(([name, entries]) => [name, entries.map((entry) => entry.json)]),
  );
  return bpftoolJson([json], style === 'pretty');
}

function xdpEntries(device: Device): NetEntry[] {
  const { native, generic } = device.hooks.xdp;
  const program = native ?? generic;
  if (program === null) return [];
  const mode = native === null ? 'generic' : 'driver';
  return [
    {
      text: `${title(device)} ${mode} id ${program.id}`,
      json: { ...names(device), mode, id: program.id },
    },
  ];
}

function tcxEntries(device: Device): NetEntry[] {
  return DIRECTIONS.flatMap((direction) =>
    (device.hooks.tcx(direction).list?.members ?? []).map(({ program, link }) => {
      const kind = `tcx/${direction}`;
      const { name } = program.program;
      const linkText = link === null ? '' : `link_id ${link.id} `;
      return {
        text: `${title(device)} ${kind} ${name} prog_id ${program.id} ${linkText}`,
        json: {
          ...names(device),
          kind,
          name,
          prog_id: program.id,
          prog_flags: [],
          link_id: link?.id ?? 0,
          link_flags: [],
        },
      };
    }),
  );
}

function clsactEntries(device: Device): NetEntry[] {
  const { qdisc } = device.hooks;
  if (qdisc === null) return [];
  return DIRECTIONS.filter((direction) => direction === 'ingress' || qdisc.kind === 'clsact').flatMap(
    (direction) =>
      qdisc[direction].filters.flatMap(({ program, name }) => {
        if (program === null) return [];
        const kind = `clsact/${direction}`;
        const { id } = program;
        return [
          { text: `${title(device)} ${kind} ${name} id ${id}`, json: { ...names(device), kind, name, id } },
        ];
      }),
  );
}

function title(device: Device): string {
  return `${device.name}(${device.ifindex})`;
}

function names(device: Device): { readonly devname: string; readonly ifindex: number } {
  return { devname: device.name, ifindex: device.ifindex };
}

/** Links of a machine; `devices` are those that a link's place is looked for among. */
export function showBpfLinks(links: readonly BpfLink[], devices: readonly Device[], style: Style): string {
  const entries = links.map((link) => linkEntry(link, devices));
  if (style === 'text') return entries.map(({ text }) => text).join('');
  const json = entries.map((entry) => entry.json);
  return bpftoolJson(json, style === 'pretty');
}

function linkEntry(link: BpfLink, devices: readonly Device[]): NetEntry {
  const type = link instanceof TcxLink ? 'tcx' : 'xdp';
  const device = devices.find((one) => placeOf(link, one) !== null) ?? null;
  const place = device === null ? null : placeOf(link, device);
  const attachType = place === null || type === 'xdp' ? '' : `attach_type ${place}  `;
  const where = device === null ? 'ifindex 0  ' : `ifindex ${title(device)}  `;
  return {
    text: `${link.id}: ${type}  prog ${link.program.id}  \n\t${where}${attachType}\n`,
    json: {
      id: link.id,
      type,
      prog_id: link.program.id,
      ...(device === null ? { devname: '', ifindex: 0 } : names(device)),
      ...(place === null || type === 'xdp' ? {} : { attach_type: place }),
    },
  };
}

/** Where on the device a link holds a program: `tcx_ingress`, `xdp`; null when it is not there. */
function placeOf(link: BpfLink, device: Device): string | null {
  if (!(link instanceof TcxLink)) return device.hooks.xdp.hasLink(link) ? 'xdp' : null;
  const direction = DIRECTIONS.find((one) => device.hooks.tcx(one) === link.hook);
  return direction === undefined ? null : `tcx_${direction}`;
}
