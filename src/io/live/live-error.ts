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

/** Errno values of Linux that the plugins meet. */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const ENODEV = 19;
export const EINVAL = 22;
export const EPIPE = 32;
export const EBADFD = 77;
export const EMSGSIZE = 90;
export const EOPNOTSUPP = 95;
export const ENETDOWN = 100;
export const ECONNRESET = 104;
export const ENOBUFS = 105;

const ERROR_TEXT: Readonly<Record<number, string>> = {
  [EPERM]: 'operation not permitted',
  [ENOENT]: 'no such file',
  [EIO]: 'input/output error',
  [ENXIO]: 'no such interface',
  [ENOMEM]: 'out of memory',
  [EACCES]: 'permission denied',
  [EBUSY]: 'busy',
  [ENODEV]: 'no such device',
  [EINVAL]: 'invalid argument',
  [EBADFD]: 'interface is gone',
  [EMSGSIZE]: 'too long',
  [EOPNOTSUPP]: 'not supported',
  [ENETDOWN]: 'interface is down',
  [ENOBUFS]: 'no buffer space',
};

export function errorText(errno: number): string {
  return ERROR_TEXT[errno] ?? `errno ${errno}`;
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
