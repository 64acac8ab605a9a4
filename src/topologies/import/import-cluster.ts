/** A cluster's state in a folder, as collect-script.ts lays it down, as a topology. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { isKnownKey } from '../cilium-config.js';
import type { CiliumConfigSpec, TopologySpec } from '../spec.js';
import { ImportError } from './import-error.js';
import { importNode } from './import-node.js';
import { ciliumNodeList, configMap, readToolJson } from './tool-json.js';

export interface ImportedCluster {
  /** Folders of maps in it are relative to `base`. */
  readonly spec: TopologySpec;
  readonly notes: readonly string[];
}

/**
 * Reads `folder`: cilium-config.json and ciliumnodes.json of the cluster, and a folder for each node. `base` is the
 * folder that the topology's file is to be in. Throws ImportError that names the file at fault.
 */
export function importCluster(folder: string, base: string): ImportedCluster {
  const names = nodeFolders(folder);
  const notes: string[] = [];
  const cluster = readToolJson(
    path.join(folder, 'ciliumnodes.json'),
    ciliumNodeList,
    'kubectl get ciliumnodes -o json',
    { items: [] },
  );
  const nodes = names.map((name) => {
    const facts = cluster.items.find((item) => item.metadata.name === name) ?? null;
    const node = importNode(path.join(folder, name), name, facts);
    notes.push(...node.notes);
    const { maps } = node.spec;
    return maps === undefined ? node.spec : { ...node.spec, maps: path.relative(base, maps) || '.' };
  });
  for (const { metadata } of cluster.items) {
    if (!names.includes(metadata.name))
      notes.push(`${metadata.name}: no folder of this name, so it is not there`);
  }
  const spec: TopologySpec = {
    name: path.basename(path.resolve(folder)),
    description: `Imported from ${path.basename(path.resolve(folder))}`,
    cilium: readConfig(folder, notes),
    nodes,
  };
  return { spec, notes };
}

function nodeFolders(folder: string): readonly string[] {
  let entries: readonly { readonly name: string; isDirectory(): boolean }[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ImportError(folder, code === 'ENOENT' ? 'there is no such folder' : `cannot be read (${code})`);
  }
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (names.length === 0) {
    throw new ImportError(
      folder,
      'no folder of a node in it; packetwalk import --script prints how to collect one',
    );
  }
  return names.sort();
}

/** Keys that decide nothing about packets are many; they are left out. */
function readConfig(folder: string, notes: string[]): CiliumConfigSpec {
  const { data } = readToolJson(
    path.join(folder, 'cilium-config.json'),
    configMap,
    'kubectl -n kube-system get configmap cilium-config -o json',
  );
  const known = Object.entries(data).filter(([key, value]) => isKnownKey(key) && value !== '');
  const others = Object.keys(data).length - known.length;
  if (others > 0) notes.push(`${others} keys of the ConfigMap decide nothing here and are left out`);
  return Object.fromEntries(known);
}
