/** `cilium-dbg monitor` and its options. */
import type { BuiltNode, BuiltTopology } from '../../topologies/built.js';
import { UsageError } from '../exit-codes.js';
import { countOf, type Flag, oneOf, readFlags, valuesOf, wholeNumber } from '../shell/flags.js';
import { endpointsOf } from '../show/endpoints.js';
import { EVENT_TYPES } from './cilium-filter.js';
import { CiliumMonitor, type CiliumOptions } from './cilium-monitor.js';
import type { CiliumVersion } from './cilium-version.js';

const TOOL = 'cilium-dbg monitor';

const FLAGS: readonly Flag[] = [
  { name: '--type', short: '-t', takesValue: true },
  { name: '--from', takesValue: true },
  { name: '--to', takesValue: true },
  { name: '--related-to', takesValue: true },
  { name: '--verbose', short: '-v' },
  { name: '--hex' },
  { name: '--json', short: '-j' },
  { name: '--output', short: '-o', takesValue: true },
  { name: '--numeric', short: '-n' },
];

const LAST_ENDPOINT = 65535;

/** Reads the words behind `cilium-dbg monitor`. Throws UsageError. */
export function ciliumMonitor(
  words: readonly string[],
  topology: BuiltTopology,
  nodes: readonly BuiltNode[],
  version: CiliumVersion,
  say: (text: string) => void,
): CiliumMonitor {
  const given = readFlags(TOOL, words, FLAGS);
  for (const value of valuesOf(given, '--output')) oneOf(TOOL, '--output', value, ['json']);
  const ids = (flag: string): number[] =>
    valuesOf(given, flag).map((value) => endpointId(flag, value, topology, nodes));
  const options: CiliumOptions = {
    verbosity: Math.min(2, countOf(given, '--verbose')) as 0 | 1 | 2,
    hex: countOf(given, '--hex') > 0,
    json: countOf(given, '--json') > 0 || countOf(given, '--output') > 0,
    numeric: countOf(given, '--numeric') > 0,
    version,
    say,
    filter: {
      types: valuesOf(given, '--type').map((value) => oneOf(TOOL, '--type', value, EVENT_TYPES)),
      from: ids('--from'),
      to: ids('--to'),
      related: ids('--related-to'),
    },
  };
  return new CiliumMonitor(options);
}

/** A number, or (which the tool does not take) a pod's name. An id that no endpoint has is refused. */
function endpointId(
  flag: string,
  value: string,
  topology: BuiltTopology,
  nodes: readonly BuiltNode[],
): number {
  const pod = topology.pods.find(({ planned }) => planned.name === value);
  if (pod !== undefined) return pod.planned.endpointId;
  const endpoints = nodes.flatMap((node) => endpointsOf(node));
  const known = endpoints.map(({ id, name }) => `${id} (${name})`).join(', ');
  if (!/^\d+$/.test(value)) {
    throw new UsageError(`${TOOL}: ${flag} ${value}: no endpoint id and no pod; there are ${known}`);
  }
  const id = wholeNumber(TOOL, flag, value, 0, LAST_ENDPOINT);
  // Policy verdicts are compared by the remote identity, which --to therefore takes as well.
  if (flag === '--from' && id !== 0 && !endpoints.some((endpoint) => endpoint.id === id)) {
    throw new UsageError(`${TOOL}: ${flag} ${value}: no such endpoint; there are ${known}`);
  }
  return id;
}
