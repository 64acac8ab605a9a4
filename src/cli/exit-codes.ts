/** How a command ends, as the shell sees it. */

export const EXIT_DONE = 0;
/** The run found what it was asked to fail on. */
export const EXIT_FOUND = 1;
/** Bad usage or bad input: a command line, a capture, a topology. */
export const EXIT_BAD_INPUT = 2;
/** A privilege or a part of the installation is missing. */
export const EXIT_MISSING = 3;

/** A command line that cannot be followed; the message says what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode = EXIT_BAD_INPUT;
}
