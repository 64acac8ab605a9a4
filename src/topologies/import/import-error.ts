/** What cannot be imported, with the file and what to do. */
export class ImportError extends Error {
  constructor(place: string, fault: string) {
    super(`${place}: ${fault}`);
    this.name = 'ImportError';
  }
}
