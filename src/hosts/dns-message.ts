/** DNS messages (RFC 1035 section 4), as far as questions for addresses and their answers go. */
import { put16, put32, u16 } from '../engine/wire/bytes.js';

export const DNS_PORT = 53;

export const TYPE_A = 1;
export const TYPE_AAAA = 28;
const CLASS_INTERNET = 1;

export const RCODE_NO_ERROR = 0;
export const RCODE_NAME_ERROR = 3;

const HEADER_LENGTH = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const RCODE_MASK = 0x000f;
/** A name that is a pointer to an earlier one (RFC 1035 section 4.1.4). */
const POINTER = 0xc0;
const POINTER_TO_QUESTION = 0xc00c;
const LABEL_LIMIT = 63;
const NAME_LIMIT = 255;

export interface DnsMessage {
  readonly id: number;
  readonly isResponse: boolean;
  readonly isAuthoritative: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly responseCode: number;
  /** Without the last dot. */
  readonly name: string;
  readonly type: number;
  /** The addresses among the answers: 4 or 16 bytes each. */
  readonly answers: readonly { readonly lifetimeSeconds: number; readonly address: Uint8Array }[];
  /** Bytes of the message. */
  readonly length: number;
}

/** Whether a name can be asked for: labels of 63 bytes at most, 255 in all. */
export function isName(name: string): boolean {
  const labels = name.split('.');
  return name.length < NAME_LIMIT && labels.every((label) => label.length > 0 && label.length <= LABEL_LIMIT);
}

export function writeQuestion(id: number, name: string, type: number): Uint8Array {
  return writeMessage(id, FLAG_RECURSION_DESIRED, name, type, [], 0);
}

/** Answers a question with addresses of its type. */
export function writeResponse(
  question: DnsMessage,
  responseCode: number,
  addresses: readonly Uint8Array[],
  lifetimeSeconds: number,
): Uint8Array {
  const desired = question.recursionDesired ? FLAG_RECURSION_DESIRED : 0;
  const flags = FLAG_RESPONSE | FLAG_AUTHORITATIVE | FLAG_RECURSION_AVAILABLE | desired | responseCode;
  return writeMessage(question.id, flags, question.name, question.type, addresses, lifetimeSeconds);
}

function writeMessage(
  id: number,
  flags: number,
  name: string,
  type: number,
  addresses: readonly Uint8Array[],
  lifetimeSeconds: number,
): Uint8Array {
  const labels = name.split('.').map((label) => Buffer.from(label, 'latin1'));
  const nameLength = labels.reduce((sum, label) => sum + 1 + label.length, 1);
  const answersLength = addresses.reduce((sum, address) => sum + 12 + address.length, 0);
  const bytes = new Uint8Array(HEADER_LENGTH + nameLength + 4 + answersLength);
  put16(bytes, 0, id);
  put16(bytes, 2, flags);
  put16(bytes, 4, 1);
  put16(bytes, 6, addresses.length);
  let at = HEADER_LENGTH;
  for (const label of labels) {
    bytes[at] = label.length;
    bytes.set(label, at + 1);
    at += 1 + label.length;
  }
  put16(bytes, at + 1, type);
  put16(bytes, at + 3, CLASS_INTERNET);
  at += 5;
  for (const address of addresses) {
    put16(bytes, at, POINTER_TO_QUESTION);
    put16(bytes, at + 2, type);
    put16(bytes, at + 4, CLASS_INTERNET);
    put32(bytes, at + 6, lifetimeSeconds);
    put16(bytes, at + 10, address.length);
    bytes.set(address, at + 12);
    at += 12 + address.length;
  }
  return bytes;
}

/** Null for what is no message with one question. */
export function readMessage(bytes: Uint8Array): DnsMessage | null {
  if (bytes.length < HEADER_LENGTH || u16(bytes, 4) !== 1) return null;
  const question = readName(bytes, HEADER_LENGTH);
  if (question === null || question.end + 4 > bytes.length) return null;
  const flags = u16(bytes, 2);
  return {
    id: u16(bytes, 0),
    isResponse: (flags & FLAG_RESPONSE) !== 0,
    isAuthoritative: (flags & FLAG_AUTHORITATIVE) !== 0,
    recursionDesired: (flags & FLAG_RECURSION_DESIRED) !== 0,
    recursionAvailable: (flags & FLAG_RECURSION_AVAILABLE) !== 0,
    responseCode: flags & RCODE_MASK,
    name: question.name,
    type: u16(bytes, question.end),
    answers: readAnswers(bytes, question.end + 4),
    length: bytes.length,
  };
}

function readAnswers(bytes: Uint8Array, start: number): DnsMessage['answers'] {
  const answers: { lifetimeSeconds: number; address: Uint8Array }[] = [];
  let at = start;
  for (let i = u16(bytes, 6); i > 0; i--) {
    const name = readName(bytes, at);
    if (name === null || name.end + 10 > bytes.length) break;
    const type = u16(bytes, name.end);
    const lifetimeSeconds = u16(bytes, name.end + 4) * 65536 + u16(bytes, name.end + 6);
    at = name.end + 10 + u16(bytes, name.end + 8);
    if (at > bytes.length) break;
    const address = bytes.slice(name.end + 10, at);
    const length = type === TYPE_A ? 4 : type === TYPE_AAAA ? 16 : -1;
    if (address.length === length) answers.push({ lifetimeSeconds, address });
  }
  return answers;
}

/** A name and where it ends; the rest behind a pointer is not followed, since nothing here asks for it. */
function readName(bytes: Uint8Array, start: number): { name: string; end: number } | null {
  const labels: string[] = [];
  let at = start;
  while (at < bytes.length) {
    const length = bytes[at];
    if (length === 0) return { name: labels.join('.'), end: at + 1 };
    if ((length & POINTER) === POINTER) return { name: labels.join('.'), end: at + 2 };
    if (length > LABEL_LIMIT) return null;
    labels.push(Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString('latin1'));
    at += 1 + length;
  }
  return null;
}
