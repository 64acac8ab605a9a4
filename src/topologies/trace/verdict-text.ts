/** Verdicts of hooks, by the kernel's names, and what comes of them. */
import type { Device } from '../../engine/device.js';
import {
  HOOK_NETFILTER_EGRESS,
  HOOK_NETFILTER_INGRESS,
  isIngressHook,
  isXdpHook,
} from '../../engine/hooks/order.js';
import {
  NF_ACCEPT,
  NF_DROP,
  TC_ACT_OK,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_UNSPEC,
  XDP_DROP,
  XDP_PASS,
  XDP_REDIRECT,
  XDP_TX,
} from '../../engine/hooks/verdict.js';
import {
  BPF_F_INGRESS,
  type PacketContext,
  REDIRECT_NEIGHBOUR,
  REDIRECT_NONE,
  REDIRECT_PEER,
} from '../../engine/packet.js';
import type { Verdict } from './model.js';
import type { TraceNames } from './trace-names.js';

const TC_NAMES: ReadonlyMap<number, string> = new Map(
  ['UNSPEC', 'OK', 'RECLASSIFY', 'SHOT', 'PIPE', 'STOLEN', 'QUEUED', 'REPEAT', 'REDIRECT', 'TRAP'].map(
    (name, i) => [i - 1, `TC_ACT_${name}`],
  ),
);
const XDP_NAMES = ['XDP_ABORTED', 'XDP_DROP', 'XDP_PASS', 'XDP_TX', 'XDP_REDIRECT'];
const NETFILTER_NAMES = ['NF_DROP', 'NF_ACCEPT', 'NF_STOLEN'];

/** `packet` is as the program left it. */
export function verdictOf(
  names: TraceNames,
  packet: PacketContext,
  device: Device,
  hook: number,
  code: number,
): Verdict {
  if (isXdpHook(hook)) {
    return { code, name: XDP_NAMES[code] ?? String(code), text: xdpText(names, packet, device, code) };
  }
  if (hook === HOOK_NETFILTER_INGRESS || hook === HOOK_NETFILTER_EGRESS) {
    return netfilterVerdict(code);
  }
  return { code, name: TC_NAMES.get(code) ?? String(code), text: tcText(names, packet, device, hook, code) };
}

export function netfilterVerdict(code: number): Verdict {
  const text = code === NF_ACCEPT ? 'goes on' : code === NF_DROP ? 'dropped' : 'sent elsewhere';
  return { code, name: NETFILTER_NAMES[code] ?? String(code), text };
}

function xdpText(names: TraceNames, packet: PacketContext, device: Device, code: number): string {
  if (code === XDP_PASS) return 'up to the stack, as an skb';
  if (code === XDP_TX) return `back out of ${device.name}`;
  if (code === XDP_REDIRECT) return redirectText(packet, device);
  return code === XDP_DROP ? dropText(names, packet) : 'aborted: dropped';
}

function tcText(
  names: TraceNames,
  packet: PacketContext,
  device: Device,
  hook: number,
  code: number,
): string {
  if (code === TC_ACT_SHOT) return dropText(names, packet);
  if (code === TC_ACT_REDIRECT) return redirectText(packet, device);
  if (code === TC_ACT_OK || code === TC_ACT_UNSPEC) {
    if (code === TC_ACT_UNSPEC) return 'no decision: goes on';
    return isIngressHook(hook) ? `up to the stack of ${device.namespace.name}` : `out of ${device.name}`;
  }
  return 'taken by the program';
}

function dropText(names: TraceNames, packet: PacketContext): string {
  return packet.dropReason === 0 ? 'dropped' : `dropped: ${names.reason(packet.dropReason)}`;
}

function redirectText(packet: PacketContext, device: Device): string {
  const target = device.namespace.device(packet.redirectIfindex);
  const name = target === null ? `interface ${packet.redirectIfindex}, which is not there` : target.name;
  switch (packet.redirectKind) {
    case REDIRECT_NONE:
      return 'redirected';
    case REDIRECT_PEER: {
      const peer = target?.peer ?? null;
      const into = peer === null ? 'its peer' : `${peer.name} of ${peer.namespace.name}`;
      return `bpf_redirect_peer: through ${name} into ${into}`;
    }
    case REDIRECT_NEIGHBOUR:
      return `bpf_redirect_neigh: out of ${name}, MACs by its neighbour table`;
    default:
      return (packet.redirectFlags & BPF_F_INGRESS) !== 0
        ? `bpf_redirect: into the ingress of ${name}`
        : `bpf_redirect: out of ${name}`;
  }
}
