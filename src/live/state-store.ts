/**
 * A directory that a lab's connections outlive it in: the maps that packets write, as mapped files, one directory per
 * node. What was torn or comes from elsewhere is refused.
 *
 *   run        header of the whole; then the journal of new entries
 *   NODE/MAP   header; then slots and states as engine/maps/map-memory.ts has them
 *
 * Of several workers each has a directory of its own in it, `worker-0` and so on.
 *
 * All headers of one directory carry the same run number. A directory that was not closed can be used again as long as
 * the machine has not gone down: the kernel has all that was written.
 */
import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createMap } from '../engine/maps/create-map.js';
import type { BpfMap, MapSpec } from '../engine/maps/map.js';
import { BirthJournal, memorySizes } from '../engine/maps/map-memory.js';
import { type Libc, loadLibc } from '../io/live/libc.js';
import { BAD_INPUT, LiveError } from '../io/live/live-error.js';
import { isWrittenByPackets } from '../programs/tables/map-specs.js';
import type { PortPart } from '../topologies/port-part.js';
import { makeStateDirectory, mapFile, REMEDY } from './mapped-file.js';
import { processStart } from './state-file.js';

const MAGIC = 'packetwalk state';
const VERSION = 1;
const PAGE = 4096;
/** Offsets of a header's fields. */
const VERSION_AT = 16;
const RUN_AT = 20;
/** SHA-256 of what the file holds: the map's declaration, or of the run's file the boot of the machine. */
const DIGEST_AT = 24;
const DIGEST_LENGTH = 32;
/** The run's: 1 while it is open; how far its clock is ahead; that clock and the time of day (ms) when noted last. */
const OPEN_AT = 64;
const OFFSET_NS_AT = 72;
const CLOCK_NS_AT = 80;
const DAY_MS_AT = 88;
/** The process that has it open, and when that one was started (see processStart). */
const PID_AT = 96;
const STARTED_AT = 104;
/** Whose it is: worker and number of workers, 16 bits each; 0 where there is one alone. */
const PART_AT = 112;
/** New entries of a burst of all ports, several times. */
const JOURNAL_CAPACITY = 16_384;

const HASHES: readonly string[] = ['lru_hash', 'percpu_hash', 'lru_percpu_hash', 'hash'];

export class StateStore {
  /** Nanoseconds that the run's clock is ahead of CLOCK_MONOTONIC: after the machine was started anew. */
  readonly clockOffsetNs: number;
  /** Entries that were being made when the run before was killed, and are left out. */
  leftOut = 0;
  readonly #directory: string;
  readonly #part: number;
  readonly #libc: Libc;
  readonly #run: DataView;
  readonly #journal: BirthJournal;
  readonly #births: readonly [map: number, entry: number][];

  /** One of several workers says which; the first has to be open before the others are. */
  static async open(directory: string, nowNs: number, part?: PortPart): Promise<StateStore> {
    const libc = await loadLibc('state');
    const own = part === undefined ? directory : workerDirectory(directory, part.number);
    makeStateDirectory(directory);
    makeStateDirectory(own);
    const first = part === undefined || part.number === 0 ? null : workerDirectory(directory, 0);
    return new StateStore(own, libc, nowNs, part === undefined ? 0 : (part.number << 16) | part.of, first);
  }

