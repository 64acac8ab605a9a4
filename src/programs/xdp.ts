/**
 * The XDP program of a native device: drops what the prefilter names, and does NodePort before the packet costs the
 * kernel a buffer. What it passes on may carry a word for the tc program behind it.
 */
import type { HookProgram } from '../engine/hooks/program.js';
import { XDP_DROP, XDP_PASS } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import { put32le } from '../engine/wire/bytes.js';
import * as ethernet from '../engine/wire/ethernet.js';
import { INGRESS, TC_INDEX_SKIP_NODEPORT } from './constants.js';
import { DSR_MODE_GENEVE } from './features.js';
import type { Flow } from './flow.js';
import type { ProgramInstance } from './instance.js';
import { enterGeneve } from './steps/geneve-entry.js';
import { etherType, readIp } from './steps/headers.js';
import { nodePortIngress } from './steps/nodeport-ingress.js';
import { drop } from './steps/notify.js';
import { CONTINUE, RECIRCULATE_IPV4, RECIRCULATE_IPV6 } from './steps/outcome.js';
import { isPrefiltered } from './steps/prefilter.js';

/** Bytes of metadata that tell tc about the packet. */
const METADATA_LENGTH = 4;

/** The program of a native device, by its kernel name. */
export function xdpPrograms(program: ProgramInstance): { readonly entry: HookProgram } {
  return { entry: { name: 'cil_xdp_entry', run: (packet) => entry(program, packet) } };
}

function entry(program: ProgramInstance, packet: PacketContext): number {
  const features = program.features;
  const datapath = program.datapath;
  const type = etherType(packet);
  packet.xdpMeta = 0;
  packet.tcIndex = 0;
  const v6 = type === ethernet.TYPE_IPV6;
  if (!(v6 ? features.ipv6 : type === ethernet.TYPE_IPV4 && features.ipv4)) return XDP_PASS;
  const flow = datapath.flow;
  if (features.prefilter) {
    const error = readIp(datapath, packet, flow, v6);
    if (error < 0 || isPrefiltered(program, packet, flow)) return XDP_DROP;
  }
  if (!features.nodePortAcceleration) return XDP_PASS;
  return balance(program, packet, flow, v6, features.prefilter);
}

/** NodePort; translation may bring the packet back here as the other family, its header to be read again. */
function balance(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  headerRead: boolean,
): number {
  let asV6 = v6;
  let isRead = headerRead;
  for (;;) {
    const outcome = translate(program, packet, flow, asV6, isRead);
    isRead = false;
    if (outcome === RECIRCULATE_IPV4 || outcome === RECIRCULATE_IPV6) {
      asV6 = outcome === RECIRCULATE_IPV6;
      if ((packet.tcIndex & TC_INDEX_SKIP_NODEPORT) === 0) continue;
    } else if (outcome !== CONTINUE) {
      return outcome < 0 ? drop(program, packet, outcome, INGRESS, 0, 0, 0, flow.extendedError) : outcome;
    }
    return pass(packet);
  }
}

/** CONTINUE, RECIRCULATE_*, a verdict, or a drop reason. */
function translate(
  program: ProgramInstance,
  packet: PacketContext,
  flow: Flow,
  v6: boolean,
  headerRead: boolean,
): number {
  const features = program.features;
  const datapath = program.datapath;
  flow.extendedError = 0;
  flow.outerAt = -1;
  let error = headerRead ? 0 : readIp(datapath, packet, flow, v6);
  if (error < 0) return error;
  if (!v6 && features.dsr && !features.dsrHybrid && features.dsrMode === DSR_MODE_GENEVE) {
    error = enterGeneve(program, packet, flow);
    if (error < 0) return error;
  }
  return nodePortIngress(program, packet, flow, 0);
}

/** To the kernel's stack, with what tc is to know in front of the packet and nothing else of what stood in the context. */
function pass(packet: PacketContext): number {
  packet.tcIndex = 0;
  packet.clearControlBlock();
  if (packet.xdpMeta !== 0) {
    const metadataAt = packet.start - METADATA_LENGTH;
    if (metadataAt < packet.headLimit) {
      // bpf_xdp_adjust_meta finds no room: tc is not told, and looks for services again.
      packet.xdpMeta = 0;
    } else {
      put32le(packet.bytes, metadataAt, packet.xdpMeta);
      packet.metaLength = METADATA_LENGTH;
    }
  }
  return XDP_PASS;
}
