import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import type { LiveError } from '../../../src/io/live/live-error.js';
import type { LivePort, PortSpec } from '../../../src/io/live/live-port.js';
import { openPort, parsePort } from '../../../src/io/live/open.js';
import { TestNamespace, whyNoInterfaces, whyNoTap } from '../../support/live-network.js';

async function refusal(spec: PortSpec): Promise<Pick<LiveError, 'message' | 'exitCode'>> {
  let port: LivePort;
  try {
    port = await openPort(spec);
  } catch (error) {
    const { message, exitCode } = error as LiveError;
    return { message, exitCode };
  }
  port.close();
  throw new Error(`${spec.plugin}:${spec.name} was opened`);
}

test('a port is written PLUGIN:INTERFACE', () => {
  assert.deepEqual(parsePort('af-packet:veth7'), { plugin: 'af-packet', name: 'veth7' });
  assert.throws(() => parsePort('tun:x'), {
    message: 'tun:x: there is no plugin "tun"; give one of tap, af-packet, libpcap, raw-socket, memory',
    exitCode: 2,
  });
  assert.throws(() => parsePort('tap'), { message: 'tap: names no interface; write tap:INTERFACE' });
});

describe('what cannot be opened says why', () => {
  const tap = { skip: whyNoTap() };
  const interfaces = { skip: whyNoInterfaces() };

  for (const name of ['', 'a/b', 'way-too-long-name', '..', 'a b']) {
    test(`name "${name}"`, tap, async () => {
      assert.deepEqual(await refusal({ plugin: 'tap', name }), {
        message: `tap:${name}: is no name of an interface; give 1 to 15 characters without space, "/" or ":"`,
        exitCode: 2,
      });
    });
  }

  test('an interface that does not exist', interfaces, async () => {
    assert.deepEqual(await refusal({ plugin: 'af-packet', name: 'nowhere0' }), {
      message: 'af-packet:nowhere0: there is no such interface; see: ip link',
      exitCode: 2,
    });
  });

  test('a namespace that does not exist', tap, async () => {
    assert.deepEqual(await refusal({ plugin: 'tap', name: 'tap0', namespace: 'nowhere' }), {
      message: 'tap:tap0: there is no network namespace nowhere; see: ip netns list',
      exitCode: 2,
    });
  });

  test('a TAP that is in use, and an interface that is no TAP', tap, async () => {
    const namespace = new TestNamespace();
    const spec: PortSpec = { plugin: 'tap', name: 'tap0', namespace: namespace.name };
    const port = await openPort(spec);
    try {
      assert.deepEqual(await refusal(spec), {
        message: 'tap:tap0: another process has it; end that one, or: ip link del tap0',
        exitCode: 2,
      });
      assert.deepEqual(await refusal({ ...spec, name: 'lo' }), {
        message:
          'tap:lo: there is an interface of this name that is no TAP with one queue; take another name, or: ip link del lo',
        exitCode: 2,
      });
    } finally {
      port.close();
      assert.doesNotMatch(namespace.ip('link'), /tap0/);
      namespace.dispose();
    }
  });

  test('an MTU that the interface does not take leaves nothing behind', tap, async () => {
    const namespace = new TestNamespace();
    try {
      const spec: PortSpec = { plugin: 'tap', name: 'tap0', namespace: namespace.name, mtu: 20 };
      assert.deepEqual(await refusal(spec), {
        message: 'tap:tap0: does not take an MTU of 20: invalid argument; give 68 to 65521 bytes',
        exitCode: 2,
      });
      assert.doesNotMatch(namespace.ip('link'), /tap0/);
    } finally {
      namespace.dispose();
    }
  });

  for (const [spec, message] of [
    [
      { plugin: 'tap', name: 'tap0' },
      // Where everybody may open the device, it is what follows that is refused.
      /^3 tap:tap0: (opening .dev.net.tun|making a TAP) needs CAP_NET_ADMIN.*; run as root.*\n$/,
    ],
    [
      { plugin: 'af-packet', name: 'lo' },
      /^3 af-packet:lo: a packet socket needs CAP_NET_RAW; run as root, or once: sudo setcap cap_net_raw\+ep "\$\(command -v node\)"\n$/,
    ],
  ] as const) {
    test(`${spec.plugin} without privileges`, { skip: whyNotAsNobody() }, () => {
      const module = path.resolve('dist/src/io/live/open.js');
      const script = `import(${JSON.stringify(module)}).then(async ({ openPort }) => {
        try { await openPort(${JSON.stringify(spec)}); } catch (error) { console.log(error.exitCode, error.message); }
      });`;
      const run = spawnSync(process.execPath, ['-e', script], { uid: NOBODY, gid: NOBODY, encoding: 'utf8' });
      assert.match(run.stdout, message);
    });
  }
});

const NOBODY = 65534;

function whyNotAsNobody(): string | false {
  const reason = whyNoTap();
  if (reason !== false) return reason;
  const run = spawnSync('ls', [path.resolve('dist/src/io/live/open.js')], { uid: 65534, gid: 65534 });
  accessSync('/dev/net/tun', constants.F_OK);
  return run.status === 0 ? false : 'needs a checkout that other users can read';
}
