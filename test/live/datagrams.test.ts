/** Bursts of small datagrams, which are merged on their way, as a program that receives them sees them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cannotRun, Lab } from './lab.js';

const skip = cannotRun('python3');
const COUNT = 4000;

/** Receives until nothing more comes; prints how many there were, and the first that is not the one that was due. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
s.bind((sys.argv[1], 7000))
s.settimeout(3)
count, wrong = 0, None
try:
    while count < ${COUNT}:
        data = s.recv(65535)
        due = b'%05d ' % count + b'x' * (count // 100 + 30 * (count % 7 != 0))
        if data != due and wrong is None: wrong = (count, data)
        count += 1
except TimeoutError: pass
print(count, wrong)
`;

/** Each datagram says which it is; every seventh is shorter than those before; a pause every 50 lets the receiver follow. */
const SENDER = `
import socket, sys, time
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 7000))
time.sleep(0.5)
for i in range(${COUNT}):
    s.send(b'%05d ' % i + b'x' * (i // 100 + 30 * (i % 7 != 0)))
    if i % 50 == 49: time.sleep(0.002)
`;

describe('small datagrams in bursts', { skip, timeout: 60_000 }, () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.start(['dual-stack', '--quiet']);
  });
  after(() => lab.stop());

  for (const [family, address] of [
    ['IPv4', '10.0.2.10'],
    ['IPv6', 'fd00:a:2::10'],
  ]) {
    test(`arrive one by one, whole and in order: ${family}`, async () => {
      const before = await lab.status();
      const received = lab.run('server', ['python3', '-c', RECEIVER, address], 30);
      const sent = await lab.run('client', ['python3', '-c', SENDER, address], 30);
      assert.equal(sent.code, 0, sent.stderr);
      assert.equal((await received).stdout, `${COUNT} None\n`);
      const after = await lab.status();
      assert.ok(after.merged - before.merged > COUNT / 20, `${after.merged - before.merged} were merged`);
      assert.ok(after.walked - before.walked < COUNT, 'each walked on its own');
    });
  }
});
