/** A DNS server that answers from a table. */
import {
  RCODE_NAME_ERROR,
  RCODE_NO_ERROR,
  readMessage,
  TYPE_A,
  TYPE_AAAA,
  writeResponse,
} from '../dns-message.js';
import type { Host } from '../host.js';

/** Addresses by name: in lower case, without the last dot. */
export type NameTable = ReadonlyMap<string, readonly Uint8Array[]>;

/** As CoreDNS's kubernetes plugin has it. */
const LIFETIME_SECONDS = 30;
const ADDRESS_LENGTHS = new Map([
  [TYPE_A, 4],
  [TYPE_AAAA, 16],
]);

/** Serves at a UDP port: 0, or the errno of the bind. */
export function serveDns(host: Host, port: number, names: NameTable): number {
  const socket = host.openUdp(port);
  if (typeof socket === 'number') return socket;
  socket.onDatagram = (data, from, to) => {
    const question = readMessage(data);
    if (question === null || question.isResponse) return;
    const known = names.get(question.name.toLowerCase());
    const length = ADDRESS_LENGTHS.get(question.type) ?? -1;
    const addresses = (known ?? []).filter((address) => address.length === length);
    const code = known === undefined ? RCODE_NAME_ERROR : RCODE_NO_ERROR;
    socket.reply(writeResponse(question, code, addresses, LIFETIME_SECONDS), from, to);
  };
  return 0;
}
