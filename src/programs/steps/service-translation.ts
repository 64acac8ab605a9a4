import type { PacketContext } from '../../engine/packet.js';
import { i32le } from '../../engine/wire/bytes.js';
import { EGRESS, TC_INDEX_SKIP_NODEPORT } from '../constants.js';
import { DROP_NO_SERVICE, DROP_PUNT_PROXY } from '../drop-reasons.js';
import type { Flow } from '../flow.js';
import type { ProgramInstance } from '../instance.js';
import * as services from '../tables/services.js';
import { DEBUG_LOOPBACK } from './debug.js';
import { isPortProtocol, loadPorts } from './fragments.js';
import { readTuple } from './headers.js';
import { lookupEndpoint } from './identity.js';
import { chooseBackend, lookupService, translate } from './load-balancer.js';
import { answerNoService } from './no-service.js';
import { debug } from './notify.js';
import { CONTINUE } from './outcome.js';
import { isL7Delegate, isRedirectSkipped, serviceFlags } from './service-entry.js';

/**
 * Per-packet service translation of what a pod sends: the destination of a service becomes a backend. What was
 * decided stands in `flow.lb*`. CONTINUE (translated or not a service), a verdict (answered), or a drop reason.
 * Pods check neither source ranges nor the flags that belong to NodePort.
 */
export function translateService(program: ProgramInstance, packet: PacketContext, flow: Flow): number {
  readTuple(packet, flow);
  if (!isPortProtocol(program, flow.protocol)) return CONTINUE;
  const error = loadPorts(program, packet, flow, EGRESS);
  if (error < 0) return error;
  const features = program.features;
  const serviceAt = lookupService(program, flow, features.nodePort);
  if (serviceAt < 0) return CONTINUE;
  const flags = serviceFlags(flow, serviceAt);
  if (features.l7LoadBalancer && (flags & services.L7_LOADBALANCER) !== 0) {
    const port = flow.family.services.words[(serviceAt >> 2) + services.L7_PROXY_PORT] & 0xffff;
    if (port !== 0) {
      flow.lbProxyPort = port;
      return CONTINUE;
    }
  }
  const localRedirect = features.localRedirectPolicy && (flags & services.LOCAL_REDIRECT) !== 0;
  if (localRedirect && features.socketLbFull) return CONTINUE;
  // The client's view, before the choice moves the tuple.
  const servicePort = flow.tuple[flow.family.portsWord] >>> 16;
  const backendAt = chooseBackend(program, packet, flow, serviceAt);
  if (backendAt < 0) {
    if (backendAt === DROP_NO_SERVICE && features.noBackendResponse) {
      return answerNoService(program, packet, flow);
    }
    return backendAt;
  }
  const family = flow.family;
  const backendWord = backendAt >> 2;
  const clientIsBackend = !family.isV6 && flow.tuple[1] === family.backends.words[backendWord];
  if (localRedirect && (family.isV6 || clientIsBackend) && isOwnRedirectSkipped(program, flow, servicePort)) {
    return CONTINUE;
  }
  if (clientIsBackend) {
    flow.lbLoopback = true;
    if (program.features.debug) {
      const source = i32le(packet.bytes, flow.l3At + family.sourceOffset);
      debug(program, packet, DEBUG_LOOPBACK, source, program.config.serviceLoopbackIpv4, 0);
    }
  }
  if (
    isL7Delegate(flags) &&
    lookupEndpoint(program.datapath, family, family.backends.words, backendWord) >= 0
  ) {
    if (features.nodePort) packet.tcIndex |= TC_INDEX_SKIP_NODEPORT;
    return DROP_PUNT_PROXY;
  }
  const failed = translate(program, packet, flow, backendAt, servicePort);
  return failed < 0 ? failed : CONTINUE;
}

/** The pod's own traffic to a local-redirect frontend; a pod whose cookie is not known is never let through. */
function isOwnRedirectSkipped(program: ProgramInstance, flow: Flow, servicePort: number): boolean {
  const [low, high] = program.config.netnsCookie;
  if (low === 0 && high === 0) return false;
  return isRedirectSkipped(program, flow.family, low, high, flow.tuple, 0, servicePort);
}