  private constructor(directory: string, libc: Libc, nowNs: number, part: number, first: string | null) {
    this.#directory = directory;
    this.#libc = libc;
    this.#part = part;
    const file = path.join(directory, 'run');
    const { bytes, isNew } = mapFile(libc, file, PAGE + 4 * BirthJournal.wordsFor(JOURNAL_CAPACITY));
    this.#run = new DataView(bytes.buffer, bytes.byteOffset, PAGE);
    const words = new Int32Array(
      bytes.buffer,
      bytes.byteOffset + PAGE,
      BirthJournal.wordsFor(JOURNAL_CAPACITY),
    );
    this.#journal = new BirthJournal(words);
    const boot = digest(bootId());
    const leader = first === null ? null : new DataView(readHeader(path.join(first, 'run')).buffer);
    if (isNew) {
      writeHeader(this.#run, leader?.getInt32(RUN_AT) ?? randomInt(2 ** 31), boot);
      this.#run.setInt32(PART_AT, part);
    } else this.#goOn(file, boot, nowNs);
    if (leader !== null) {
      if (leader.getInt32(RUN_AT) !== this.#run.getInt32(RUN_AT)) {
        throw new LiveError(file, 'is of another run', REMEDY, BAD_INPUT);
      }
      // All workers have one clock.
      this.#run.setFloat64(OFFSET_NS_AT, leader.getFloat64(OFFSET_NS_AT));
    }
    const births = this.#journal.births();
    if (births === null) throw new LiveError(file, 'its journal is torn', REMEDY, BAD_INPUT);
    this.#births = births;
    this.clockOffsetNs = this.#run.getFloat64(OFFSET_NS_AT);
    this.#run.setInt32(OPEN_AT, 1);
    this.#run.setInt32(PID_AT, process.pid);
    this.#run.setFloat64(STARTED_AT, Number(processStart(process.pid)));
  }

  /** Checks the header of a run before; after a boot its clock is set to go on from where it was. */
  #goOn(file: string, boot: Uint8Array, nowNs: number): void {
    const run = this.#run;
    checkMagic(file, run);
    if (run.getInt32(PART_AT) !== this.#part)
      throw new LiveError(file, 'is of another worker', REMEDY, BAD_INPUT);
    const pid = run.getInt32(PID_AT);
    const isOpen = run.getInt32(OPEN_AT) !== 0;
    if (isOpen && Number(processStart(pid)) === run.getFloat64(STARTED_AT)) {
      const remedy = 'end that one, or give each its own directory';
      throw new LiveError(this.#directory, `process ${pid} uses it`, remedy, BAD_INPUT);
    }
    if (hasDigest(run, boot)) return;
    if (isOpen) {
      const what = 'the machine went down while it was in use: its files may be torn';
      throw new LiveError(this.#directory, what, REMEDY, BAD_INPUT);
    }
    const awayNs = Math.max(0, Date.now() - run.getFloat64(DAY_MS_AT)) * 1e6;
    run.setFloat64(OFFSET_NS_AT, run.getFloat64(CLOCK_NS_AT) + awayNs - nowNs);
    writeHeader(run, run.getInt32(RUN_AT), boot);
  }

  /** The map of a node that lives here; null for one that does not outlive a lab. */
  map(node: string, spec: MapSpec): BpfMap | null {
    if (!isWrittenByPackets(spec) || !HASHES.includes(spec.type)) return null;
    const directory = path.join(this.#directory, node);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const file = path.join(directory, spec.name);
    const sizes = memorySizes(spec);
    const { bytes, isNew } = mapFile(this.#libc, file, PAGE + sizes.slots + sizes.states);
    const header = new DataView(bytes.buffer, bytes.byteOffset, PAGE);
    const layout = digest(
      [
        ...(this.#part === 0 ? [] : [this.#part]),
        ...[node, spec.name, spec.type, spec.keySize, spec.valueSize, spec.maxEntries, spec.cpus ?? 1],
      ].join(' '),
    );
    const run = this.#run.getInt32(RUN_AT);
    if (isNew) writeHeader(header, run, layout);
    else {
      checkMagic(file, header);
      if (!hasDigest(header, layout))
        throw new LiveError(file, 'is a map of another layout', REMEDY, BAD_INPUT);
      if (header.getInt32(RUN_AT) !== run) throw new LiveError(file, 'is of another run', REMEDY, BAD_INPUT);
    }
    const id = new DataView(digest(`${node}/${spec.name}`).buffer).getInt32(0);
    const slots = bytes.subarray(PAGE, PAGE + sizes.slots);
    const states = bytes.subarray(PAGE + sizes.slots);
    for (const [map, entry] of this.#births) {
      if (map !== id) continue;
      if (states[entry] !== 0) this.leftOut++;
      states[entry] = 0;
    }
    return createMap(spec, { memory: { slots, states, journal: this.#journal, id } });
  }

  /** All entries are whole; to be called once the maps have been made, and then after each burst. */
  settle(): void {
    this.#journal.empty();
  }

  /** Notes the run's clock, for whoever goes on from here. */
  note(clockNs: number): void {
    this.#run.setFloat64(CLOCK_NS_AT, clockNs);
    this.#run.setFloat64(DAY_MS_AT, Date.now());
  }

  close(clockNs: number): void {
    this.settle();
    this.note(clockNs);
    this.#run.setInt32(OPEN_AT, 0);
  }
}

function workerDirectory(directory: string, worker: number): string {
  return path.join(directory, `worker-${worker}`);
}

/** The header's page of a file that is open elsewhere. */
function readHeader(file: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(readFileSync(file).subarray(0, PAGE));
}

function writeHeader(header: DataView, run: number, content: Uint8Array): void {
  const bytes = new Uint8Array(header.buffer, header.byteOffset, header.byteLength);
  bytes.set(Buffer.from(MAGIC.padEnd(VERSION_AT, '\0')));
  header.setInt32(VERSION_AT, VERSION);
  header.setInt32(RUN_AT, run);
  bytes.set(content, DIGEST_AT);
}

function checkMagic(file: string, header: DataView): void {
  const magic = Buffer.from(header.buffer, header.byteOffset, MAGIC.length).toString('latin1');
  if (magic !== MAGIC) throw new LiveError(file, 'is no state of packetwalk, or torn', REMEDY, BAD_INPUT);
  const version = header.getInt32(VERSION_AT);
  if (version !== VERSION) {
    throw new LiveError(file, `has version ${version}, this is ${VERSION}`, REMEDY, BAD_INPUT);
  }
}

function hasDigest(header: DataView, wanted: Uint8Array): boolean {
  const found = new Uint8Array(header.buffer, header.byteOffset + DIGEST_AT, DIGEST_LENGTH);
  return found.every((byte, i) => byte === wanted[i]);
}

/** 32 bytes in memory of their own. */
function digest(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(text).digest());
}

/** Differs from one start of the machine to the next. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
