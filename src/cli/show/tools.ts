/** The tools whose listings are known. A tool's commands may come from several files. */
import { bpftool } from './bpftool.js';
import { agentCommands } from './cilium-agent.js';
import { bpfCommands } from './cilium-bpf.js';
import type { Tool } from './command.js';
import { ip } from './iproute.js';
import { arpTool, ifconfigTool, routeTool } from './net-tools.js';

const ciliumDbg: Tool = {
  // Up to Cilium 1.14 the program is called cilium.
  names: ['cilium-dbg', 'cilium'],
  valued: ['-o', '--output'],
  json: (_has, value) => value('-o', '--output') === 'json',
  commands: [...bpfCommands, ...agentCommands],
};

export const TOOLS: readonly Tool[] = [routeTool, arpTool, ifconfigTool, ip, bpftool, ciliumDbg];
