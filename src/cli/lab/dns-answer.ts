/** Answers DNS questions (RFC 1035, RFC 3596) from a table of addresses by name. */
import { parseAddress } from '../../engine/address-text.js';

const HEADER_LENGTH = 12;
const TYPE_A = 1;
const TYPE_AAAA = 28;
const CLASS_IN = 1;
/** Flags: a response, authoritative, recursion desired as asked and available; the code of a name that is none. */
const RESPONSE = 0x8480;
const RECURSION_DESIRED = 0x0100;
const NO_SUCH_NAME = 3;
/** A name that is the question's: a pointer behind the header. */
const POINTER_TO_QUESTION = 0xc000 | HEADER_LENGTH;
const LIFETIME_SECONDS = 30;

/** The response to a query of one question; null for what is none. */
export function answerQuery(
  query: Uint8Array,
  names: Readonly<Record<string, readonly string[]>>,
): Uint8Array | null {
  const view = new DataView(query.buffer, query.byteOffset, query.byteLength);
  if (query.length < HEADER_LENGTH || view.getUint16(4) !== 1 || (view.getUint16(2) & 0x8000) !== 0)
    return null;
  const labels: string[] = [];
  let at = HEADER_LENGTH;
  while (at < query.length && query[at] !== 0) {
    const length = query[at++];
    if (length > 63 || at + length > query.length) return null;
    labels.push(
      Buffer.from(query.subarray(at, at + length))
        .toString('latin1')
        .toLowerCase(),
    );
    at += length;
  }
  if (at + 5 > query.length) return null;
  const type = view.getUint16(at + 1);
  const isInternet = view.getUint16(at + 3) === CLASS_IN;
  const question = query.subarray(HEADER_LENGTH, at + 5);
  const known = names[labels.join('.')];
  const wanted = type === TYPE_A ? 4 : type === TYPE_AAAA ? 16 : 0;
  const addresses = (known ?? [])
    .map((text) => parseAddress(text)!)
    .filter((address) => isInternet && address.length === wanted);

  const records = addresses.map((address) => {
    const record = Buffer.alloc(12 + address.length);
    record.writeUInt16BE(POINTER_TO_QUESTION, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(CLASS_IN, 4);
    record.writeUInt32BE(LIFETIME_SECONDS, 6);
    record.writeUInt16BE(address.length, 10);
    record.set(address, 12);
    return record;
  });
  const header = Buffer.alloc(HEADER_LENGTH);
  header.writeUInt16BE(view.getUint16(0), 0);
  const code = known === undefined ? NO_SUCH_NAME : 0;
  header.writeUInt16BE(RESPONSE | (view.getUint16(2) & RECURSION_DESIRED) | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, question, ...records]);
}
