/** `ip link show` of iproute2 6.1. */
import { formatMac } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import * as interfaces from './interface.js';
import { ipJson } from './json-text.js';
import { programText } from './program-text.js';

type Interface = interfaces.Interface;

/** A veth has a queue per CPU; the listings show a machine with two. */
const QUEUES = 2;
const NAME_WIDTH = 16;
const STATE_WIDTH = 14;

export interface LinkOptions {
  readonly json: boolean;
  readonly pretty: boolean;
  readonly details: boolean;
  readonly brief: boolean;
}

export function showLinks(links: readonly Interface[], options: LinkOptions): string {
  if (options.json) {
    return ipJson(
      links.map((one) => interfaces.interfaceJson(one, true)),
      options.pretty,
    );
  }
  return links.map((one) => (options.brief ? briefText(one) : linkText(one, options.details))).join('');
}

function briefText(one: Interface): string {
  const name = interfaces.displayName(one).padEnd(NAME_WIDTH);
  const flags = interfaces.flagNames(one).join(',');
  return `${name} ${one.state.padEnd(STATE_WIDTH)} ${formatMac(one.mac)} <${flags}> \n`;
}

function linkText(one: Interface, details: boolean): string {
  const program = one.xdp === null ? '' : `    prog/xdp ${programText(one.xdp.program, details)}\n`;
  const end = details ? detailText(one.device) : '\n';
  return `${interfaces.headLine(one, true)}\n${interfaces.linkLine(one)}${end}${program}`;
}

function detailText(device: Device | null): string {
  const kind = device === null ? null : kindOf(device);
  const queues = `addrgenmode eui64 numtxqueues ${QUEUES} numrxqueues ${QUEUES} `;
  const offload =
    'gso_max_size 65536 gso_max_segs 65535 tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536 \n';
  const general = ' promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 ';
  return `${general}${kind === null ? '' : `\n    ${kind} `}${queues}${offload}`;
}

/** The kind that the kernel names; hardware has none. */
function kindOf(device: Device): string | null {
  if (device.kind === 'physical' || device.kind === 'loopback') return null;
  if (device.kind === 'tap') return 'tun type tap pi off vnet_hdr off persist off';
  return device.kind;
}
