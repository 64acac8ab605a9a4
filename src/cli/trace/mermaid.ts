/** A trace as a Mermaid flowchart: machines as boxes, devices in them, numbered ways between. */
import type { Trace } from '../../topologies/trace/model.js';
import { factsOf, pathOf, type Section, type Stop } from './path.js';

const CLASSES = [
  'classDef stop fill:#f6f8fa,stroke:#57606a,color:#24292f',
  'classDef drop fill:#ffebe9,stroke:#cf222e,color:#82071e,stroke-width:2px',
  'classDef done fill:#dafbe1,stroke:#1a7f37,color:#116329,stroke-width:2px',
];

export function mermaidText(trace: Trace): string {
  const lines = ['flowchart TB'];
  draw(lines, pathOf(trace.walk), 'w', trace.walk.packet.summary);
  if (trace.reply !== null) draw(lines, pathOf(trace.reply), 'r', `reply: ${trace.reply.packet.summary}`);
  return `${[...lines, ...CLASSES.map((line) => `  ${line}`)].join('\n')}\n`;
}

function draw(lines: string[], sections: readonly Section[], prefix: string, title: string): void {
  lines.push(`  subgraph ${prefix}["${escaped(title)}"]`, '    direction LR');
  let before: string | null = null;
  const ways: string[] = [];
  sections.forEach((section, s) => {
    lines.push(`    subgraph ${prefix}${s}["${escaped(section.name)}"]`);
    section.stops.forEach((stop, i) => {
      const id = `${prefix}${s}_${i}`;
      lines.push(`      ${id}["${label(stop)}"]:::${kindOf(stop)}`);
      if (before !== null) ways.push(`    ${before} -->|"${stop.number} ${escaped(stop.how)}"| ${id}`);
      before = id;
    });
    lines.push('    end');
  });
  lines.push(...ways, '  end');
}

function kindOf({ end }: Stop): string {
  return end === null ? 'stop' : end.isDrop ? 'drop' : 'done';
}

function label(stop: Stop): string {
  const hooks = stop.hooks.flatMap(({ number, program, hook, verdict, actions }) => [
    `${number} <b>${escaped(program)}</b> (${hook})`,
    ...factsOf(actions).map(escaped),
    escaped(`${verdict.name}: ${verdict.text}`),
  ]);
  const end = stop.end === null ? [] : [`<b>${stop.end.isDrop ? '✗' : '✓'} ${escaped(stop.end.text)}</b>`];
  return [`<b>${escaped(stop.name)}</b>`, ...hooks, ...end].join('<br/>');
}

/** Mermaid reads entities by # instead of &. */
function escaped(text: string): string {
  return text.replace(/[#"<>&|]/g, (character) => `#${character.charCodeAt(0)};`);
}
