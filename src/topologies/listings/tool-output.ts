/** What a command line tool prints, and how it ends. */
export interface ToolOutput {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function printed(stdout: string): ToolOutput {
  return { exit: 0, stdout, stderr: '' };
}

export const DONE: ToolOutput = printed('');

export function failed(exit: number, stderr: string): ToolOutput {
  return { exit, stdout: '', stderr };
}
