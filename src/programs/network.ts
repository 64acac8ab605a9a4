/** from-network: a device that IPsec packets arrive at when it is not one of Cilium's native devices. */
import type { HookProgram } from '../engine/hooks/program.js';
import { TC_ACT_OK, TC_ACT_REDIRECT } from '../engine/hooks/verdict.js';
import type { PacketContext } from '../engine/packet.js';
import { INGRESS, MARK_DECRYPT, MARK_MAGIC_MASK } from './constants.js';
import type { ProgramInstance } from './instance.js';
import { etherType } from './steps/headers.js';
import { decrypt } from './steps/ipsec.js';
import {
  drop,
  FROM_NETWORK,
  FROM_STACK,
  REASON_ENCRYPTED,
  REASON_UNKNOWN,
  TO_HOST,
  TO_STACK,
  trace,
} from './steps/notify.js';

/** The program by its kernel name. */
export function networkPrograms(program: ProgramInstance): { readonly fromNetwork: HookProgram } {
  return {
    fromNetwork: { name: 'cil_from_network', run: (packet) => fromNetwork(program, packet) },
  };
}

function isMarkedDecrypt(packet: PacketContext): boolean {
  return (packet.mark & MARK_MAGIC_MASK) === MARK_DECRYPT;
}

/** ESP goes to XFRM, what XFRM has decrypted to the host. */
function fromNetwork(program: ProgramInstance, packet: PacketContext): number {
  packet.clearControlBlock();
  const from = isMarkedDecrypt(packet) ? FROM_STACK : FROM_NETWORK;
  let to = TO_STACK;
  let reason = REASON_UNKNOWN;
  let verdict = TC_ACT_OK;
  if (program.features.ipsec) {
    const type = etherType(packet);
    if (type >= 0) {
      verdict = decrypt(program, packet, program.datapath.flow, type);
      if (verdict < 0) return drop(program, packet, verdict, INGRESS, 0, 0, 0, 0);
      if (isMarkedDecrypt(packet)) reason = REASON_ENCRYPTED;
      if (verdict === TC_ACT_REDIRECT) to = TO_HOST;
    }
  }
  const ifindex = packet.ingressIfindex;
  trace(program, packet, from, 0, 0, 0, ifindex, reason, 0, null);
  trace(program, packet, to, 0, 0, 0, ifindex, reason, 0, null);
  return verdict;
}
