/** Says in words what happened to a packet at a hook, on its way and at its end. */
import { formatMac } from '../../engine/address-text.js';
import type { Device } from '../../engine/device.js';
import { CONSUMED, DELIVERED, FIRST_OWN_REASON, TRANSMITTED } from '../../engine/fate.js';
import { isXdpHook } from '../../engine/hooks/order.js';
import {
  TC_ACT_OK,
  TC_ACT_REDIRECT,
  TC_ACT_SHOT,
  TC_ACT_UNSPEC,
  XDP_PASS,
  XDP_TX,
} from '../../engine/hooks/verdict.js';
import { BY_DECAPSULATION, BY_ENCAPSULATION, BY_LINK, BY_ROUTE } from '../../engine/observer.js';
import { BPF_F_INGRESS, type PacketContext, REDIRECT_NEIGHBOUR, REDIRECT_PEER } from '../../engine/packet.js';
import * as arp from '../../engine/wire/arp.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import {
  type DatapathEvent,
  type PolicyVerdictEvent,
  policyMatchText,
  TO_HOST,
  TO_LXC,
  TO_NETWORK,
  TO_OVERLAY,
  TO_PROXY,
  TO_STACK,
  type TraceEvent,
  traceReasonText,
} from '../../programs/tables/events.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { Names } from '../../topologies/names.js';
import { FORM_ARP, type Talk } from './frame-tuple.js';
import { addressText, destinationText, kindText, sourceText, talkText } from './talk-text.js';

const CONNTRACK_REASONS = 4;

export class Describer {
  readonly #topology: BuiltTopology;
  readonly #names: Names;

  constructor(topology: BuiltTopology) {
    this.#topology = topology;
    this.#names = new Names(topology);
  }

  /** A program's run: the packet before and after it, what the program told, and its verdict. */
  hook(
    before: Talk,
    after: Talk,
    events: readonly DatapathEvent[],
    packet: PacketContext,
    device: Device,
    hook: number,
    verdict: number,
  ): string {
    const dropped = events.some((event) => event.kind === 'drop');
    const words = [
      ...this.#translation(before, after, packet),
      ...events.flatMap((event) => this.#event(event, device.namespace.node.name)),
      ...(dropped ? [] : [this.#verdict(packet, device, hook, verdict)]),
    ];
    return words.filter((word, i) => word !== '' && words.indexOf(word) === i).join('; ') || 'passed on';
  }

  /** A step between devices; nothing where the hooks and the end say it already. */
  step(_fromIndex: number, toIndex: number, how: number): string {
    const { name } = this.#topology.network.devices[toIndex];
    if (how === BY_ROUTE) return `routed to ${name}`;
    if (how === BY_ENCAPSULATION) return `in the tunnel's outer packet, routed to ${name}`;
    if (how === BY_DECAPSULATION) return `out of the tunnel at ${name}`;
    return how === BY_LINK ? `over the link to ${name}` : '';
  }

  end(fate: number, deviceIndex: number, reason: number): string {
    const { name, namespace } = this.#topology.network.devices[deviceIndex];
    if (fate === TRANSMITTED) return `sent out of ${name}`;
    if (fate === DELIVERED) return `delivered to ${namespace.name}`;
    if (fate === CONSUMED) return `taken by the stack of ${namespace.name}`;
    return `dropped: ${this.#names.reason(reason)}`;
  }

  #translation(before: Talk, after: Talk, packet: PacketContext): string[] {
    if (after.form === FORM_ARP) return this.#arp(before, after, packet);
    if (before.form !== after.form || before.protocol !== after.protocol) {
      const isAnswer = addressText(after.destination) === addressText(before.source);
      return [isAnswer ? `answered by the datapath: ${kindText(after)}` : `goes on as ${talkText(after)}`];
    }
    const words: string[] = [];
    if (destinationText(before) !== destinationText(after)) {
      const service = this.#names.service(before.destination, before.destinationPort, before.protocol);
      words.push(
        service === ''
          ? `destination ${destinationText(before)} → ${destinationText(after)}`
          : `service ${service} ${destinationText(before)} → backend ${destinationText(after)}`,
      );
    }
    if (sourceText(before) !== sourceText(after)) {
      const service = this.#names.service(after.source, after.sourcePort, after.protocol);
      const what = service === '' ? 'source' : `reverse NAT of service ${service}`;
      words.push(`${what} ${sourceText(before)} → ${sourceText(after)}`);
    }
    return words;
  }

  #arp(before: Talk, after: Talk, packet: PacketContext): string[] {
    if (before.protocol === after.protocol) return [];
    const senderMacAt = arp.senderMacAt(packet.start + ethernet.HEADER_LENGTH);
    return [`answered: ${addressText(after.source)} is at ${formatMac(packet.bytes, senderMacAt)}`];
  }

  #event(event: DatapathEvent, node: string): string[] {
    if (event.kind === 'drop') {
      const extended = event.extendedError === 0 ? '' : `, ${event.extendedError}`;
      return [`dropped: ${this.#names.reason(event.reason)}${extended}`];
    }
    if (event.kind === 'policy-verdict') return [this.#policy(event)];
    if (event.kind === 'trace') return this.#trace(event, node);
    return [];
  }

  #policy(event: PolicyVerdictEvent): string {
    const direction = event.direction === 1 ? 'ingress' : 'egress';
    const action = event.audited
      ? 'audited'
      : event.verdict < 0
        ? 'denied'
        : event.verdict > 0
          ? 'redirected to the proxy'
          : 'allowed';
    const peer = `${event.direction === 1 ? 'from' : 'to'} ${this.#names.identity(event.remoteIdentity)}`;
    return `${direction} policy ${action} (${policyMatchText(event.match)}) ${peer}`;
  }

