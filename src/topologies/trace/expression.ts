/**
 * Packets in words: `[PROTOCOL] [FROM] -> [TO] [what it is like]`, for example
 *
 *   pod1 -> web:80
 *   tcp pod1:34000 -> 10.96.0.80:80 SYN ttl 3
 *   icmp pod1 -> 1.1.1.1 echo length 1400
 *   udp outside 198.51.100.7:999 -> node1:30080
 *   arp pod1 -> 10.1.1.1
 *
 * A mistake is told with its place in the text.
 */
import { parseAddress } from '../../engine/address-text.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import * as tcp from '../../engine/wire/tcp.js';
import { suggestion } from '../faults.js';
import { ExpressionError } from './expression-error.js';
import type { PacketProtocol } from './packet-request.js';

export interface Word {
  readonly text: string;
  /** Its first character in the expression. */
  readonly at: number;
}

/** One end as written: a name or an address, and the port behind it. */
export interface WrittenEnd {
  readonly word: Word;
  readonly host: string;
  /** The address that `host` is; null for a name. */
  readonly address: Uint8Array | null;
  /** Empty where none is written. */
  readonly port: string;
}

export interface Expression {
  readonly text: string;
  /** Null where none is written: it follows from the ends. */
  readonly protocol: PacketProtocol | null;
  /** 4 or 16; null where it follows from the ends. */
  readonly addressLength: 4 | 16 | null;
  readonly fromOutside: boolean;
  readonly from: WrittenEnd;
  readonly to: WrittenEnd;
  readonly flags: number | null;
  readonly icmp: { readonly type: number | null; readonly code: number | null };
  /** `echo`, `echo-reply`, … as written; empty for none. */
  readonly message: string;
  readonly ttl: number;
  readonly length: number;
  readonly dontFragment: boolean;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  readonly id: number | null;
  readonly typeOfService: number;
  readonly ipProtocol: number | null;
  readonly vlan: number;
  readonly mark: number | null;
}

interface ProtocolWord {
  readonly protocol: PacketProtocol;
  readonly addressLength: 4 | 16 | null;
}

const PROTOCOLS: ReadonlyMap<string, ProtocolWord> = new Map([
  ['tcp', { protocol: 'tcp', addressLength: null }],
  ['tcp4', { protocol: 'tcp', addressLength: 4 }],
  ['tcp6', { protocol: 'tcp', addressLength: 16 }],
  ['udp', { protocol: 'udp', addressLength: null }],
  ['udp4', { protocol: 'udp', addressLength: 4 }],
  ['udp6', { protocol: 'udp', addressLength: 16 }],
  ['sctp', { protocol: 'sctp', addressLength: null }],
  ['icmp', { protocol: 'icmp', addressLength: 4 }],
  ['icmpv6', { protocol: 'icmpv6', addressLength: 16 }],
  ['icmp6', { protocol: 'icmpv6', addressLength: 16 }],
  ['arp', { protocol: 'arp', addressLength: 4 }],
  ['ip', { protocol: 'ip', addressLength: null }],
  ['ip6', { protocol: 'ip', addressLength: 16 }],
]);

const ARROWS = ['->', '→', '=>', '>', 'to'];
const OUTSIDE = ['outside', 'world', 'from-outside'];

const FLAGS: ReadonlyMap<string, number> = new Map([
  ['SYN', tcp.SYN],
  ['ACK', tcp.ACK],
  ['FIN', tcp.FIN],
  ['RST', tcp.RST],
  ['PSH', tcp.PSH],
  ['URG', tcp.URG],
]);

/** Type and code in ICMP and in ICMPv6; -1 where there is none. */
const MESSAGES: ReadonlyMap<string, readonly [v4: readonly number[], v6: readonly number[]]> = new Map([
  [
    'echo',
    [
      [icmp.ECHO_REQUEST, 0],
      [icmpv6.ECHO_REQUEST, 0],
    ],
  ],
  [
    'echo-request',
    [
      [icmp.ECHO_REQUEST, 0],
      [icmpv6.ECHO_REQUEST, 0],
    ],
  ],
  [
    'echo-reply',
    [
      [icmp.ECHO_REPLY, 0],
      [icmpv6.ECHO_REPLY, 0],
    ],
  ],
  [
    'unreachable',
    [
      [icmp.DESTINATION_UNREACHABLE, icmp.CODE_HOST_UNREACHABLE],
      [icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_ADDRESS_UNREACHABLE],
    ],
  ],
  [
    'port-unreachable',
    [
      [icmp.DESTINATION_UNREACHABLE, icmp.CODE_PORT_UNREACHABLE],
      [icmpv6.DESTINATION_UNREACHABLE, icmpv6.CODE_PORT_UNREACHABLE],
    ],
  ],
  [
    'frag-needed',
    [
      [icmp.DESTINATION_UNREACHABLE, icmp.CODE_FRAGMENTATION_NEEDED],
      [icmpv6.PACKET_TOO_BIG, 0],
    ],
  ],
  [
    'packet-too-big',
    [
      [icmp.DESTINATION_UNREACHABLE, icmp.CODE_FRAGMENTATION_NEEDED],
      [icmpv6.PACKET_TOO_BIG, 0],
    ],
  ],
  [
    'time-exceeded',
    [
      [icmp.TIME_EXCEEDED, 0],
      [icmpv6.TIME_EXCEEDED, 0],
    ],
  ],
]);

