/** Opens live interfaces by plugin. */
import { openAfPacket } from './af-packet.js';
import { openChildPort } from './child-port.js';
import { BAD_INPUT, LiveError } from './live-error.js';
import { type LivePort, PLUGINS, type Plugin, type PortSpec } from './live-port.js';
import { openMemory } from './memory-port.js';
import { openTap } from './tap.js';

/** What a port is called in messages and on the command line: `tap:pod1`. */
export function portName(spec: PortSpec): string {
  return `${spec.plugin}:${spec.name}`;
}

/** Reads `PLUGIN:INTERFACE`, as `--device` takes it. Throws LiveError. */
export function parsePort(text: string): PortSpec {
  const colon = text.indexOf(':');
  const plugin = text.slice(0, colon < 0 ? text.length : colon);
  if (!(PLUGINS as readonly string[]).includes(plugin)) {
    throw new LiveError(
      text,
      `there is no plugin "${plugin}"`,
      `give one of ${PLUGINS.join(', ')}`,
      BAD_INPUT,
    );
  }
  const name = colon < 0 ? '' : text.slice(colon + 1);
  if (name === '') throw new LiveError(text, 'names no interface', `write ${plugin}:INTERFACE`, BAD_INPUT);
  return { plugin: plugin as Plugin, name };
}

/** Opens a port. Rejects with a LiveError that says what is wrong and what to do; nothing is left behind then. */
export async function openPort(spec: PortSpec): Promise<LivePort> {
  switch (spec.plugin) {
    case 'tap':
      return openTap(spec);
    case 'af-packet':
      return openAfPacket(spec);
    case 'memory':
      return openMemory(spec);
    case 'libpcap':
    case 'raw-socket':
      return openChildPort(spec);
  }
}
