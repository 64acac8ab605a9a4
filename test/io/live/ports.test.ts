import { FrameArena } from '../../../src/engine/frame-arena.js';
import type { LivePort, PortSpec } from '../../../src/io/live/live-port.js';
import { joinPorts } from '../../../src/io/live/memory-port.js';
import { openPort } from '../../../src/io/live/open.js';
import {
  RawLink,
  TestNamespace,
  whyNoInterfaces,
  whyNoPackage,
  whyNoTap,
} from '../../support/live-network.js';
import { FAR_MAC, NEAR_MAC } from './frames.js';
import { type PortUnderTest, testPort } from './live-suite.js';

testPort('memory', { skip: false }, async () => {
  const [port, other] = joinPorts(
    { plugin: 'memory', name: 'near', mac: NEAR_MAC },
    { plugin: 'memory', name: 'far', mac: FAR_MAC },
  );
  return { port, far: farPort(other), dispose: () => other.close() };
});

/** The far end by a port: only where there is no other way to see it. */
function farPort(port: LivePort): PortUnderTest['far'] {
  const arena = new FrameArena(256, 1);
  const handles = new Int32Array(1);
  return {
    send(frame) {
      handles[0] = arena.put(new DataView(frame.buffer), 0, frame.length);
      port.send(arena, handles, 0, 1);
      arena.free(handles[0]);
    },
    async receive(count, isWanted) {
      const frames: Uint8Array[] = [];
      while (frames.length < count && port.receive(arena, handles, 0, 1) > 0) {
        const start = arena.start[handles[0]];
        const bytes = arena.bytes.slice(start, start + arena.length[handles[0]]);
        arena.free(handles[0]);
        if (isWanted(bytes)) frames.push(bytes);
      }
      return frames;
    },
  };
}

for (const [offloads, batches] of [
  [true, true],
  [true, false],
  [false, true],
  [false, false],
]) {
  const name = `tap, offloads ${offloads ? 'on' : 'off'}, io_uring ${batches ? 'on' : 'off'}`;
  testPort(name, { skip: whyNoTap() }, async () => {
    const namespace = new TestNamespace();
    try {
      const port = await openPort({
        plugin: 'tap',
        name: 'tap0',
        namespace: namespace.name,
        mac: NEAR_MAC,
        mtu: 1500,
        offloads,
        batches,
      });
      const far = await RawLink.open(namespace, 'tap0');
      return { port, far, link: linkOf(namespace, 'tap0'), dispose: () => disposeAll(far, namespace) };
    } catch (error) {
      namespace.dispose();
      throw error;
    }
  });
}

const onVeth = (spec: Omit<PortSpec, 'name'>) => async (): Promise<PortUnderTest> => {
  const [near, distant] = [new TestNamespace(), new TestNamespace()];
  try {
    near.addVeth('near0', distant, 'far0');
    distant.ip('link', 'set', 'far0', 'address', '02:00:00:00:00:02');
    if (spec.plugin === 'raw-socket') {
      near.ip('link', 'set', 'near0', 'address', '02:00:00:00:00:01');
      near.ip('addr', 'add', '10.0.0.1/24', 'dev', 'near0');
      near.ip('neigh', 'replace', '10.0.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'near0');
    }
    const port = await openPort({ ...spec, name: 'near0', namespace: near.name, mac: NEAR_MAC });
    const far = await RawLink.open(distant, 'far0');
    return { port, far, link: linkOf(near, 'near0'), dispose: () => disposeAll(far, near, distant) };
  } catch (error) {
    disposeAll(near, distant);
    throw error;
  }
};

function linkOf(namespace: TestNamespace, name: string): NonNullable<PortUnderTest['link']> {
  return {
    down: () => namespace.ip('link', 'set', name, 'down'),
    up: () => namespace.ip('link', 'set', name, 'up'),
    remove: () => namespace.ip('link', 'del', name),
  };
}

function disposeAll(...things: (RawLink | TestNamespace)[]): void {
  for (const thing of things) {
    if (thing instanceof RawLink) thing.close();
    else thing.dispose();
  }
}

for (const offloads of [true, false]) {
  const name = `af-packet, offloads ${offloads ? 'on' : 'off'}`;
  testPort(name, { skip: whyNoInterfaces() }, onVeth({ plugin: 'af-packet', offloads }));
}

testPort('af-packet, receive ring', { skip: whyNoInterfaces() }, onVeth({ plugin: 'af-packet', ring: true }));

testPort('libpcap', { skip: await whyNoPackage('cap') }, onVeth({ plugin: 'libpcap' }));

testPort(
  'raw-socket',
  { skip: await whyNoPackage('raw-socket'), ipOnly: true },
  onVeth({ plugin: 'raw-socket', protocols: [253] }),
);
