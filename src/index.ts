/**
 * The library: topologies that run, programs of one's own for their hooks, and readers and writers of captures.
 * docs/programs.md shows how they go together.
 */

export { mermaidText } from './cli/trace/mermaid.js';
export { NO_STYLE } from './cli/trace/style.js';
export { svgText } from './cli/trace/svg.js';
export { type TextOptions, traceText } from './cli/trace/text.js';
export { formatAddress, formatMac, type Prefix, parseAddress, parsePrefix } from './engine/address-text.js';
export { CaptureClock } from './engine/capture-clock.js';
export { Clock } from './engine/clock.js';
export type { Device } from './engine/device.js';
export { EventQueue, type Timer } from './engine/event-queue.js';
export { CONSUMED, DELIVERED, DROPPED, FATE_NAMES, TRANSMITTED } from './engine/fate.js';
export {
  HOOK_CLSACT_EGRESS,
  HOOK_CLSACT_INGRESS,
  HOOK_NAMES,
  HOOK_TCX_EGRESS,
  HOOK_TCX_INGRESS,
  HOOK_XDP,
} from './engine/hooks/order.js';
export type { HookProgram } from './engine/hooks/program.js';
export * from './engine/hooks/verdict.js';
export { createMap, type MapOptions } from './engine/maps/create-map.js';
export {
  BPF_ANY,
  BPF_EXIST,
  BPF_NOEXIST,
  type BpfMap,
  type MapSpec,
  type MapType,
} from './engine/maps/map.js';
export type { WalkObserver } from './engine/observer.js';
export { BPF_F_INGRESS, PacketContext } from './engine/packet.js';
export { type RandomSource, SeededRandom } from './engine/random.js';
export type { Walker } from './engine/walker.js';
export * as arp from './engine/wire/arp.js';
export { i32, i32le, put16, put16le, put32, put32le, u16, u16le } from './engine/wire/bytes.js';
export * as checksum from './engine/wire/checksum.js';
export * as ethernet from './engine/wire/ethernet.js';
export * as geneve from './engine/wire/geneve.js';
export * as icmp from './engine/wire/icmp.js';
export * as icmpv6 from './engine/wire/icmpv6.js';
export * as ipv4 from './engine/wire/ipv4.js';
export * as ipv6 from './engine/wire/ipv6.js';
export * as layer4 from './engine/wire/layer4.js';
export * as sctp from './engine/wire/sctp.js';
export * as tcp from './engine/wire/tcp.js';
export * as udp from './engine/wire/udp.js';
export * as vlan from './engine/wire/vlan.js';
export * as vxlan from './engine/wire/vxlan.js';
export type { Host } from './hosts/host.js';
export type { Process, Program, Steps } from './hosts/process.js';
export type { TcpConnection } from './hosts/tcp-connection.js';
export { ToolError } from './hosts/tools/options.js';
export { prepareTool } from './hosts/tools/tools.js';
export type { UdpSocket } from './hosts/udp-socket.js';
export { CaptureError } from './io/capture-error.js';
export { openCapture } from './io/capture-file.js';
export { PacketBatch } from './io/packet-batch.js';
export { forEachBatch, type PacketSource } from './io/packet-source.js';
export { PcapngWriter } from './io/pcapng-writer.js';
export { Agent } from './topologies/agent.js';
export { type BuildOptions, buildTopology } from './topologies/build.js';
export { type BuiltNode, type BuiltPod, BuiltTopology, type WalkResult } from './topologies/built.js';
export { type Fault, TopologyError } from './topologies/faults.js';
export { type LoadedTopology, loadTopology, readTopology } from './topologies/load.js';
export { OwnProgramError } from './topologies/own-program-error.js';
export {
  type AttachedProgram,
  attachOwnProgram,
  type OwnProgram,
  type Place,
  type ProgramContext,
  type ProgramFactory,
} from './topologies/own-programs.js';
export { listTopologies } from './topologies/ready-made.js';
export { Replay } from './topologies/replay.js';
export {
  type Loss,
  Simulation,
  type SimulationOptions,
  type SimulationTap,
} from './topologies/simulation.js';
export type { TopologySpec } from './topologies/spec.js';
export { parseExpression } from './topologies/trace/expression.js';
export { ExpressionError } from './topologies/trace/expression-error.js';
export type * from './topologies/trace/model.js';
export { type PacketRequest, resolveExpression } from './topologies/trace/resolve.js';
export { type TraceOptions, Tracer } from './topologies/trace/tracer.js';
