/**
 * The process of a plugin that is native code of others: `cap` and `raw-socket` work in a main thread only, and `cap`
 * ends its process when the interface goes down. Takes the PortSpec as JSON; what prevents it goes to standard output
 * as JSON. Ends when the port closes its end.
 */
import koffi from 'koffi';
import { InterfaceControl } from '../interface-control.js';
import { loadLibc } from '../libc.js';
import { BAD_INPUT, LiveError } from '../live-error.js';
import type { PortSpec } from '../live-port.js';
import { inNamespace } from '../namespace.js';
import { openLibpcap } from './libpcap.js';
import { type ChildLink, FRAME_LIMIT, type LinkUser } from './link.js';
import {
  CHILD_FD,
  CONTROL_LENGTH,
  CONTROL_LOST,
  CONTROL_NOT_SENT,
  CONTROL_READY,
  writeControl,
} from './protocol.js';
import { ANY_INTERFACE, openRawSocket } from './raw-socket.js';

const REPORT_MS = 200;

async function run(spec: PortSpec): Promise<void> {
  const port = `${spec.plugin}:${spec.name}`;
  const libc = await loadLibc(port);
  const mac = new Uint8Array(6);
  const control = new Uint8Array(CONTROL_LENGTH);
  const controlView = new DataView(control.buffer);
  const told = new Map<number, number>();
  let lost = 0;
  let notSent = 0;

  const tell = (kind: number, value: number): void => {
    if (told.get(kind) === value) return;
    writeControl(controlView, kind, value);
    if (libc.write(CHILD_FD, control, CONTROL_LENGTH) === CONTROL_LENGTH) told.set(kind, value);
  };
  const user: LinkUser = {
    mac,
    receive(frame) {
      if (libc.write(CHILD_FD, frame, frame.length) < 0) lost++;
    },
    lose: () => lost++,
  };

  const link = inNamespace(libc, port, spec.namespace, (): ChildLink => {
    if (spec.name !== ANY_INTERFACE) readMac(new InterfaceControl(libc, port, spec.name), mac);
    return spec.plugin === 'libpcap' ? openLibpcap(spec, user) : openRawSocket(spec, user);
  });

  const buffer = Buffer.alloc(FRAME_LIMIT);
  const sendWaiting = (): void => {
    for (;;) {
      const length = libc.read(CHILD_FD, buffer, buffer.length);
      if (length < 0) return;
      if (length === 0) process.exit(0);
      if (!link.send(buffer.subarray(0, length))) notSent++;
    }
  };
  // Held, since a handle that is collected stops.
  const handle = koffi.node.poll(CHILD_FD, { readable: true, disconnect: true }, sendWaiting);
  process.on('exit', () => {
    handle.close();
    link.close();
  });
  setInterval(() => {
    tell(CONTROL_LOST, lost);
    tell(CONTROL_NOT_SENT, notSent);
  }, REPORT_MS);
  tell(CONTROL_READY, process.pid);
}

function readMac(control: InterfaceControl, mac: Uint8Array): void {
  control.index();
  control.readMac(mac);
  control.close();
}

run(JSON.parse(process.argv[2]) as PortSpec).catch((error: unknown) => {
  const known = error instanceof LiveError;
  const fault = known ? error.fault : String(error);
  const remedy = known ? error.remedy : 'this is a fault of the program';
  process.stdout.write(JSON.stringify({ fault, remedy, exitCode: known ? error.exitCode : BAD_INPUT }), () =>
    process.exit(1),
  );
});
