import { readdirSync } from 'node:fs';

/** Names of the ready-made topologies' files, in order. */
export function readyFiles(): string[] {
  const folder = new URL('../../../src/topologies/ready/', import.meta.url);
  return readdirSync(folder)
    .map((file) => file.replace(/\.yaml$/, ''))
    .sort();
}
