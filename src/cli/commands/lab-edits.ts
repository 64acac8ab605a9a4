/** `packetwalk lab policy|service|backend|pod add|remove …`: changes of a running lab's topology. */
import type { Argv } from 'yargs';
import type { TopologySpec } from '../../topologies/spec.js';
import { labName, text, texts } from '../options.js';

const ACTION = { choices: ['add', 'remove'] as const, demandOption: true } as const;
const WORD = { type: 'string', demandOption: true } as const;
const OPTIONS = { name: labName } as const;

export function addEdits(lab: Argv): void {
  lab
    .command(
      'policy <action> <policy>',
      'add those of a YAML file (- for standard input), or remove one by its name',
      (command) => command.positional('action', ACTION).positional('policy', WORD).options(OPTIONS),
      ({ name, action, policy }) =>
        edit(name, (spec, { withPolicies, withoutPolicy }) =>
          action === 'add' ? withPolicies(spec, policy) : withoutPolicy(spec, policy),
        ),
    )
    .command(
      'service <action> <service>',
      'add those of a YAML file (- for standard input), or remove one by its name',
      (command) => command.positional('action', ACTION).positional('service', WORD).options(OPTIONS),
      ({ name, action, service }) =>
        edit(name, (spec, { withServices, withoutService }) =>
          action === 'add' ? withServices(spec, service) : withoutService(spec, service),
        ),
    )
    .command(
      'backend <action> <service> <backend>',
      'a pod or address that a service leads to, or does not any more',
      (command) =>
        command
          .positional('action', ACTION)
          .positional('service', WORD)
          .positional('backend', WORD)
          .options(OPTIONS),
      ({ name, action, service, backend }) =>
        edit(name, (spec, { withBackend, withoutBackend }) =>
          action === 'add' ? withBackend(spec, service, backend) : withoutBackend(spec, service, backend),
        ),
    )
    .command(
      'pod <action> <pod>',
      'a pod that comes, with a namespace of its own, or goes',
      (command) =>
        command
          .positional('action', ACTION)
          .positional('pod', WORD)
          .options({
            ...OPTIONS,
            node: text('add: on this node; default the first'),
            ip: { ...texts('add: its addresses; default free ones'), default: [] as string[] },
            label: { ...texts('add: KEY=VALUE'), default: [] as string[] },
          }),
      ({ name, action, pod, node, ip, label }) =>
        edit(name, (spec, { withPod, withoutPod }) =>
          action === 'add'
            ? withPod(spec, { name: pod, node, ips: ip, labels: label })
            : withoutPod(spec, pod),
        ),
    );
}

type Edits = typeof import('../lab/edits.js');

async function edit(
  name: string | undefined,
  change: (spec: TopologySpec, edits: Edits) => TopologySpec,
): Promise<void> {
  const [edits, { changeTopology }] = await Promise.all([
    import('../lab/edits.js'),
    import('../lab/questions.js'),
  ]);
  await changeTopology(name, (spec) => change(spec, edits));
}
