/** The tools whose listings are known. A tool's commands may come from several files. */

import { UsageError } from '../exit-codes.js';
import { bpftool } from './bpftool.js';
import { agentCommands } from './cilium-agent.js';
import { bpfCommands } from './cilium-bpf.js';
import type { Tool } from './command.js';
import { ip } from './iproute.js';
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
  commands: [...bpfCommands, ...agentCommands],
};

export const TOOLS: readonly Tool[] = [
  routeTool,
  arpTool,
  ifconfigTool,
  ip,
  bpftool,
  ciliumDbg,
  ...netfilterTools,
  catTool,
];
