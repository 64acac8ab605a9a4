/** What a packet's sender asked its socket for: with socket load balancing, programs see the call before there is a packet. */
import { addressText } from '../../engine/address-text.js';
import { errnoName } from '../../engine/hooks/errno.js';
import type { SocketHook } from '../../engine/hooks/socket.js';
import type { Namespace } from '../../engine/namespace.js';
import { SocketCalls } from '../../hosts/socket-calls.js';
import type { BuiltNode, BuiltTopology } from '../built.js';
import type { TraceCollector } from './collector.js';
import { withPort } from './frame-layers.js';
import type { Step } from './model.js';

type HookStep = Omit<Extract<Step, { kind: 'hook' }>, 'number'>;

export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
}

/** A socket of a pod's or node's, on a node with socket programs. */
export interface CallingSocket {
  readonly node: BuiltNode;
  readonly namespace: Namespace;
  readonly protocol: number;
  readonly cookie: number;
}

/** Where a call goes, or the text of its error; `step` is null where no program cared. */
export interface CallResult {
  readonly step: HookStep | null;
  readonly endpoint: Endpoint;
  readonly error: string;
}

/** A socket in a namespace, for TCP and UDP; null where no program would see it. */
export function socketIn(
  built: BuiltTopology,
  namespace: Namespace,
  protocol: number,
  cookie: number,
): CallingSocket | null {
  const node = built.findNode(namespace);
  return node?.socketHooks ? { node, namespace, protocol, cookie } : null;
}

/** Calls a socket hook about an endpoint, and tells what its program did. */
export function callSocket(
  collector: TraceCollector,
  socket: CallingSocket,
  hook: SocketHook,
  endpoint: Endpoint,
): CallResult {
  const { node, namespace, protocol, cookie } = socket;
  const hooks = node.socketHooks!;
  const pod = node.pods.find((one) => one.namespace === namespace);
  const calls = new SocketCalls(hooks, pod?.planned.endpointId ?? null);
  const version = endpoint.address.length === 4 ? 4 : 6;
  const program = hooks.programs.find(({ name }) => name === `cil_sock${version}_${hook}`);
  if (program === undefined) return { step: null, endpoint, error: '' };
  let result: Endpoint | number = endpoint;
  const actions = collector.watchCall(node, () => {
    result = calls.translate(hook, protocol, cookie, 0, endpoint);
  });
  const translated = result as Endpoint | number;
  const [before, after] = [
    endpointText(endpoint),
    typeof translated === 'number' ? '' : endpointText(translated),
  ];
  const error = typeof translated === 'number' ? errnoName(translated) : '';
  if (error === '' && before !== after) {
    const field = hook === 'recvmsg' ? 'source' : 'destination';
    actions.push({ kind: 'rewrite', changes: [{ field, before, after }] });
  }
  if (error === '' && actions.length === 0) return { step: null, endpoint, error };
  const step: HookStep = {
    kind: 'hook',
    frame: 1,
    place: collector.stackPlace(namespace.index),
    hook: `cgroup ${hook}${version}`,
    program: program.name,
    actions,
    verdict: verdictOf(hook, error, before, after),
  };
  return { step, endpoint: typeof translated === 'number' ? endpoint : translated, error };
}

function verdictOf(hook: SocketHook, error: string, before: string, after: string): HookStep['verdict'] {
  if (error !== '') return { code: 0, name: 'SYS_REJECT', text: `refused: the call fails with ${error}` };
  if (before === after) return { code: 1, name: 'SYS_PROCEED', text: 'the call goes on as it is' };
  const text = hook === 'recvmsg' ? `the process hears from ${after}` : `the socket talks to ${after}`;
  return { code: 1, name: 'SYS_PROCEED', text };
}

function endpointText({ address, port }: Endpoint): string {
  return withPort(addressText(address), port);
}