  #trace(event: TraceEvent, node: string): string[] {
    const state = event.reason < CONNTRACK_REASONS ? [traceReasonText(event.reason).toUpperCase()] : [];
    switch (event.point) {
      case TO_STACK:
        return [...state, 'passed to the stack'];
      case TO_LXC:
        return [...state, `to endpoint ${this.#names.endpoint(node, event.destinationId)}`];
      case TO_PROXY:
        return [...state, `to the proxy, port ${event.destinationId}`];
      case TO_HOST:
        return [...state, 'to the host'];
      case TO_OVERLAY:
        return [...state, 'into the tunnel'];
      case TO_NETWORK:
        return [...state, 'to the network'];
      default:
        return [];
    }
  }

  #verdict(packet: PacketContext, device: Device, hook: number, verdict: number): string {
    // Cilium's programs tell their drops in events, others by the reason alone.
    if (packet.dropReason >= FIRST_OWN_REASON) return `dropped: ${this.#names.reason(packet.dropReason)}`;
    if (isXdpHook(hook)) {
      if (verdict === XDP_PASS) return 'passed on';
      return verdict === XDP_TX ? `back out of ${device.name}` : `XDP verdict ${verdict}`;
    }
    if (verdict === TC_ACT_REDIRECT) return this.#redirect(packet, device);
    if (verdict === TC_ACT_OK || verdict === TC_ACT_UNSPEC) return '';
    return verdict === TC_ACT_SHOT ? 'dropped' : `verdict ${verdict}`;
  }

  #redirect(packet: PacketContext, device: Device): string {
    const target = device.namespace.device(packet.redirectIfindex);
    const name = target === null ? `interface ${packet.redirectIfindex}` : target.name;
    if (packet.redirectKind === REDIRECT_PEER) return `redirected to the peer of ${name}`;
    if (packet.redirectKind === REDIRECT_NEIGHBOUR) return `redirected out of ${name} by neighbour`;
    const into = (packet.redirectFlags & BPF_F_INGRESS) !== 0 ? 'into' : 'out of';
    return target === device && into === 'out of' ? `sent back out of ${name}` : `redirected ${into} ${name}`;
  }
}
