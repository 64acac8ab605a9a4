/** A program that runs on a host, as a generator that yields whenever it waits. Its results are values. */
import type { Host } from './host.js';
import type { HostWorld } from './world.js';

/** Steps of a program: it yields to wait, and is resumed whenever something may have changed. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** A tool with its command line read: runs, and answers its exit code. */
export type Program = (process: Process) => Steps<number>;

export interface ProcessOutput {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** Exit code of a program that was ended from outside (128 + SIGKILL). */
export const KILLED = 137;

export class Process {
  readonly host: Host;
  /** What it has printed so far, in order. */
  readonly output: ProcessOutput[] = [];
  /** Null as long as it runs. */
  exitCode: number | null = null;
  readonly startedNs: number;
  endedNs = 0;
  /** What is typed into it: all of it is there at once. */
  readonly input: string;
  /** Called once it has ended. */
  onExit: () => void = () => {};
  #steps: Steps<number> | null = null;
  #isWaking = false;

  constructor(host: Host, input = '') {
    this.host = host;
    this.input = input;
    this.startedNs = host.world.nowNs;
  }

  get world(): HostWorld {
    return this.host.world;
  }

  start(program: Program): void {
    this.#steps = program(this);
    this.wake();
  }

  /** Something has changed that the program may wait for. */
  wake(): void {
    if (this.#isWaking || this.exitCode !== null) return;
    this.#isWaking = true;
    this.world.after(0, () => {
      this.#isWaking = false;
      this.#resume();
    });
  }

  get stdout(): string {
    return this.#printed('stdout');
  }

  get stderr(): string {
    return this.#printed('stderr');
  }

  print(text: string): void {
    this.output.push({ stream: 'stdout', text });
  }

  complain(text: string): void {
    this.output.push({ stream: 'stderr', text });
  }

  /** Waits until the condition holds (true), or the time has come (false). */
  *until(condition: () => boolean, deadlineNs: number): Steps<boolean> {
    if (condition()) return true;
    const { world } = this;
    const timer =
      deadlineNs === Number.POSITIVE_INFINITY
        ? null
        : world.after(Math.max(0, deadlineNs - world.nowNs), () => this.wake());
    while (world.nowNs < deadlineNs) {
      yield;
      if (!condition()) continue;
      if (timer !== null) world.cancel(timer);
      return true;
    }
    return condition();
  }

  *sleep(durationNs: number): Steps<void> {
    yield* this.until(() => false, this.world.nowNs + durationNs);
  }

  /** Ends it where it is. */
  kill(): void {
    if (this.exitCode === null) this.#end(KILLED);
  }

  #printed(stream: ProcessOutput['stream']): string {
    return this.output
      .filter((one) => one.stream === stream)
      .map(({ text }) => text)
      .join('');
  }

  #resume(): void {
    if (this.exitCode !== null || this.#steps === null) return;
    const { done, value } = this.#steps.next();
    if (done === true) this.#end(value);
  }

  #end(code: number): void {
    this.exitCode = code;
    this.endedNs = this.world.nowNs;
    this.onExit();
  }
}
