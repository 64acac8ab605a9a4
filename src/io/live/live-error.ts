/** How a command that meets a LiveError ends: the exit codes of cli/exit-codes.ts. */
export const BAD_INPUT = 2;
export const MISSING = 3;

/** An interface that cannot be opened or set up: the user's to mend, told in one line. Never thrown for a packet. */
export class LiveError extends Error {
  override readonly name = 'LiveError';
  /** What was to be opened, as `tap:pod1`. */
  readonly port: string;
  readonly fault: string;
  /** What to do about it. */
  readonly remedy: string;
  /** BAD_INPUT for a name or a state that is the user's to change, MISSING for a privilege or a part. */
  readonly exitCode: number;

  constructor(port: string, fault: string, remedy: string, exitCode: number, cause?: unknown) {
    super(`${port}: ${fault}; ${remedy}`, { cause });
    this.port = port;
    this.fault = fault;
    this.remedy = remedy;
    this.exitCode = exitCode;
  }
}

/** A call that a capability is needed for was refused; the remedy says how to give it. */
export function missingCapability(port: string, capability: string, what: string): LiveError {
  return new LiveError(
    port,
    `${what} needs ${capability}`,
    `run as root, or once: sudo setcap ${capability.toLowerCase()}+ep "$(command -v node)"`,
    MISSING,
  );
}
