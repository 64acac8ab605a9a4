/** Stands for `-` (standard input or output) while yargs reads the arguments; no file name holds a NUL. */
export const HIDDEN_DASH = '\0-';

export function shownDash(argument: string): string {
  return argument === HIDDEN_DASH ? '-' : argument;
}
