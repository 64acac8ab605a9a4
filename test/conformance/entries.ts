/** Which programs are emulated: the entries of each kind of object. Later kinds are added here. */
import type { HookProgram } from '../../src/engine/hooks/program.js';
import { hostPrograms } from '../../src/programs/host.js';
import type { ObjectKind, ProgramInstance } from '../../src/programs/instance.js';
import { lxcPrograms } from '../../src/programs/lxc.js';
import { networkPrograms } from '../../src/programs/network.js';
import { overlayPrograms } from '../../src/programs/overlay.js';
import { wireguardPrograms } from '../../src/programs/wireguard.js';
import { xdpPrograms } from '../../src/programs/xdp.js';

/** Makes the programs of one instance; their names are those of the kernel's entry programs. */
export type ProgramFactory = (instance: ProgramInstance) => readonly HookProgram[];

export type Registry = Partial<Readonly<Record<ObjectKind, ProgramFactory>>>;

export const EMULATED: Registry = {
  lxc: (instance) => Object.values(lxcPrograms(instance)),
  host: (instance) => Object.values(hostPrograms(instance)),
  overlay: (instance) => Object.values(overlayPrograms(instance)),
  wireguard: (instance) => Object.values(wireguardPrograms(instance)),
  network: (instance) => Object.values(networkPrograms(instance)),
  xdp: (instance) => Object.values(xdpPrograms(instance)),
};
