/** libpcap through the package `cap`: one event per frame, the interface always promiscuous. */
import { formatMac } from '../../../engine/address-text.js';
import { ENETDOWN } from '../../../engine/hooks/errno.js';
import { errorText } from '../error-text.js';
import { BAD_INPUT, LiveError, missingCapability } from '../live-error.js';
import type { PortSpec } from '../live-port.js';
import { type ChildLink, FRAME_LIMIT, type LinkUser } from './link.js';
import { requirePackage } from './packages.js';

/** Bytes that libpcap keeps for frames that wait. */
const BUFFER_BYTES = 16 << 20;

interface Cap {
  open(device: string, filter: string, bufferSize: number, buffer: Buffer): string;
  on(event: 'packet', listener: (length: number, isCut: boolean) => void): void;
  send(buffer: Buffer, length: number): void;
  close(): void;
}

/** Opens an interface by libpcap. Throws LiveError. */
export function openLibpcap(spec: PortSpec, user: LinkUser): ChildLink {
  const port = `libpcap:${spec.name}`;
  const { Cap } = requirePackage<{ Cap: new () => Cap }>(port, 'cap', 'python3, make, g++ and libpcap-dev');
  const cap = new Cap();
  const buffer = Buffer.alloc(FRAME_LIMIT);
  try {
    // What the host sends itself is no received frame. By `inbound` the first frames were lost, which libpcap filters
    // itself while the kernel does not do it yet.
    const filter = `not ether src ${formatMac(user.mac)}`;
    const linkType = cap.open(spec.name, filter, BUFFER_BYTES, buffer);
    if (linkType !== 'ETHERNET') {
      throw new LiveError(port, `has link type ${linkType}`, 'an Ethernet interface is needed', BAD_INPUT);
    }
  } catch (cause) {
    throw cause instanceof LiveError ? cause : cannotOpen(port, cause);
  }
  cap.on('packet', (length, isCut) => {
    if (isCut) user.lose();
    else user.receive(buffer.subarray(0, length));
  });
  return {
    send(frame) {
      try {
        cap.send(frame, frame.length);
        return true;
      } catch {
        return false;
      }
    },
    close: () => cap.close(),
  };
}

function cannotOpen(port: string, cause: unknown): LiveError {
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/permi/i.test(text)) return missingCapability(port, 'CAP_NET_RAW', 'capturing');
  if (/not up/i.test(text)) {
    return new LiveError(
      port,
      errorText(ENETDOWN),
      'bring it up: ip link set INTERFACE up',
      BAD_INPUT,
      cause,
    );
  }
  return new LiveError(port, text, 'see: ip link', BAD_INPUT, cause);
}
