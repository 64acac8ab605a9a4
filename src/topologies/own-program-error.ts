/** A program of a user's own that does not do what a program must. */
export class OwnProgramError extends Error {
  override readonly name = 'OwnProgramError';
}
