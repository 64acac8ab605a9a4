/** ping as iputils prints it. */
import { addressText } from '../../engine/address-text.js';
import { EMSGSIZE } from '../../engine/hooks/errno.js';
import { isEqual } from '../../engine/wire/bytes.js';
import * as icmp from '../../engine/wire/icmp.js';
import * as icmpv6 from '../../engine/wire/icmpv6.js';
import type { EchoReply } from '../echo.js';
import { errorText } from '../errors.js';
import type { IcmpError } from '../icmp-message.js';
import type { Process, Program, Steps } from '../process.js';
import { MILLISECOND_NS, SECOND_NS } from '../world.js';
import { numberOption, readToolOptions, ToolError } from './options.js';
import { type FamilyChoice, parseLiteral, resolve } from './resolve.js';

/** Data of a request that starts with the time it was sent at, so that the reply says how long it took. */
const TIME_LENGTH = 16;
const ICMP_LENGTH = icmp.HEADER_LENGTH;
const IPV4_LENGTH = 20;
/** Without -c ping runs for ever; here as long as a person would watch. */
const DEFAULT_COUNT = 4;

interface PingOptions {
  readonly name: string;
  readonly family: FamilyChoice;
  readonly count: number;
  readonly length: number;
  readonly intervalNs: number;
  readonly timeoutNs: number;
  readonly deadlineNs: number;
  readonly hopLimit: number | null;
  readonly dontFragment: boolean | null;
  readonly quiet: boolean;
}

export function preparePing(args: readonly string[]): Program {
  const { values, operands } = readToolOptions('ping', args, '46c:s:i:W:w:M:t:nqI:');
  if (operands.length !== 1) throw new ToolError('ping: usage error: Destination address required');
  const seconds = (letter: string, otherwise: number): number =>
    Math.round(numberOption('ping', values, letter, otherwise, 0, 86400) * SECOND_NS);
  const discovery = values.get('M');
  if (discovery !== undefined && !['do', 'want', 'dont', 'probe'].includes(discovery)) {
    throw new ToolError(`ping: -M ${discovery}: do, want or dont`);
  }
  const options: PingOptions = {
    name: operands[0],
    family: values.has('6') ? 'ipv6' : values.has('4') ? 'ipv4' : 'any',
    count: numberOption('ping', values, 'c', DEFAULT_COUNT, 1, 65535),
    length: numberOption('ping', values, 's', 56, 0, 65507),
    intervalNs: seconds('i', 1),
    timeoutNs: seconds('W', 10),
    deadlineNs: values.has('w') ? seconds('w', 0) : Number.POSITIVE_INFINITY,
    hopLimit: values.has('t') ? numberOption('ping', values, 't', 64, 1, 255) : null,
    dontFragment: discovery === 'do' || discovery === 'probe' ? true : discovery === 'dont' ? false : null,
    quiet: values.has('q'),
  };
  return (process) => ping(process, options);
}

function* ping(process: Process, options: PingOptions): Steps<number> {
  const destination = yield* resolve(process, options.name, options.family);
  if (destination === null) {
    process.complain(`ping: ${options.name}: Name or service not known\n`);
    return 2;
  }
  const source = process.host.sourceFor(destination);
  if (typeof source === 'number') {
    process.complain(`ping: connect: ${errorText(source)}\n`);
    return 2;
  }
  const run = new PingRun(process, options, destination);
  return yield* run.run();
}

class PingRun {
  readonly #process: Process;
  readonly #options: PingOptions;
  readonly #destination: Uint8Array;
  readonly #sentNs = new Map<number, number>();
  readonly #answered = new Set<number>();
  readonly #timesMs: number[] = [];
  readonly #startNs: number;
  #duplicates = 0;
  #errors = 0;

  constructor(process: Process, options: PingOptions, destination: Uint8Array) {
    this.#process = process;
    this.#options = options;
    this.#destination = destination;
    this.#startNs = process.world.nowNs;
  }

