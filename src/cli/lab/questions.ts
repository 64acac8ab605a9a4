/** What another shell asks of a running lab, and what it prints of the answers. */
import { readFileSync } from 'node:fs';
import { openError } from '../../io/file-input.js';
import { askControl } from '../../live/control-socket.js';
import type { TopologySpec } from '../../topologies/spec.js';
import { EXIT_DONE, EXIT_FOUND } from '../exit-codes.js';
import { log, put } from '../log.js';
import type { Output } from '../show/command.js';
import { findLab } from './exec.js';
import type { Applied, ApplyRequest } from './session.js';
import type { ShowRequest } from './show-request.js';
import type { Status } from './status.js';
import { statusText } from './status-text.js';

/** A lab's name; undefined for the only one. All that follow throw UsageError without one, RequestError when it refuses. */
type LabName = string | undefined;

function ask(lab: LabName, command: string, argument?: unknown): Promise<unknown> {
  return askControl(findLab(lab ?? null).socket, command, argument);
}

export async function printStatus(lab: LabName, json: boolean): Promise<void> {
  const status = (await ask(lab, 'status')) as Status;
  process.stdout.write(json ? `${JSON.stringify(status)}\n` : statusText(status));
}

/** Answers the exit code: EXIT_FOUND when the tool would have failed. */
export async function printListing(lab: LabName, request: ShowRequest): Promise<number> {
  const { text, errors = '', exitCode = 0 } = (await ask(lab, 'show', request)) as Output;
  process.stdout.write(text);
  if (errors !== '') put(errors);
  return exitCode === 0 ? EXIT_DONE : EXIT_FOUND;
}

export async function printTopology(lab: LabName): Promise<void> {
  process.stdout.write(`${JSON.stringify(await ask(lab, 'topology'), null, 2)}\n`);
}

/** Goes on with the topology of a file; `-` is standard input. */
export async function applyFile(lab: LabName, file: string): Promise<void> {
  await apply(lab, { source: file, text: readTopologyFile(file) });
}

/** Goes on with the lab's topology, changed. */
export async function changeTopology(
  lab: LabName,
  change: (spec: TopologySpec) => TopologySpec,
): Promise<void> {
  const spec = (await ask(lab, 'topology')) as TopologySpec;
  await apply(lab, { source: 'the change', text: JSON.stringify(change(spec)) });
}

async function apply(lab: LabName, request: ApplyRequest): Promise<void> {
  const { added, removed } = (await ask(lab, 'apply', request)) as Applied;
  if (added.length > 0) log.info(`added ${added.join(', ')}`);
  if (removed.length > 0) log.info(`removed ${removed.join(', ')}`);
  log.info('applied');
}

function readTopologyFile(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw openError(file, error);
  }
}
