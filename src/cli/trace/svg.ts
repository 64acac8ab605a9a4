/** A trace as a picture of its own: machines as boxes, devices as cards with their hooks, the way as arrows. */
import type { Trace, Walk } from '../../topologies/trace/model.js';
import { factsOf, pathOf, type Section, type Stop } from './path.js';

const CARD_WIDTH = 272;
const LINE = 16;
const CARD_HEAD = 30;
const PADDING = 12;
const GAP = 84;
const BOX_HEAD = 28;
const BOX_GAP = 96;
const ROW_GAP = 46;
const MARGIN = 28;
const ROW_WIDTH = 1500;
const TITLE = 34;
/** Width of a letter of the text font, on average; lines that would not fit are cut, with all of it as a tooltip. */
const LETTER = 7;

const STYLE = `
  svg { font: 12px ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; background: #fff }
  .title { font-size: 16px; font-weight: 600; fill: #1f2328 }
  .result { font-size: 14px; font-weight: 600 }
  .box { fill: #f6f8fa; stroke: #d0d7de } .pod { fill: #ddf4ff; stroke: #80ccff }
  .name { font-weight: 600; fill: #1f2328 } .card { fill: #fff; stroke: #afb8c1 }
  .text { fill: #424a53 } .program { font-weight: 600; fill: #0550ae } .way { fill: #57606a; font-size: 11px }
  .arrow { stroke: #57606a; stroke-width: 1.6; fill: none } .head { fill: #57606a }
  .dot { fill: #0969da } .number { fill: #fff; font-size: 10px; font-weight: 600; text-anchor: middle }
  .good { fill: #1a7f37 } .bad { fill: #cf222e }
  .cross { stroke: #cf222e; stroke-width: 4; stroke-linecap: round }
  .check { stroke: #1a7f37; stroke-width: 4; stroke-linecap: round; fill: none }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } .title, .name { fill: #e6edf3 } .box { fill: #161b22; stroke: #30363d }
    .pod { fill: #0c2d4a; stroke: #1f6feb } .card { fill: #0d1117; stroke: #484f58 } .text { fill: #c9d1d9 }
    .program { fill: #79c0ff } .way { fill: #8b949e } .arrow { stroke: #8b949e } .head { fill: #8b949e }
    .good { fill: #3fb950 } .bad { fill: #f85149 } .cross { stroke: #f85149 } .check { stroke: #3fb950 }
  }`;

export function svgText(trace: Trace): string {
  const drawing = new Drawing();
  drawing.walk(trace.walk, '');
  if (trace.reply !== null) drawing.walk(trace.reply, 'Reply: ');
  else if (trace.noReply !== '') drawing.note(`No reply: ${trace.noReply}`);
  return drawing.document(`${trace.topology}: ${trace.walk.packet.summary}`);
}

interface Point {
  readonly x: number;
  readonly y: number;
}

class Drawing {
  #parts: string[] = [];
  #width = 0;
  #y = MARGIN;

  document(title: string): string {
    const [width, height] = [this.#width + MARGIN, this.#y];
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
      `<title>${escaped(title)}</title>`,
      `<style>${STYLE}\n</style>`,
      '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0 10 5 0 10z"/></marker></defs>',
      ...this.#parts,
      '</svg>',
      '',
    ].join('\n');
  }

  walk({ packet, outcome, ...walk }: Walk, title: string): void {
    this.#text(MARGIN, this.#y + LINE, title + packet.summary, 'title');
    const kind = ['dropped', 'refused'].includes(outcome.fate) || outcome.answered ? 'bad' : 'good';
    this.#text(MARGIN, this.#y + LINE + 20, outcome.text, `result ${kind}`);
    this.#y += TITLE + 24;
    let last: Point | null = null;
    for (const row of rowsOf(pathOf({ packet, outcome, ...walk }))) {
      last = this.#row(row, last);
    }
  }

  note(text: string): void {
    this.#text(MARGIN, this.#y + LINE, text, 'title');
    this.#y += TITLE;
  }