  *run(): Steps<number> {
    const process = this.#process;
    const { world, host } = process;
    const { name, length, count, intervalNs, deadlineNs } = this.#options;
    const text = addressText(this.#destination);
    const isIpv4 = this.#destination.length === 4;
    const whole = length + ICMP_LENGTH + IPV4_LENGTH;
    process.print(
      isIpv4
        ? `PING ${name} (${text}) ${length}(${whole}) bytes of data.\n`
        : `PING ${name}(${name === text ? text : `${name} (${text})`}) ${length} data bytes\n`,
    );
    const identifier = host.echo.open({
      onReply: (reply) => this.#takeReply(reply),
      onError: (error, sequence) => this.#takeError(error, sequence),
    });
    const endNs = this.#startNs + deadlineNs;
    for (let sequence = 1; sequence <= count && world.nowNs < endNs; sequence++) {
      if (sequence > 1)
        yield* process.until(() => false, Math.min(endNs, this.#sentNs.get(sequence - 1)! + intervalNs));
      if (world.nowNs >= endNs) break;
      this.#send(identifier, sequence);
    }
    yield* process.until(() => this.#isSettled, Math.min(endNs, world.nowNs + this.#lingerNs));
    host.echo.close(identifier);
    this.#printStatistics();
    return this.#answered.size > 0 ? 0 : 1;
  }

  get #isSettled(): boolean {
    return this.#answered.size + this.#errors >= this.#sentNs.size;
  }

  /** How long the last reply is waited for: twice the longest so far, or -W when there was none. */
  get #lingerNs(): number {
    if (this.#timesMs.length === 0) return this.#options.timeoutNs;
    return Math.max(2 * Math.max(...this.#timesMs) * MILLISECOND_NS, SECOND_NS);
  }

  #send(identifier: number, sequence: number): void {
    const { length, dontFragment, hopLimit } = this.#options;
    const process = this.#process;
    this.#sentNs.set(sequence, process.world.nowNs);
    const error = process.host.echo.send(this.#destination, identifier, sequence, length, {
      ...(dontFragment === null ? {} : { dontFragment }),
      ...(hopLimit === null ? {} : { hopLimit }),
    });
    if (error === 0) return;
    this.#errors++;
    if (error === EMSGSIZE) {
      process.complain(`ping: local error: message too long, mtu=${process.host.mtuTo(this.#destination)}\n`);
    } else process.complain(`ping: sendmsg: ${errorText(error)}\n`);
  }

  #takeReply({ from, sequence, hopLimit, length }: EchoReply): void {
    const sentNs = this.#sentNs.get(sequence);
    if (sentNs === undefined) return;
    const isDuplicate = this.#answered.has(sequence);
    if (isDuplicate) this.#duplicates++;
    this.#answered.add(sequence);
    const milliseconds = (this.#process.world.nowNs - sentNs) / MILLISECOND_NS;
    const hasTime = this.#options.length >= TIME_LENGTH;
    if (hasTime && !isDuplicate) this.#timesMs.push(milliseconds);
    if (!this.#options.quiet) {
      const time = hasTime ? ` time=${timeText(milliseconds)} ms` : '';
      const other = isEqual(from, this.#destination) ? '' : ' (DIFFERENT ADDRESS!)';
      const again = isDuplicate ? ' (DUP!)' : '';
      this.#process.print(
        `${length} bytes from ${this.#name(from)}: icmp_seq=${sequence} ttl=${hopLimit}${time}${again}${other}\n`,
      );
    }
    this.#process.wake();
  }

  /** Who answers, by name where /etc/hosts has one for it; asked by number, ping says numbers. */
  #name(from: Uint8Array): string {
    const text = addressText(from);
    if (parseLiteral(this.#options.name) !== null) return text;
    for (const [name, addresses] of this.#process.host.names) {
      if (addresses.some((address) => isEqual(address, from))) return `${name} (${text})`;
    }
    return text;
  }

  #takeError(error: IcmpError, sequence: number): void {
    const { from, type, code, mtu, gateway } = error;
    if (gateway !== null) {
      if (this.#options.quiet) return;
      const text = `${REDIRECT_TEXTS[code] ?? `Redirect, Bad Code: ${code}`}(New nexthop: ${addressText(gateway)})`;
      this.#process.print(`From ${addressText(from)}: icmp_seq=${sequence} ${text}\n`);
      return;
    }
    if (!this.#sentNs.has(sequence) || this.#answered.has(sequence)) return;
    this.#errors++;
    const text = this.#destination.length === 4 ? icmpText(type, code, mtu) : icmpv6Text(type, code, mtu);
    if (!this.#options.quiet) {
      this.#process.print(`From ${addressText(from)} icmp_seq=${sequence} ${text}\n`);
    }
    this.#process.wake();
  }

  #printStatistics(): void {
    const process = this.#process;
    const [sent, received] = [this.#sentNs.size, this.#answered.size];
    const loss = formatShare(sent === 0 ? 0 : (100 * (sent - received)) / sent);
    const totalMs = Math.floor((process.world.nowNs - this.#startNs) / MILLISECOND_NS);
    const errors = this.#errors === 0 ? '' : `, +${this.#errors} errors`;
    const duplicates = this.#duplicates === 0 ? '' : `, +${this.#duplicates} duplicates`;
    process.print(`\n--- ${this.#options.name} ping statistics ---\n`);
    process.print(
      `${sent} packets transmitted, ${received} received${duplicates}${errors}, ${loss}% packet loss, time ${totalMs}ms\n`,
    );
    if (this.#timesMs.length > 0) process.print(`rtt min/avg/max/mdev = ${statistics(this.#timesMs)} ms\n`);
    else if (received === 0) process.print('\n');
  }
}

function statistics(times: readonly number[]): string {
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const square = times.reduce((sum, time) => sum + time * time, 0) / times.length;
  const deviation = Math.sqrt(Math.max(0, square - mean * mean));
  return [Math.min(...times), mean, Math.max(...times), deviation].map((value) => value.toFixed(3)).join('/');
}

/** As iputils: three digits that count, no more than three behind the dot. */
function timeText(milliseconds: number): string {
  if (milliseconds >= 100) return milliseconds.toFixed(0);
  if (milliseconds >= 10) return milliseconds.toFixed(1);
  return milliseconds >= 1 ? milliseconds.toFixed(2) : milliseconds.toFixed(3);
}

function formatShare(percent: number): string {
  return String(Number(percent.toPrecision(6)));
}

const REDIRECT_TEXTS = [
  'Redirect Network',
  'Redirect Host',
  'Redirect Type of Service and Network',
  'Redirect Type of Service and Host',
];

const UNREACHABLE_TEXTS = [
  'Destination Net Unreachable',
  'Destination Host Unreachable',
  'Destination Protocol Unreachable',
  'Destination Port Unreachable',
  '',
  'Source Route Failed',
  'Destination Net Unknown',
  'Destination Host Unknown',
  'Source Host Isolated',
  'Destination Net Prohibited',
  'Destination Host Prohibited',
  'Destination Net Unreachable for Type of Service',
  'Destination Host Unreachable for Type of Service',
  'Packet filtered',
  'Precedence Violation',
  'Precedence Cutoff',
];

function icmpText(type: number, code: number, mtu: number): string {
  if (type === icmp.TIME_EXCEEDED) {
    return code === icmp.CODE_TTL_EXCEEDED ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
  }
  if (type !== icmp.DESTINATION_UNREACHABLE) return `Parameter problem: pointer = ${code}`;
  if (code === icmp.CODE_FRAGMENTATION_NEEDED) return `Frag needed and DF set (mtu = ${mtu})`;
  return UNREACHABLE_TEXTS[code] ?? `Dest Unreachable, Bad Code: ${code}`;
}

const UNREACHABLE_TEXTS_IPV6 = [
  'No route',
  'Administratively prohibited',
  'Beyond scope of source address',
  'Address unreachable',
  'Port unreachable',
];

function icmpv6Text(type: number, code: number, mtu: number): string {
  if (type === icmpv6.PACKET_TOO_BIG) return `Packet too big: mtu=${mtu}`;
  if (type === icmpv6.TIME_EXCEEDED) {
    return `Time exceeded: ${code === icmpv6.CODE_HOP_LIMIT_EXCEEDED ? 'Hop limit' : 'Defragmentation failure'}`;
  }
  if (type !== icmpv6.DESTINATION_UNREACHABLE) return 'Parameter problem';
  return `Destination unreachable: ${UNREACHABLE_TEXTS_IPV6[code] ?? `Unknown code ${code}`}`;
}
