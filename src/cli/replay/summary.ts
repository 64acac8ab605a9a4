/** What a replay comes to, as one object: `--json` prints it, summary-text.ts puts it in words. */
import { CONSUMED, DELIVERED, DROPPED, REASON_COUNT, TRANSMITTED } from '../../engine/fate.js';
import { HOOK_NAMES } from '../../engine/hooks/order.js';
import type { BpfMap } from '../../engine/maps/map.js';
import type { BuiltTopology } from '../../topologies/built.js';
import { DIFFERENCE_NAMES } from '../../topologies/frame-compare.js';
import type { AttachedProgram } from '../../topologies/own-programs.js';
import type { Replay } from '../../topologies/replay.js';
import type { Feed } from './feed.js';
import { type FlowSummary, flowsOf, type ServiceSummary, servicesOf } from './flows.js';
import {
  WAS_ANSWERED,
  WAS_DELIVERED,
  WAS_DROPPED,
  WAS_HELD,
  WAS_TAKEN,
  WAS_TRANSMITTED,
} from './selection.js';
import type { Tally } from './tally.js';

export interface ReplaySummary {
  readonly capture: string;
  readonly topology: {
    readonly name: string;
    readonly inferred: boolean;
    readonly nodes: number;
    readonly pods: number;
  };
  readonly frames: {
    readonly read: number;
    /** Walked, by where they entered. */
    readonly fromPods: number;
    readonly fromOutside: number;
    readonly fromNodeStack: number;
    /** Not walked: the datapath's own answers, seen in the capture; what --one-way or the topology leaves out. */
    readonly answersSeen: number;
    readonly leftOut: number;
    readonly otherLinkType: number;
    /** Walked with zeros in place of what the snap length cut off. */
    readonly cut: number;
    readonly bytes: number;
  };
  readonly fates: {
    readonly delivered: Readonly<Record<string, number>>;
    readonly transmitted: Readonly<Record<string, number>>;
    readonly stack: Readonly<Record<string, number>>;
    readonly answered: number;
    readonly dropped: readonly { readonly reason: number; readonly name: string; readonly frames: number }[];
  };
  readonly totals: {
    readonly delivered: number;
    readonly transmitted: number;
    readonly stack: number;
    readonly answered: number;
    readonly dropped: number;
    /** Still waiting for a neighbour's link address when the run ended. */
    readonly held: number;
  };
  /** What the stacks of nodes and routers said themselves (ARP, ND, ICMP), by fate; no frames of the capture. */
  readonly ownFrames: {
    readonly sent: number;
    readonly delivered: number;
    readonly transmitted: number;
    readonly stack: number;
    readonly dropped: number;
  };
  /** Packets that came to where an L7 proxy would take over, by its port (0: none in the mark); also in `stack`. */
  readonly proxy: readonly { readonly node: string; readonly port: number; readonly frames: number }[];
  readonly flows: {
    readonly count: number;
    readonly untrackedFrames: number;
    readonly top: readonly FlowSummary[];
  };
  readonly services: readonly ServiceSummary[];
  /** Entries that the run added, by map; maps without are left out. */
  readonly mapEntries: readonly {
    readonly node: string;
    readonly map: string;
    readonly created: number;
    readonly total: number;
  }[];
  /** What the nodes' agents collected because its lifetime was over; nodes without are left out. */
  readonly expired: readonly {
    readonly node: string;
    readonly connections: number;
    readonly mappings: number;
  }[];
  /** The user's own programs; `counts` are what they tell themselves. */
  readonly programs: readonly {
    readonly name: string;
    readonly device: string;
    readonly hook: string;
    readonly place: string;
    readonly runs: number;
    readonly drops: number;
    readonly counts: Readonly<Record<string, number>>;
  }[];
  /** Frames that the capture shows coming out, held against what the walks gave out. */
  readonly outputs: {
    readonly expected: number;
    readonly matched: number;
    readonly matchedButLinkHeader: number;
    readonly different: number;
    readonly differences: Readonly<Record<string, number>>;
    readonly missing: number;
  };
  /** Seconds since 1970 as decimal texts with nine digits behind the point; null when no frame has a time. */
  readonly captureTime: { readonly first: string; readonly last: string; readonly seconds: number } | null;
  readonly elapsedSeconds: number;
  readonly framesPerSecond: number;
  readonly complete: boolean;
  readonly faults: readonly string[];
}

/** Sizes of the nodes' maps before a run. */
export class MapSizes {
  readonly #maps: readonly {
    readonly node: string;
    readonly name: string;
    readonly map: BpfMap;
    readonly before: number;
    readonly removedBefore: number;
  }[];

  constructor(replay: Replay) {
    this.#maps = replay.built.nodes.flatMap(({ node, datapath }) =>
      [...datapath.maps].map(([name, map]) => ({
        node: node.name,
        name,
        map,
        before: map.size,
        removedBefore: map.removals,
      })),
    );
  }

  created(): ReplaySummary['mapEntries'] {
    return this.#maps
      .map(({ node, name, map, before, removedBefore }) => ({
        node,
        map: name,
        created: map.size - before + map.removals - removedBefore,
        total: map.size,
      }))
      .filter(({ map, created }) => created > 0 && map !== 'cilium_metrics');
  }
}