const NUMBERS = [
  'ttl',
  'hop-limit',
  'length',
  'size',
  'vlan',
  'id',
  'tos',
  'type',
  'code',
  'proto',
  'protocol',
  'mark',
] as const;
const LIMITS: Readonly<Record<string, number>> = {
  ttl: 255,
  'hop-limit': 255,
  length: 65535,
  size: 65535,
  vlan: 4094,
  id: 65535,
  tos: 255,
  type: 255,
  code: 255,
  proto: 255,
  protocol: 255,
  mark: 0xffffffff,
};

/** ICMP type and code of a message by its name, in IPv4 or IPv6. */
export function messageNumbers(name: string, isV6: boolean): readonly number[] {
  const found = MESSAGES.get(name);
  return found === undefined ? [] : found[isV6 ? 1 : 0];
}

/** Reads an expression. Throws ExpressionError. */
export function parseExpression(text: string): Expression {
  return new Parser(text).read();
}

class Parser {
  readonly #text: string;
  readonly #words: Word[];
  #next = 0;
  readonly #numbers = new Map<string, number>();
  #flags: number | null = null;
  #message = '';
  #dontFragment = true;
  #fragmentOffset = -1;
  #moreFragments = false;

  constructor(text: string) {
    this.#text = text;
    this.#words = wordsOf(text);
  }

  read(): Expression {
    const protocol = this.#protocol();
    const fromOutside = this.#takeOutside();
    const from = this.#end('who sends it');
    const arrow = this.#take();
    if (arrow === undefined || !ARROWS.includes(arrow.text)) {
      this.#fail(
        arrow,
        `expected -> between who sends it and who it is for${arrow ? `, not ${quoted(arrow)}` : ''}`,
      );
    }
    const to = this.#end('who it is for');
    while (this.#next < this.#words.length) this.#detail(this.#take()!);
    const number = (...names: string[]): number | null =>
      names.map((name) => this.#numbers.get(name)).find((value) => value !== undefined) ?? null;
    return {
      text: this.#text,
      protocol: protocol?.protocol ?? null,
      addressLength: protocol?.addressLength ?? null,
      fromOutside,
      from,
      to,
      flags: this.#flags,
      icmp: { type: number('type'), code: number('code') },
      message: this.#message,
      ttl: number('ttl', 'hop-limit') ?? 64,
      length: number('length', 'size') ?? 0,
      dontFragment: this.#dontFragment,
      fragmentOffset: this.#fragmentOffset,
      moreFragments: this.#moreFragments,
      id: number('id'),
      typeOfService: number('tos') ?? 0,
      ipProtocol: number('proto', 'protocol'),
      vlan: number('vlan') ?? -1,
      mark: number('mark'),
    };
  }

  #take(): Word | undefined {
    return this.#words[this.#next++];
  }

  #fail(word: Word | undefined, message: string): never {
    const end = this.#text.length;
    throw new ExpressionError(this.#text, word?.at ?? end, word?.text.length ?? 1, message);
  }

