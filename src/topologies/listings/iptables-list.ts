/** Chains as `iptables -L` of iptables 1.8 (nf_tables) prints them. */
import type { Chain, IptablesTable } from '../../engine/netfilter/iptables.js';
import type { Family } from '../../engine/netfilter/netfilter.js';
import { RULE_PROTOCOLS } from '../../engine/netfilter/rule-parser.js';
import { type Extension, type RuleWords, readRuleWords } from './iptables-words.js';

export interface ListOptions {
  readonly family: Family;
  /** One chain alone. */
  readonly chain: string | null;
  /** Addresses, ports and protocols as numbers (-n). */
  readonly numeric: boolean;
  /** With counters and devices (-v); the counters in full (-x). */
  readonly verbose: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** Name of a port, or null; asked where names are wanted. */
  readonly portName: (protocol: string, port: number) => string | null;
}

/** What is listed of a table; null when there is no such chain. */
export function listChains(table: IptablesTable, options: ListOptions): string | null {
  const chains = table.chains.filter(({ name }) => options.chain === null || name === options.chain);
  if (chains.length === 0) return null;
  const references = new Map<Chain, number>();
  for (const { rules } of table.chains) {
    for (const { to } of rules) if (to !== null) references.set(to, (references.get(to) ?? 0) + 1);
  }
  return chains.map((chain) => chainText(chain, references.get(chain) ?? 0, options)).join('\n');
}

function chainText(chain: Chain, references: number, options: ListOptions): string {
  const { verbose, exact, lineNumbers } = options;
  const counted = verbose
    ? ` ${count(chain.packets, exact)} packets, ${count(chain.bytes, exact)} bytes`
    : '';
  const about = chain.policy === null ? `${references} references` : `policy ${chain.policy}${counted}`;
  const counters = exact ? '    pkts      bytes ' : ' pkts bytes ';
  const head = [
    lineNumbers ? 'num  ' : '',
    verbose ? counters : '',
    'target     prot opt ',
    verbose ? 'in     out     ' : '',
    'source               destination         ',
  ];
  const [first, second] = exact ? [8, 8] : [5, 5];
  const rules = chain.rules.map(({ rule, packets, bytes }, i) => {
    const number = lineNumbers ? `${String(i + 1).padEnd(4)} ` : '';
    const counts = `${count(packets, exact).padStart(first)} ${count(bytes, exact).padStart(second)} `;
    return `${number}${verbose ? counts : ''}${ruleText(readRuleWords(rule.text), options)}\n`;
  });
  return `Chain ${chain.name} (${about})\n${head.join('')}\n${rules.join('')}`;
}

/** A counter in five characters: from 100,000 on in thousands, and so on. */
function count(value: number, exact: boolean): string {
  if (exact || value <= 99_999) return String(value);
  let left = value;
  for (const unit of 'KMG') {
    left = Math.floor((left + 500) / 1000);
    if (left <= 9999) return `${left}${unit}`;
  }
  return `${Math.floor((left + 500) / 1000)}T`;
}

function ruleText(rule: RuleWords, options: ListOptions): string {
  const { protocol, source, destination, input, output, matches, target } = rule;
  const name = target?.name ?? '';
  const [sign, plain] = splitSign(protocol ?? 'all');
  const shown = options.numeric ? protocolNumber(plain) : plain;
  const devices = options.verbose ? `  ${(input ?? '*').padEnd(6)} ${(output ?? '*').padEnd(6)} ` : ' ';
  const addresses = [source, destination].map((address) => addressText(address, options)).join(' ');
  const details = [
    ...matches.map((match) => ` ${MATCH_TEXTS[match.name]?.(match, options) ?? match.name}`),
    target === null ? '' : targetText(target),
  ].join('');
  return `${name.padEnd(9)} ${sign}${shown.padEnd(5)}--${devices}${addresses} ${details}`;
}

function protocolNumber(name: string): string {
  return name === 'all' ? '0' : String(RULE_PROTOCOLS[name] ?? name);
}

function splitSign(text: string): [sign: string, plain: string] {
  return text.startsWith('!') ? ['!', text.slice(1)] : [' ', text];
}