  /** A row of boxes; answers where the way leaves its last card. */
  #row(sections: readonly Section[], from: Point | null): Point | null {
    const height = Math.max(...sections.flatMap(({ stops }) => stops.map(cardHeight)));
    const top = this.#y;
    let x = MARGIN;
    let last = from;
    let isFirst = true;
    for (const section of sections) {
      const width = sectionWidth(section);
      this.#parts.push(
        `<rect class="${section.isPod ? 'box pod' : 'box'}" x="${x}" y="${top}" width="${width}" height="${height + BOX_HEAD + PADDING}" rx="10"/>`,
      );
      this.#text(x + PADDING, top + 19, section.name, 'name');
      section.stops.forEach((stop, i) => {
        const at = { x: x + PADDING + i * (CARD_WIDTH + GAP), y: top + BOX_HEAD };
        if (last !== null) this.#way(last, at, stop, isFirst);
        this.#card(stop, at, cardHeight(stop));
        last = { x: at.x + CARD_WIDTH, y: at.y + CARD_HEAD / 2 };
        isFirst = false;
      });
      x += width + BOX_GAP;
    }
    this.#width = Math.max(this.#width, x - BOX_GAP);
    this.#y += height + BOX_HEAD + PADDING + ROW_GAP;
    return last;
  }

  /** From a card to the next: straight, or down to the row below. */
  #way(from: Point, card: Point, stop: Stop, isNewRow: boolean): void {
    const y = card.y + CARD_HEAD / 2;
    if (!isNewRow) {
      this.#parts.push(`<path class="arrow" marker-end="url(#head)" d="M${from.x} ${y}H${card.x}"/>`);
      this.#label(from.x, card.x, y - 6, stop.how);
      return;
    }
    const middle = card.y - BOX_HEAD - ROW_GAP / 2;
    this.#parts.push(
      `<path class="arrow" marker-end="url(#head)" d="M${from.x} ${from.y}h${PADDING + 8}V${middle}H${card.x - 26}V${y}H${card.x}"/>`,
    );
    this.#text(card.x, middle - 5, stop.how, 'way', ROW_WIDTH / 2);
  }

  #label(from: number, to: number, y: number, text: string): void {
    const width = to - from - 8;
    const shown = cut(text, width / 5.6);
    this.#parts.push(
      `<text class="way" x="${(from + to) / 2}" y="${y}" text-anchor="middle">${escaped(shown)}<title>${escaped(text)}</title></text>`,
    );
  }

  #card(stop: Stop, { x, y }: Point, height: number): void {
    this.#parts.push(
      `<rect class="card" x="${x}" y="${y}" width="${CARD_WIDTH}" height="${height}" rx="7"/>`,
    );
    this.#dot(x + 16, y + 15, stop.number);
    this.#text(x + 32, y + 19, stop.name, 'name');
    let line = y + CARD_HEAD + 12;
    for (const { number, program, hook, verdict, actions } of stop.hooks) {
      this.#dot(x + 16, line - 4, number);
      this.#text(x + 32, line, program, 'program', CARD_WIDTH - 40);
      line += LINE;
      this.#text(x + 32, line, hook, 'way');
      line += LINE;
      for (const fact of factsOf(actions)) {
        this.#text(x + 32, line, fact, 'text', CARD_WIDTH - 40);
        line += LINE;
      }
      const isDrop = /^(dropped|refused)/.test(verdict.text);
      this.#text(x + 32, line, verdict.text, isDrop ? 'bad' : 'good', CARD_WIDTH - 40);
      line += LINE + 8;
    }
    if (stop.end !== null) this.#end(stop.end, x, line);
  }

  #end({ text, isDrop }: NonNullable<Stop['end']>, x: number, y: number): void {
    const at = x + 16;
    const mark = isDrop
      ? `<path class="cross" d="M${at - 6} ${y - 10}l12 12m0 -12l-12 12"/>`
      : `<path class="check" d="M${at - 7} ${y - 4}l5 6l9 -12"/>`;
    this.#parts.push(mark);
    this.#text(x + 32, y, text, isDrop ? 'bad' : 'good', CARD_WIDTH - 40);
  }

  #dot(x: number, y: number, number: number): void {
    this.#parts.push(
      `<circle class="dot" cx="${x}" cy="${y}" r="9"/><text class="number" x="${x}" y="${y + 3.5}">${number}</text>`,
    );
  }

  #text(x: number, y: number, text: string, kind: string, width = Number.POSITIVE_INFINITY): void {
    const shown = cut(text, width / LETTER);
    const tooltip = shown === text ? '' : `<title>${escaped(text)}</title>`;
    this.#parts.push(`<text class="${kind}" x="${x}" y="${y}">${escaped(shown)}${tooltip}</text>`);
  }
}

/** Boxes in rows that are not too wide. */
function rowsOf(sections: readonly Section[]): Section[][] {
  const rows: Section[][] = [];
  let width = Number.POSITIVE_INFINITY;
  for (const section of sections.flatMap(parted)) {
    const own = sectionWidth(section) + BOX_GAP;
    if (width + own > ROW_WIDTH) {
      rows.push([]);
      width = 0;
    }
    rows.at(-1)!.push(section);
    width += own;
  }
  return rows;
}

/** A machine with more stops than a row has room for goes on in the next. */
function parted(section: Section): Section[] {
  const most = Math.floor((ROW_WIDTH - BOX_GAP - 2 * PADDING + GAP) / (CARD_WIDTH + GAP));
  const parts: Section[] = [];
  for (let at = 0; at < section.stops.length; at += most) {
    parts.push({ ...section, stops: section.stops.slice(at, at + most) });
  }
  return parts;
}

function sectionWidth({ stops }: Section): number {
  return 2 * PADDING + stops.length * CARD_WIDTH + (stops.length - 1) * GAP;
}

function cardHeight(stop: Stop): number {
  const hooks = stop.hooks.reduce((sum, { actions }) => sum + (factsOf(actions).length + 3) * LINE + 8, 0);
  const end = stop.end === null ? 0 : LINE + 6;
  return CARD_HEAD + hooks + end + (hooks + end === 0 ? 0 : 8);
}

function cut(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, Math.floor(letters) - 1)}…`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
