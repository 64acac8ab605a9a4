/** What a router made of a case: frames that came out, by device, and its connections as /proc/net/nf_conntrack has them. */
export interface CaseResult {
  readonly name: string;
  readonly outputs: readonly (readonly [device: string, hex: string])[];
  readonly connections: readonly string[];
}