function addressText(address: string | null, { numeric, family }: ListOptions): string {
  const any = family === 4 ? '0.0.0.0/0' : '::/0';
  const [sign, prefix] = splitSign(address ?? (numeric ? any : 'anywhere'));
  return sign + prefix.replace(/\/(32|128)$/, '').padEnd(19);
}

type MatchText = (match: Extension, options: ListOptions) => string;

const MATCH_TEXTS: Readonly<Record<string, MatchText>> = {
  addrtype: (match) =>
    `ADDRTYPE match${flagged(match, { '--src-type': 'src-type', '--dst-type': 'dst-type' })}`,
  comment: (match) => `/* ${match.value('--comment')} */`,
  conntrack: (match) => `${match.isNegated('--ctstate') ? '! ' : ''}ctstate ${match.value('--ctstate')}`,
  state: (match) => `${match.isNegated('--state') ? '! ' : ''}state ${match.value('--state')}`,
  mark: (match) => `mark match${match.isNegated('--mark') ? ' !' : ''} ${match.value('--mark')}`,
  set: (match) => {
    const [name, side] = match.values('--match-set');
    return `${match.isNegated('--match-set') ? '! ' : ''}match-set ${name} ${side}`;
  },
  statistic: (match) => `statistic mode random probability ${match.value('--probability')}`,
  recent: (match) => {
    const seconds = match.value('--seconds');
    return [
      `recent: ${match.has('--set') ? 'SET' : 'CHECK'}`,
      seconds === undefined ? '' : ` seconds: ${seconds}`,
      match.has('--reap') ? ' reap' : '',
      ` name: ${match.value('--name')} side: ${match.has('--rdest') ? 'dest' : 'source'} mask: ${match.value('--mask')}`,
    ].join('');
  },
  sctp: portsText,
  tcp: portsText,
  udp: portsText,
};

function flagged(match: Extension, names: Readonly<Record<string, string>>): string {
  return Object.entries(names)
    .filter(([flag]) => match.has(flag))
    .map(([flag, name]) => ` ${name} ${match.isNegated(flag) ? '!' : ''}${match.value(flag)}`)
    .join('');
}

function portsText(match: Extension, { numeric, portName }: ListOptions): string {
  const texts = [
    ['--sport', 'spt'],
    ['--dport', 'dpt'],
  ].flatMap(([flag, name]) => {
    const value = match.value(flag);
    if (value === undefined) return [];
    const named = value.replace(/\d+/g, (port) =>
      numeric ? port : (portName(match.name, Number(port)) ?? port),
    );
    return ` ${name}${value.includes(':') ? 's' : ''}:${match.isNegated(flag) ? '!' : ''}${named}`;
  });
  return match.name + texts.join('');
}

function targetText(target: Extension): string {
  switch (target.name) {
    case 'MARK':
      return ` ${markText(target.value('--set-xmark') ?? target.value('--set-mark') ?? '')}`;
    case 'CT':
      return ' CT notrack';
    case 'SNAT':
    case 'DNAT':
      return ` to:${target.value('--to-source') ?? target.value('--to-destination')}${randomText(target)}`;
    case 'MASQUERADE': {
      const ports = target.value('--to-ports');
      return `${ports === undefined ? '' : ` masq ports: ${ports}`}${randomText(target)}`;
    }
    case 'REJECT':
      return ` reject-with ${target.value('--reject-with')}`;
    default:
      return '';
  }
}

const randomText = (target: Extension): string => (target.has('--random-fully') ? ' random-fully' : '');

/** What `VALUE/MASK` does to a mark, in the fewest words: the mask's bits go, and the value's are flipped. */
function markText(text: string): string {
  const [value, mask = 0xffffffff] = text.split('/').map(Number);
  const hex = (number: number): string => `0x${(number >>> 0).toString(16)}`;
  if (value === 0) return `MARK and ${hex(~mask)}`;
  if (value === mask) return `MARK or ${hex(value)}`;
  if (mask === 0) return `MARK xor ${hex(value)}`;
  if (mask === 0xffffffff) return `MARK set ${hex(value)}`;
  return `MARK xset ${hex(value)}/${hex(mask)}`;
}