export interface SummaryContext {
  readonly capture: string;
  readonly inferred: boolean;
  readonly mapSizes: MapSizes;
  readonly programs: readonly AttachedProgram[];
  /** Flows to list. */
  readonly top: number;
}

export function summarize(feed: Feed, replay: Replay, context: SummaryContext): ReplaySummary {
  const { built, counters } = replay;
  const { tally } = feed;
  const { outcomes } = tally;
  const flows = flowsOf(tally.paths, built);
  return {
    capture: context.capture,
    topology: {
      name: built.plan.name,
      inferred: context.inferred,
      nodes: built.nodes.length,
      pods: built.pods.length,
    },
    frames: {
      read: feed.read,
      ...tally.entries(),
      answersSeen: counters.outputsMatched + counters.outputsUnmatched,
      leftOut: counters.leftOut,
      otherLinkType: feed.otherLink,
      cut: feed.cut,
      bytes: feed.bytes,
    },
    fates: {
      delivered: tally.ends(WAS_DELIVERED, (device) => device.namespace.name),
      transmitted: tally.ends(WAS_TRANSMITTED, (device) => `${device.namespace.name}/${device.name}`),
      stack: tally.ends(WAS_TAKEN, (device) => device.namespace.name),
      answered: outcomes[WAS_ANSWERED],
      dropped: drops(tally, built),
    },
    totals: {
      delivered: outcomes[WAS_DELIVERED],
      transmitted: outcomes[WAS_TRANSMITTED],
      stack: outcomes[WAS_TAKEN],
      answered: outcomes[WAS_ANSWERED],
      dropped: outcomes[WAS_DROPPED],
      held: outcomes[WAS_HELD],
    },
    ownFrames: ownFrames(tally),
    proxy: proxy(built),
    flows: { count: flows.length, untrackedFrames: tally.paths.untracked, top: flows.slice(0, context.top) },
    services: servicesOf(tally.paths, built),
    mapEntries: context.mapSizes.created(),
    expired: expired(replay),
    programs: context.programs.map(programOf),
    outputs: outputs(replay),
    captureTime: captureTime(feed),
    elapsedSeconds: feed.elapsedSeconds,
    framesPerSecond: feed.elapsedSeconds > 0 ? Math.round(feed.read / feed.elapsedSeconds) : 0,
    complete: !feed.interrupted && feed.faults.length === 0,
    faults: feed.faults.map((fault) => fault.message),
  };
}

function proxy({ nodes, proxies }: BuiltTopology): ReplaySummary['proxy'] {
  return proxies.flatMap(({ packets }, row) =>
    [...packets].map(([port, frames]) => ({ node: nodes[row].node.name, port, frames })),
  );
}

function ownFrames({ ownFates }: Tally): ReplaySummary['ownFrames'] {
  return {
    sent: ownFates.reduce((sum, frames) => sum + frames, 0),
    delivered: ownFates[DELIVERED],
    transmitted: ownFates[TRANSMITTED],
    stack: ownFates[CONSUMED],
    dropped: ownFates[DROPPED],
  };
}

function drops({ dropped }: Tally, built: BuiltTopology): ReplaySummary['fates']['dropped'] {
  const found: { reason: number; name: string; frames: number }[] = [];
  for (let reason = 0; reason < REASON_COUNT; reason++) {
    if (dropped[reason] > 0)
      found.push({ reason, name: built.dropReasonName(reason), frames: dropped[reason] });
  }
  return found.sort((a, b) => b.frames - a.frames);
}

function programOf(program: AttachedProgram): ReplaySummary['programs'][number] {
  const { name, device, hook, place, runs, drops } = program;
  return {
    name,
    device: `${device.namespace.name}/${device.name}`,
    hook: HOOK_NAMES[hook].replace(' ', '-'),
    place,
    runs,
    drops,
    counts: program.counts(),
  };
}

function expired({ built }: Replay): ReplaySummary['expired'] {
  return built.nodes
    .map(({ node }, i) => {
      const { connections, mappings } = built.agent.collected[i];
      return { node: node.name, connections, mappings };
    })
    .filter(({ connections, mappings }) => connections + mappings > 0);
}

/** An answer that a walk gave out too is a match; one that none did is missing from the walks. */
function outputs({ counters }: Replay): ReplaySummary['outputs'] {
  const { outputsMatched, outputsUnmatched, matched, matchedButLink, different, notThere } = counters;
  const differences: Record<string, number> = {};
  DIFFERENCE_NAMES.forEach(([, name], row) => {
    if (counters.differences[row] > 0) differences[name] = counters.differences[row];
  });
  return {
    expected: counters.walkedBack + outputsMatched + outputsUnmatched,
    matched: matched + outputsMatched,
    matchedButLinkHeader: matchedButLink,
    different,
    differences,
    missing: notThere + outputsUnmatched,
  };
}

function captureTime(feed: Feed): ReplaySummary['captureTime'] {
  if (feed.firstSeconds === 0 && feed.firstNanoseconds === 0) return null;
  const seconds = feed.lastSeconds - feed.firstSeconds + (feed.lastNanoseconds - feed.firstNanoseconds) / 1e9;
  return {
    first: timeText(feed.firstSeconds, feed.firstNanoseconds),
    last: timeText(feed.lastSeconds, feed.lastNanoseconds),
    seconds,
  };
}

function timeText(seconds: number, nanoseconds: number): string {
  return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
}
