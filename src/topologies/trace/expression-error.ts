/** A mistake in an expression: the message, then the expression with the place marked. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  readonly expression: string;
  /** First character of what is wrong, and how many. */
  readonly at: number;
  readonly length: number;

  constructor(expression: string, at: number, length: number, message: string) {
    const mark = `${' '.repeat(at)}${'^'.repeat(Math.max(1, length))}`;
    super(`${message}\n  ${expression}\n  ${mark}`);
    this.expression = expression;
    this.at = at;
    this.length = length;
  }
}
