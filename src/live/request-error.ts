/** What a request to a datapath thread or a running lab was answered with, when it was refused. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
