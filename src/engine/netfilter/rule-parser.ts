/**
 * Reads rules as `iptables -S` and `iptables-save` print them: `-A CHAIN MATCHES -j TARGET`. What is not known is
 * refused with the word, so that a rule never means less than it says.
 */
import { type Prefix, parseAddress, parsePrefix } from '../address-text.js';
import { CT_ESTABLISHED, CT_INVALID, CT_NEW, CT_RELATED, CT_UNTRACKED } from './conntrack.js';
import {
  CT_DNAT,
  CT_SNAT,
  type DeviceMatch,
  type Negated,
  type RecentMatch,
  type Rule,
  type Side,
  type Target,
} from './rule.js';

/** Protocols by the names that rules have for them. */
export const RULE_PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  tcp: 6,
  udp: 17,
  'ipv6-icmp': 58,
  icmpv6: 58,
  sctp: 132,
};

const STATES: Readonly<Record<string, number>> = {
  INVALID: CT_INVALID,
  ESTABLISHED: CT_ESTABLISHED,
  RELATED: CT_RELATED,
  NEW: CT_NEW,
  UNTRACKED: CT_UNTRACKED,
  SNAT: CT_SNAT,
  DNAT: CT_DNAT,
};

/** Codes of `REJECT --reject-with`, of both families (RFC 792, RFC 1122 section 3.2.2.1, RFC 4443 section 3.1). */
const REJECTIONS: Readonly<Record<string, number>> = {
  'icmp-net-unreachable': 0,
  'icmp-host-unreachable': 1,
  'icmp-proto-unreachable': 2,
  'icmp-port-unreachable': 3,
  'icmp-net-prohibited': 9,
  'icmp-host-prohibited': 10,
  'icmp-admin-prohibited': 13,
  'icmp6-no-route': 0,
  'icmp6-adm-prohibited': 1,
  'icmp6-addr-unreachable': 3,
  'icmp6-port-unreachable': 4,
};

const MODULES = [
  'addrtype',
  'comment',
  'conntrack',
  'mark',
  'recent',
  'sctp',
  'set',
  'state',
  'statistic',
  'tcp',
  'udp',
];

