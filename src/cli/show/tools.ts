/** The tools whose listings are known. A tool's commands may come from several files. */
import { UsageError } from '../exit-codes.js';
import { lsTool } from './bpf-files.js';
import { bpftool } from './bpftool.js';
import { agentCommands } from './cilium-agent.js';
import { bpfCommands } from './cilium-bpf.js';
import { clusterCommands } from './cilium-cluster.js';
import { statusCommands } from './cilium-status.js';
import type { Tool } from './command.js';
import { hubble } from './hubble.js';
import { ip } from './iproute.js';
import { ethtool, tcTool } from './kernel-tools.js';
import { arpTool, ifconfigTool, routeTool } from './net-tools.js';
import { catTool, netfilterTools } from './netfilter-tools.js';

const ciliumDbg: Tool = {
  // Up to Cilium 1.14 the program is called cilium.
  names: ['cilium-dbg', 'cilium'],
  valued: ['-o', '--output'],
  json: (_has, value) => {
    const format = value('-o', '--output');
    if (format !== null && format !== 'json')
      throw new UsageError(`cilium-dbg -o ${format}: there is json alone`);
    return format === 'json';
  },
  commands: [...bpfCommands, ...agentCommands, ...clusterCommands, ...statusCommands],
};

export const TOOLS: readonly Tool[] = [
  routeTool,
  arpTool,
  ifconfigTool,
  ip,
  tcTool,
  ethtool,
  bpftool,
  lsTool,
  ciliumDbg,
  hubble,
  ...netfilterTools,
  catTool,
];
