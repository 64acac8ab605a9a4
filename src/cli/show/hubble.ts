/** `hubble observe` behind a run: what the nodes' Hubble servers kept of it. */
import { UsageError } from '../exit-codes.js';
import { readObserve } from '../monitor/hubble/observe-flags.js';
import { FlowPrinter } from '../monitor/hubble/observer.js';
import type { Output, Place, Tool } from './command.js';

/** What Hubble shows when it is not told how many. */
const SHOWN_FLOWS = 20;

function observe(place: Place, words: readonly string[], json: boolean): Output {
  const [verb = '', ...flags] = words;
  if (verb !== 'observe') throw new UsageError(`hubble ${verb}: there is hubble observe alone`);
  const options = readObserve(json ? [...flags, '-o', 'jsonpb'] : flags, place.built);
  if (place.flows === undefined) {
    throw new UsageError(
      'hubble observe: no packet has been sent yet; packetwalk monitor … hubble observe shows flows as they come, ' +
        "replay --show 'hubble observe' those of a run",
    );
  }
  const isWhole = options.isWhole || options.first !== null || options.last !== null;
  const printer = new FlowPrinter(isWhole ? options : { ...options, last: SHOWN_FLOWS });
  const here = place.flows.filter((flow) => flow.node_name === place.node.planned.name);
  return { text: here.map((flow) => printer.flow(flow)).join('') + printer.end() };
}

export const hubble: Tool = {
  names: ['hubble'],
  json: () => false,
  commands: [{ words: 'hubble observe', usage: '[OPTIONS]', run: () => ({ text: '' }) }],
  runWords: observe,
};