  /** The first word, where it is a protocol: what else it may be is a name. */
  #protocol(): ProtocolWord | null {
    const word = this.#words[0];
    if (word === undefined) {
      this.#fail(undefined, 'an empty expression; give who sends it and who it is for: pod1 -> web:80');
    }
    const found = PROTOCOLS.get(word.text.toLowerCase());
    if (found !== undefined) {
      this.#next = 1;
      return found;
    }
    const second = this.#words[1];
    if (second !== undefined && !ARROWS.includes(second.text) && !OUTSIDE.includes(word.text)) {
      const hint =
        suggestion(word.text, PROTOCOLS.keys()) || `; there are ${[...PROTOCOLS.keys()].join(', ')}`;
      this.#fail(word, `${quoted(word)} is no protocol${hint}`);
    }
    return null;
  }

  /** `outside ADDRESS`; `outside` alone is any address out there. */
  #takeOutside(): boolean {
    const word = this.#words[this.#next];
    if (word === undefined || !OUTSIDE.includes(word.text.toLowerCase())) return false;
    const following = this.#words[this.#next + 1];
    if (following !== undefined && !ARROWS.includes(following.text)) this.#next++;
    return true;
  }

  #end(what: string): WrittenEnd {
    const word = this.#take();
    if (word === undefined || ARROWS.includes(word.text)) {
      this.#fail(word, `${what} is missing: a pod, a node, a service or an address`);
    }
    const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(word.text);
    if (bracketed !== null) return this.#endOf(word, bracketed[1], bracketed[2] ?? '');
    const whole = parseAddress(word.text);
    if (whole !== null) return { word, host: word.text, address: whole, port: '' };
    const colon = word.text.lastIndexOf(':');
    if (colon < 0) return this.#endOf(word, word.text, '');
    return this.#endOf(word, word.text.slice(0, colon), word.text.slice(colon + 1));
  }

  #endOf(word: Word, host: string, port: string): WrittenEnd {
    const address = parseAddress(host);
    if (host === '') this.#fail(word, `${quoted(word)} has no name or address`);
    if (address === null && /^[\d.]+$/.test(host)) this.#fail(word, `${host} is no IPv4 address`);
    if (address === null && host.includes(':')) this.#fail(word, `${host} is no IPv6 address`);
    if (/^\d+$/.test(port) && Number(port) > 65535) this.#fail(word, `${port} is not a port from 0 to 65535`);
    return { word, host, address, port };
  }

  #detail(word: Word): void {
    const [name, value] = split(word.text);
    const lower = name.toLowerCase();
    if (lower === 'fragment' || lower === 'frag') this.#fragment(word, value);
    else if ((NUMBERS as readonly string[]).includes(lower)) this.#number(word, lower, value);
    else if (value !== null) this.#unknown(word);
    else if (lower === 'df') this.#dontFragment = true;
    else if (lower === 'no-df' || lower === 'nodf') this.#dontFragment = false;
    else if (MESSAGES.has(lower)) this.#message = lower;
    else this.#flagWord(word);
  }

  /** `SYN`, `SYN,ACK`, `SYN+ACK`, `SYN/ACK`. */
  #flagWord(word: Word): void {
    for (const part of word.text.toUpperCase().split(/[,+/|-]/)) {
      const bit = FLAGS.get(part);
      if (bit === undefined) this.#unknown(word);
      this.#flags = (this.#flags ?? 0) | bit;
    }
  }

  #number(word: Word, name: string, written: string | null): void {
    const valueWord = written === null ? this.#take() : word;
    const text = written ?? valueWord?.text ?? '';
    const value = /^(\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : Number.NaN;
    if (!(value <= LIMITS[name])) {
      this.#fail(
        valueWord,
        `${name} takes a number from 0 to ${LIMITS[name]}${text === '' ? '' : `, not ${JSON.stringify(text)}`}`,
      );
    }
    this.#numbers.set(name, value);
  }

  /** `fragment first`, `fragment 1480` (its offset, more to come), `fragment 1480 last`. */
  #fragment(word: Word, written: string | null): void {
    const valueWord = written === null ? this.#take() : word;
    const text = (written ?? valueWord?.text ?? '').toLowerCase();
    this.#moreFragments = true;
    this.#dontFragment = false;
    if (text === 'first') this.#fragmentOffset = 0;
    else if (/^\d+$/.test(text) && Number(text) <= 65528 && Number(text) % 8 === 0) {
      this.#fragmentOffset = Number(text);
    } else {
      this.#fail(valueWord, 'fragment takes "first" or an offset in bytes, a multiple of 8 up to 65528');
    }
    if (this.#words[this.#next]?.text.toLowerCase() === 'last') {
      this.#next++;
      this.#moreFragments = false;
    }
  }

  #unknown(word: Word): never {
    const known = [...FLAGS.keys(), ...MESSAGES.keys(), ...NUMBERS, 'DF', 'no-DF', 'fragment'];
    const hint =
      suggestion(split(word.text)[0], known) ||
      `; there are the TCP flags ${[...FLAGS.keys()].join(', ')}, the ICMP messages ${[...MESSAGES.keys()].join(', ')}, and ttl, length, vlan, id, tos, type, code, proto, mark (with a number), DF, no-DF, fragment`;
    this.#fail(word, `${quoted(word)} says nothing about a packet${hint}`);
  }
}

function split(text: string): [string, string | null] {
  const at = text.indexOf('=');
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

function quoted({ text }: Word): string {
  return JSON.stringify(text);
}

function wordsOf(text: string): Word[] {
  // An arrow may stand without spaces around it.
  const pattern = /->|=>|→|(?:(?!->|=>|→)\S)+/g;
  return [...text.matchAll(pattern)].map((match) => ({ text: match[0], at: match.index }));
}
