/** The summary in words: what most people look for comes first, what there is none of is left out. */
import { bytesText, countText, durationText, plural, rateText } from '../numbers.js';
import type { FlowPath, FlowSummary } from './flows.js';
import type { ReplaySummary } from './summary.js';
import { translationText } from './talk-text.js';

const LABEL_WIDTH = 13;
const RATE_FROM_SECONDS = 0.5;

export function summaryText(summary: ReplaySummary): string {
  const parts = [
    head(summary),
    [...entered(summary), ...fates(summary), ...proxy(summary), ...ownFrames(summary), ...outputs(summary)],
    [...programs(summary), ...services(summary), ...created(summary), ...expired(summary)],
    flows(summary),
    [pace(summary)],
  ];
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(LABEL_WIDTH)}${text}`;
}

function head({ capture, topology, frames, captureTime, complete, faults }: ReplaySummary): string[] {
  const name = capture === '-' ? 'standard input' : capture;
  const through = topology.inferred ? 'an inferred topology' : `topology ${topology.name}`;
  const span = captureTime === null ? '' : ` in ${durationText(captureTime.seconds)} of capture`;
  const end = complete ? '' : faults.length > 0 ? ' (with faults: see the error)' : ' (interrupted)';
  return [`${name} through ${through}: ${plural(frames.read, 'frame')}${span}${end}`];
}

function entered({ frames }: ReplaySummary): string[] {
  const from = [
    part(frames.fromPods, 'from pods'),
    part(frames.fromOutside, 'from outside'),
    part(frames.fromNodeStack, "from a node's stack"),
  ].filter((text) => text !== '');
  const not = [
    frames.answersSeen === 0
      ? ''
      : plural(frames.answersSeen, 'answer that a walk gave', 'answers that walks gave'),
    part(frames.leftOut, 'left out'),
    part(frames.otherLinkType, 'not Ethernet'),
  ].filter((text) => text !== '');
  const cut =
    frames.cut > 0 ? [line('cut', `${countText(frames.cut)} by the snap length, walked as zeros`)] : [];
  return [
    ...(from.length > 0 ? [line('entered', from.join(', '))] : []),
    ...(not.length > 0 ? [line('not walked', not.join(', '))] : []),
    ...cut,
  ];
}

function part(count: number, what: string): string {
  return count === 0 ? '' : `${countText(count)} ${what}`;
}

function fates({ fates: by, totals }: ReplaySummary): string[] {
  const rows: [string, number, string][] = [
    ['delivered', totals.delivered, counts(by.delivered, 'to')],
    ['sent out', totals.transmitted, counts(by.transmitted, 'of')],
    ['node stack', totals.stack, counts(by.stack, 'of')],
    ['answered', totals.answered, 'by the datapath itself'],
    [
      'dropped',
      totals.dropped,
      by.dropped
        .map(
          ({ reason, name, frames }) => `${countText(frames)} ${name}${reason < 256 ? ` (${reason})` : ''}`,
        )
        .join(', '),
    ],
  ];
  rows.push(['held', totals.held, "waiting for a neighbour's link address"]);
  const width = Math.max(...rows.map(([, total]) => countText(total).length));
  return rows
    .filter(([, total]) => total > 0)
    .map(([label, total, text]) => line(label, `${countText(total).padStart(width)}  ${text}`));
}

/** Of the frames for the node's stack: those that an L7 proxy would take. */
function proxy({ proxy: taken }: ReplaySummary): string[] {
  return taken.map(({ node, port, frames }, i) => {
    const where = port === 0 ? `on ${node}` : `at port ${port} of ${node}`;
    return line(
      i === 0 ? 'proxy' : '',
      `${plural(frames, 'frame')} of these taken for the L7 proxy ${where}`,
    );
  });
}

/** What the stacks of nodes and routers said, which is in no other row. */
function ownFrames({ ownFrames: own }: ReplaySummary): string[] {
  if (own.sent === 0) return [];
  const parts = [
    part(own.delivered, 'delivered'),
    part(own.transmitted, 'sent out'),
    part(own.stack, 'to node stacks'),
    part(own.dropped, 'dropped'),
  ].filter((text) => text !== '');
  return [
    line('besides', `${plural(own.sent, 'frame')} that kernels sent (ARP, ND, ICMP): ${parts.join(', ')}`),
  ];
}

/** `to pod1`, or `12 to pod1, 3 to pod2`. */
function counts(by: Readonly<Record<string, number>>, word: string): string {
  const places = Object.entries(by).sort(([, a], [, b]) => b - a);
  if (places.length === 1) return `${word} ${places[0][0]}`;
  return places.map(([name, count]) => `${countText(count)} ${word} ${name}`).join(', ');
}

function outputs({ outputs: found }: ReplaySummary): string[] {
  if (found.expected === 0) return [];
  const text = [
    `${countText(found.matched)} of ${plural(found.expected, 'frame')} came out as the capture shows, byte for byte`,
  ];
  if (found.matchedButLinkHeader > 0)
    text.push(`${countText(found.matchedButLinkHeader)} but for their MACs`);
  if (found.different > 0) {
    const where = Object.entries(found.differences).map(([name, count]) => `${name} ${countText(count)}`);
    text.push(
      `${countText(found.different)} ${found.different === 1 ? 'differs' : 'differ'} (${where.join(', ')})`,
    );
  }
  if (found.missing > 0) text.push(`${countText(found.missing)} did not come out there`);
  return [line('as captured', text.join('; '))];
}

function programs({ programs: own }: ReplaySummary): string[] {
  return own.map(({ name, device, hook, runs, drops, counts: told }, i) => {
    const text = [
      `ran on ${plural(runs, 'frame')}`,
      part(drops, 'dropped'),
      Object.entries(told)
        .map(([what, count]) => part(count, what))
        .filter((words) => words !== '')
        .join(', '),
    ].filter((words) => words !== '');
    return line(i === 0 ? 'programs' : '', `${name} at ${device}/${hook}: ${text.join('; ')}`);
  });
}

function services({ services: hits }: ReplaySummary): string[] {
  return hits.map(({ name, frontend, protocol, backend, flows: count, frames }, i) =>
    line(
      i === 0 ? 'services' : '',
      `${name} ${frontend}/${protocol} → ${backend ?? 'no backend'}: ${plural(frames, 'frame')} of ${plural(count, 'flow')}`,
    ),
  );
}

function created({ mapEntries }: ReplaySummary): string[] {
  const nodes = [...new Set(mapEntries.map(({ node }) => node))];
  return nodes.map((node, i) => {
    const maps = mapEntries.filter((entry) => entry.node === node);
    const text = maps.map(({ map, created: count }) => `${countText(count)} in ${map}`).join(', ');
    return line(i === 0 ? 'map entries' : '', `${node}: ${text}`);
  });
}

function expired({ expired: nodes }: ReplaySummary): string[] {
  return nodes.map(({ node, connections, mappings }, i) => {
    const text = [
      connections > 0 ? plural(connections, 'connection') : '',
      mappings > 0 ? plural(mappings, 'NAT mapping') : '',
    ];
    return line(i === 0 ? 'expired' : '', `${node}: ${text.filter((part) => part !== '').join(', ')}`);
  });
}

function flows({ flows: { count, top, untrackedFrames } }: ReplaySummary): string[] {
  if (count === 0 || top.length === 0) return [];
  const more =
    count > top.length
      ? `${plural(count, 'flow')}, the ${top.length} with the most frames`
      : plural(count, 'flow');
  const rows = top.flatMap(flowRows);
  const width = Math.max(...rows.map(([, , talk]) => talk.length));
  const rest = untrackedFrames > 0 ? [`  ${plural(untrackedFrames, 'frame')} of further flows`] : [];
  return [
    `  ${more}:`,
    ...rows.map(([frames, bytes, talk, end]) =>
      `  ${frames.padStart(9)} ${bytes.padStart(7)}  ${talk.padEnd(width)}  ${end}`.trimEnd(),
    ),
    ...rest,
  ];
}

/** A row for each fate that frames of the flow met. */
function flowRows(flow: FlowSummary): string[][] {
  return flow.paths.map((path, i) => [
    countText(path.frames),
    bytesText(path.bytes),
    i === 0 ? talk(flow) : '  ″',
    pathText(flow, path),
  ]);
}

function talk({ source, destination, kind }: FlowSummary): string {
  return source === '' ? kind : `${source} → ${destination} ${kind}`;
}

function pathText(flow: FlowSummary, path: FlowPath): string {
  const change = translationText(flow.source, flow.destination, path.source, path.destination);
  switch (path.fate) {
    case 'dropped':
      return `dropped: ${path.reasonName}${path.reason < 256 ? ` (${path.reason})` : ''}`;
    case 'answered':
      return `answered: ${path.kind}`;
    case 'delivered':
      return `delivered to ${path.where}${change}`;
    case 'transmitted':
      return `sent out of ${path.where}${change}`;
    default:
      return `taken by ${path.where}${change}`;
  }
}

function pace({ frames, elapsedSeconds, framesPerSecond }: ReplaySummary): string {
  // A rate over a few milliseconds tells of the start of the program only.
  const rate = elapsedSeconds < RATE_FROM_SECONDS ? '' : `, ${rateText(framesPerSecond)} frames/s`;
  return `  walked ${bytesText(frames.bytes)} in ${durationText(elapsedSeconds)}${rate}`;
}
