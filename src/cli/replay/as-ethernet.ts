/**
 * A capture of IP packets without Ethernet headers (a tunnel device, `tcpdump -i any`, a loopback) as Ethernet: the
 * capture's own link header is replaced by one whose addresses are made from the packet's, so that one host has one
 * MAC. What is Ethernet already passes untouched.
 */
import * as arp from '../../engine/wire/arp.js';
import { i32, put16, put32, u16 } from '../../engine/wire/bytes.js';
import * as ethernet from '../../engine/wire/ethernet.js';
import * as ipv4 from '../../engine/wire/ipv4.js';
import * as ipv6 from '../../engine/wire/ipv6.js';
import * as links from '../../io/link-type.js';
import type { PacketBatch } from '../../io/packet-batch.js';
import type { CaptureInterface, PacketSource } from '../../io/packet-source.js';

/** Bytes of the link headers that are known, and where in them the protocol is (-1: no field for it). */
interface LinkHeader {
  readonly length: number;
  readonly protocolAt: number;
}

const LINK_HEADERS: ReadonlyMap<number, LinkHeader> = new Map([
  [links.LINKTYPE_RAW, { length: 0, protocolAt: -1 }],
  [links.LINKTYPE_IPV4, { length: 0, protocolAt: -1 }],
  [links.LINKTYPE_IPV6, { length: 0, protocolAt: -1 }],
  // An address family, in the byte order of whoever captured: the IP version tells the same.
  [links.LINKTYPE_NULL, { length: 4, protocolAt: -1 }],
  [links.LINKTYPE_LOOP, { length: 4, protocolAt: -1 }],
  [links.LINKTYPE_LINUX_SLL, { length: 16, protocolAt: 14 }],
  [links.LINKTYPE_LINUX_SLL2, { length: 20, protocolAt: 0 }],
]);

/** Locally administered, so that no maker of devices has it. */
const MADE_MAC_HEAD = 0x0200;
const BROADCAST_TAIL = -1;
const BROADCAST_HEAD = 0xffff;

export class AsEthernet implements PacketSource {
  readonly #source: PacketSource;
  #interfaces: readonly CaptureInterface[] = [];
  /** By interface: its link header, null for Ethernet and what is not known. */
  #headers: (LinkHeader | null)[] = [];
  #converts = false;
  #bytes = new Uint8Array(1 << 16);

  constructor(source: PacketSource) {
    this.#source = source;
  }

  /** Whether link headers are made, of what was read so far. */
  get converts(): boolean {
    return this.interfaces.length > 0 && this.#converts;
  }

  get interfaces(): readonly CaptureInterface[] {
    const known = this.#source.interfaces;
    if (known.length !== this.#interfaces.length) {
      this.#headers = known.map(({ linkType }) => LINK_HEADERS.get(linkType) ?? null);
      this.#converts = this.#headers.some((header) => header !== null);
      this.#interfaces = known.map((link, i) =>
        this.#headers[i] === null ? link : { ...link, linkType: links.LINKTYPE_ETHERNET },
      );
    }
    return this.#interfaces;
  }

  read(batch: PacketBatch): number {
    const count = this.#source.read(batch);
    if (count > 0 && this.converts) this.#convert(batch);
    return count;
  }

  #convert(batch: PacketBatch): void {
    const from = batch.bytes;
    this.#reserve(batch);
    const to = this.#bytes;
    let at = 0;
    for (let i = 0; i < batch.count; i++) {
      const header = this.#headers[batch.interfaceIndex[i]];
      const start = batch.offset[i];
      const end = start + batch.capturedLength[i];
      batch.offset[i] = at;
      if (header === null) {
        to.set(from.subarray(start, end), at);
        at += end - start;
        continue;
      }
      const added = ethernet.HEADER_LENGTH - header.length;
      const packetAt = Math.min(start + header.length, end);
      to.set(from.subarray(packetAt, end), at + ethernet.HEADER_LENGTH);
      const length = ethernet.HEADER_LENGTH + end - packetAt;
      const type = end - start < header.length ? 0 : etherType(from, start, packetAt, end, header);
      writeLink(to, at, at + length, type);
      batch.capturedLength[i] = length;
      batch.originalLength[i] = Math.max(length, batch.originalLength[i] + added);
      at += length;
    }
    batch.bytes = to;
    batch.hasOptions = false;
  }

  #reserve(batch: PacketBatch): void {
    let length = 0;
    for (let i = 0; i < batch.count; i++) length += batch.capturedLength[i] + ethernet.HEADER_LENGTH;
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
  }

  get name(): string {
    return this.#source.name;
  }

  get position(): number {
    return this.#source.position;
  }

  get size(): number {
    return this.#source.size;
  }

  wait(): Promise<void> {
    return this.#source.wait();
  }

  close(): void {
    this.#source.close();
  }
}

function etherType(
  bytes: Uint8Array,
  start: number,
  packetAt: number,
  end: number,
  header: LinkHeader,
): number {
  if (header.protocolAt >= 0) return u16(bytes, start + header.protocolAt);
  if (packetAt === end) return 0;
  const version = ipv4.version(bytes, packetAt);
  if (version === ipv4.VERSION) return ethernet.TYPE_IPV4;
  return version === ipv6.VERSION ? ethernet.TYPE_IPV6 : 0;
}

/** The Ethernet header in front of a packet that is in place; MACs from the last four bytes of the addresses. */
function writeLink(bytes: Uint8Array, at: number, end: number, type: number): void {
  const packetAt = at + ethernet.HEADER_LENGTH;
  let source = 0;
  let destination = 0;
  let head = MADE_MAC_HEAD;
  if (type === ethernet.TYPE_IPV4 && ipv4.fits(packetAt, end)) {
    source = i32(bytes, ipv4.sourceAt(packetAt));
    destination = i32(bytes, ipv4.destinationAt(packetAt));
  } else if (type === ethernet.TYPE_IPV6 && ipv6.fits(packetAt, end)) {
    source = i32(bytes, ipv6.sourceAt(packetAt) + 12);
    destination = i32(bytes, ipv6.destinationAt(packetAt) + 12);
  } else if (type === ethernet.TYPE_ARP && arp.fits(packetAt, end)) {
    source = i32(bytes, arp.senderAddressAt(packetAt));
    const isRequest = arp.operation(bytes, packetAt) === arp.OPERATION_REQUEST;
    destination = isRequest ? BROADCAST_TAIL : i32(bytes, arp.targetAddressAt(packetAt));
    if (isRequest) head = BROADCAST_HEAD;
  }
  putMac(bytes, ethernet.destinationAt(at), head, destination);
  putMac(bytes, ethernet.sourceAt(at), MADE_MAC_HEAD, source);
  ethernet.putType(bytes, at, type);
}

function putMac(bytes: Uint8Array, at: number, head: number, tail: number): void {
  put16(bytes, at, head);
  put32(bytes, at + 2, tail);
}
