/** Options of commands, as yargs declares them: the kinds that there are, and those that several commands have. */

/** A value, given once; of an option that is repeated the last one counts. */
export const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;
/** Values, one each time that the option is given. */
export const texts = (describe: string) => ({ ...text(describe), array: true }) as const;
export const number = (describe: string) => ({ type: 'number', requiresArg: true, describe }) as const;
export const flag = (describe: string) => ({ type: 'boolean', default: false, describe }) as const;

export const topology = {
  ...text('a ready-made topology (packetwalk topologies) or a YAML file'),
  alias: 't',
} as const;
export const node = text('on this node or router');
export const pod = text('in this pod');
export const json = flag('print JSON');
export const seed = { ...number('for what is left to chance'), default: 1 } as const;

/** Of runs: what they write, and what they run and print besides. */
export const out = {
  ...text('write the walks here as pcapng: an interface per hook point, verdicts, what happened in words'),
  alias: 'o',
} as const;
export const program = {
  ...texts("run a program of one's own, as in replay: FILE@DEVICE/HOOK[:before|after]"),
  alias: 'p',
} as const;
export const show = texts("then print a listing, as packetwalk show does: 'COMMAND', or 'NODE: COMMAND'");
/** May stand alone, hence without `requiresArg`. */
export const monitor = {
  type: 'string',
  describe:
    "print the datapath's events as they come: as cilium-dbg monitor does, or 'cilium-dbg monitor OPTIONS', 'hubble observe OPTIONS'",
} as const;
export const ciliumVersion = text("in whose words --monitor prints: 1.10 to 1.18; default the topology's");
export const config = texts("KEY=VALUE of the Cilium ConfigMap, in place of the topology's");

/** Of what walks a capture. */
export const at = {
  ...text('where the capture was taken: DEVICE, NODE/DEVICE, or auto to tell it by addresses'),
  default: 'auto',
} as const;
export const oneWay = flag(
  'leave out what came out of the device; else it is walked from where it came from',
);
export const podCidr = texts('prefix of pod addresses, when a topology is inferred');
export const limit = number('stop after this many frames');
export const speed = {
  ...text("max, realtime, or a factor of the capture's pace such as 10x"),
  default: 'max',
} as const;
export const keepExpired = flag('keep connections past their lifetime, as without garbage collection');

/** Of sessions between real interfaces, and of what asks them. */
export const labName = text("the lab's name, where several run; default the topology's");
export const device = {
  ...texts('DEVICE=PLUGIN:INTERFACE, once for each'),
  alias: 'd',
  default: [] as string[],
};
export const workers = { ...number('threads that share the flows among them'), default: 1 } as const;
export const quiet = {
  ...flag('neither the live view of a terminal nor a line every ten seconds'),
  alias: 'q',
} as const;