/** Words of a rule; what stands in double quotes is one. */
export function wordsOf(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

/** Reads one rule. Throws Error that names the word that is not understood. */
export function parseRule(text: string): Rule {
  return new RuleReader(text).rule();
}

class RuleReader {
  readonly #text: string;
  readonly #words: string[];
  #next = 0;
  #isNegated = false;
  readonly #rule: { -readonly [Key in keyof Rule]: Rule[Key] };

  constructor(text: string) {
    this.#text = text.trim();
    this.#words = wordsOf(text);
    this.#rule = { text: this.#text, chain: '', target: { kind: 'none' } };
  }

  rule(): Rule {
    const rule = this.#rule;
    while (this.#next < this.#words.length) this.#option(this.#words[this.#next++]);
    if (rule.chain === '') throw this.#fault('it names no chain (-A CHAIN)');
    if (this.#isNegated) throw this.#fault('nothing follows the last "!"');
    if (/[ds]port/.test(this.#text) && rule.protocol === undefined) {
      throw this.#fault('ports need a protocol (-p tcp)');
    }
    return rule;
  }

  #option(word: string): void {
    const rule = this.#rule;
    if (word === '!') {
      this.#isNegated = true;
      return;
    }
    switch (word) {
      case '-A':
      case '--append':
        rule.chain = this.#argument(word);
        break;
      case '-s':
      case '--source':
        rule.source = this.#negated(this.#prefix(word));
        break;
      case '-d':
      case '--destination':
        rule.destination = this.#negated(this.#prefix(word));
        break;
      case '-i':
      case '--in-interface':
        rule.input = this.#device(word);
        break;
      case '-o':
      case '--out-interface':
        rule.output = this.#device(word);
        break;
      case '-p':
      case '--protocol':
        rule.protocol = this.#negated(this.#protocol(word));
        break;
      case '-m':
      case '--match':
        this.#module(this.#argument(word));
        break;
      case '-j':
      case '--jump':
        rule.target = this.#target(this.#argument(word));
        break;
      default:
        this.#matchOption(word);
    }
    this.#isNegated = false;
  }

  #module(name: string): void {
    if (!MODULES.includes(name)) {
      throw this.#fault(`match "${name}" is not known; there are ${MODULES.join(', ')}`);
    }
    if (name === 'recent') {
      this.#rule.recent = this.#negated({ kind: 'rcheck', list: 'DEFAULT', seconds: 0, side: 'src' });
    }
  }

  /** Options of the match modules. */
  #matchOption(word: string): void {
    const rule = this.#rule;
    switch (word) {
      case '--comment':
        this.#argument(word);
        return;
      case '--mark':
        rule.marks = [...(rule.marks ?? []), this.#negated(this.#maskedValue(word))];
        return;
      case '--ctstate':
      case '--state':
        rule.states = this.#negated(this.#states(word));
        return;
      case '--match-set':
        rule.set = this.#negated(this.#set());
        return;
      case '--sport':
      case '--source-port':
        rule.sourcePorts = this.#negated(this.#ports(word));
        return;
      case '--dport':
      case '--destination-port':
        rule.destinationPorts = this.#negated(this.#ports(word));
        return;
      case '--mode':
        if (this.#argument(word) !== 'random') throw this.#fault('statistic knows --mode random alone');
        return;
      case '--probability':
        rule.probability = Number(this.#argument(word));
        if (!(rule.probability >= 0 && rule.probability <= 1)) throw this.#fault('a probability is 0 to 1');
        return;
      case '--src-type':
      case '--dst-type':
        if (this.#argument(word) !== 'LOCAL') throw this.#fault(`${word} knows LOCAL alone`);
        rule.local = [...(rule.local ?? []), this.#negated<Side>(word === '--src-type' ? 'src' : 'dst')];
        return;
      default:
        if (rule.recent === undefined || !this.#recentOption(rule.recent, word)) {
          throw this.#fault(`"${word}" is not known`);
        }
    }
  }

  /** Options of `-m recent`; false for a word that is none. */
  #recentOption({ value, negated }: Negated<RecentMatch>, word: string): boolean {
    const given = this.#recentValue(word);
    if (given === null) return false;
    this.#rule.recent = { value: { ...value, ...given }, negated: negated || this.#isNegated };
    return true;
  }

  #recentValue(word: string): Partial<RecentMatch> | null {
    switch (word) {
      case '--set':
      case '--rcheck':
        return { kind: word === '--set' ? 'set' : 'rcheck' };
      case '--name':
        return { list: this.#argument(word) };
      case '--seconds':
        return { seconds: Number(this.#argument(word)) };
      case '--reap':
        return {};
      case '--mask': {
        const mask = parseAddress(this.#argument(word));
        if (!mask?.every((byte) => byte === 0xff)) throw this.#fault('recent knows whole addresses alone');
        return {};
      }
      case '--rsource':
      case '--rdest':
        return { side: word === '--rsource' ? 'src' : 'dst' };
      default:
        return null;
    }
  }

  #target(name: string): Target {
    switch (name) {
      case 'ACCEPT':
      case 'DROP':
      case 'RETURN':
      case 'NOTRACK':
        return { kind: name };
      case 'CT':
        this.#expect('--notrack');
        return { kind: 'NOTRACK' };
      case 'MASQUERADE':
        return {
          kind: 'MASQUERADE',
          ports: this.#takeWord('--to-ports') ? this.#ports('--to-ports') : null,
          randomly: this.#takeWord('--random-fully'),
        };
      case 'SNAT':
        this.#expect('--to-source');
        return { kind: 'SNAT', ...this.#endpoint('--to-source'), randomly: this.#takeWord('--random-fully') };
      case 'DNAT':
        this.#expect('--to-destination');
        return { kind: 'DNAT', ...this.#endpoint('--to-destination') };
      case 'MARK':
        return this.#markTarget();
      case 'REJECT':
        return { kind: 'REJECT', code: this.#rejection() };
      default:
        return { kind: 'jump', chain: name };
    }
  }

  #rejection(): number {
    if (!this.#takeWord('--reject-with')) throw this.#fault('REJECT: --reject-with is missing');
    const name = this.#argument('--reject-with');
    if (REJECTIONS[name] === undefined) {
      throw this.#fault(
        `--reject-with: "${name}" is not known; there are ${Object.keys(REJECTIONS).join(', ')}`,
      );
    }
    return REJECTIONS[name];
  }

  #markTarget(): Target {
    const word = this.#words[this.#next++];
    if (word === '--or-mark') {
      const [value] = this.#maskedValue(word);
      return { kind: 'MARK', clear: value, set: value };
    }
    if (word !== '--set-xmark' && word !== '--set-mark') throw this.#fault(`MARK: "${word}" is not known`);
    const [value, mask] = this.#maskedValue(word);
    // --set-mark clears its mask's bits and sets those of the value; --set-xmark flips the value's.
    return { kind: 'MARK', clear: mask, set: value, flips: word === '--set-xmark' };
  }

  /** `ADDRESS`, `ADDRESS:PORT`, `ADDRESS:FIRST-LAST`, IPv6 with ports in brackets. */
  #endpoint(option: string): { address: Uint8Array; ports: readonly [number, number] | null } {
    const text = this.#argument(option);
    const whole = parseAddress(text);
    if (whole !== null) return { address: whole, ports: null };
    const parts = /^\[?([^\]]+?)\]?:(\d+)(?:-(\d+))?$/.exec(text);
    const address = parts === null ? null : parseAddress(parts[1]);
    if (parts === null || address === null) throw this.#fault(`${option}: "${text}" is no address`);
    return { address, ports: [Number(parts[2]), Number(parts[3] ?? parts[2])] };
  }

  #prefix(option: string): Prefix {
    const text = this.#argument(option);
    const prefix = parsePrefix(text);
    if (prefix === null) throw this.#fault(`${option}: "${text}" is no prefix`);
    return prefix;
  }

  /** `eth+` is every name that begins so. */
  #device(option: string): DeviceMatch {
    const text = this.#argument(option);
    const isPrefix = text.endsWith('+');
    return { name: isPrefix ? text.slice(0, -1) : text, isPrefix, negated: this.#isNegated };
  }

  #protocol(option: string): number {
    const text = this.#argument(option);
    const protocol = RULE_PROTOCOLS[text] ?? Number(text);
    if (!Number.isInteger(protocol)) throw this.#fault(`${option}: "${text}" is no protocol`);
    return protocol;
  }

  #ports(option: string): readonly [number, number] {
    const text = this.#argument(option);
    const parts = /^(\d+)(?:[:-](\d+))?$/.exec(text);
    if (parts === null) throw this.#fault(`${option}: "${text}" is no port`);
    return [Number(parts[1]), Number(parts[2] ?? parts[1])];
  }

  #states(option: string): number {
    let bits = 0;
    for (const name of this.#argument(option).split(',')) {
      if (STATES[name] === undefined) throw this.#fault(`${option}: "${name}" is no state`);
      bits |= STATES[name];
    }
    return bits;
  }

  #set(): { name: string; side: 'src' | 'dst' } {
    const name = this.#argument('--match-set');
    const side = this.#argument('--match-set');
    if (side !== 'src' && side !== 'dst') throw this.#fault(`--match-set: "${side}" is neither src nor dst`);
    return { name, side };
  }

  /** `VALUE[/MASK]` as int32. */
  #maskedValue(option: string): readonly [number, number] {
    const text = this.#argument(option);
    const [value, mask = 0xffffffff] = text.split('/').map(Number);
    if (!Number.isInteger(value) || !Number.isInteger(mask))
      throw this.#fault(`${option}: "${text}" is no mark`);
    return [value | 0, mask | 0];
  }

  #negated<T>(value: T): Negated<T> {
    return { value, negated: this.#isNegated };
  }

  #takeWord(word: string): boolean {
    if (this.#words[this.#next] !== word) return false;
    this.#next++;
    return true;
  }

  #expect(word: string): void {
    if (!this.#takeWord(word)) throw this.#fault(`${word} is missing`);
  }

  #argument(option: string): string {
    const word = this.#words[this.#next++];
    if (word === undefined) throw this.#fault(`${option} takes a value`);
    return word;
  }

  #fault(what: string): Error {
    return new Error(`iptables rule "${this.#text}": ${what}`);
  }
}
