/** The mark of a packet, and what Cilium means by it. */
import {
  MARK_ENCRYPT,
  MARK_HOST,
  MARK_IDENTITY,
  MARK_MAGIC_MASK,
  MARK_OVERLAY,
  MARK_PROXY_EGRESS,
  MARK_PROXY_INGRESS,
  MARK_SNAT_DONE,
  MARK_TO_PROXY,
} from '../../programs/constants.js';
import { markIdentity } from '../../programs/steps/identity.js';
import type { Change } from './model.js';

const WITHOUT_IDENTITY: ReadonlyMap<number, string> = new Map([
  [MARK_HOST, 'from the host'],
  [MARK_SNAT_DONE, 'SNAT done'],
  [MARK_OVERLAY, 'tunnelled'],
  [MARK_ENCRYPT, 'to be encrypted'],
]);
const WITH_IDENTITY: ReadonlyMap<number, string> = new Map([
  [MARK_IDENTITY, 'identity'],
  [MARK_PROXY_INGRESS, 'from the ingress proxy, identity'],
  [MARK_PROXY_EGRESS, 'from the egress proxy, identity'],
]);

/** The mark as a change; none where it is the same. */
export function markChange(before: number, after: number): Change[] {
  return before === after ? [] : [{ field: 'mark', before: markText(before), after: markText(after) }];
}

/** `0`, `0x27110f00 (identity 10001)`. */
function markText(mark: number): string {
  if (mark === 0) return '0';
  const hex = `0x${(mark >>> 0).toString(16)}`;
  const magic = mark & MARK_MAGIC_MASK;
  if (magic === MARK_TO_PROXY)
    return `${hex} (to the proxy, port ${((mark >>> 24) | ((mark >>> 8) & 0xff00)) & 0xffff})`;
  const plain = WITHOUT_IDENTITY.get(magic);
  if (plain !== undefined) return `${hex} (${plain})`;
  const named = WITH_IDENTITY.get(magic);
  return named === undefined ? hex : `${hex} (${named} ${markIdentity(mark)})`;
}
