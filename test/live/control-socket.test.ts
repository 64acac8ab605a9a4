import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { askControl, ControlSocket } from '../../src/live/control-socket.js';

describe('the control socket of a lab', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'packetwalk-control-'));
  const at = path.join(directory, 'lab.sock');
  let control: ControlSocket;
  before(async () => {
    control = await ControlSocket.listen(at, {
      echo: (argument: unknown) => argument,
      slow: () => new Promise((resolve) => setTimeout(resolve, 100, 'done')),
      fail: () => {
        throw Object.assign(new Error('not that'), { exitCode: 3 });
      },
    });
  });
  after(() => {
    control.close();
    rmSync(directory, { recursive: true });
  });

  /** Writes a line as it is; resolves to the line that comes back. */
  function say(line: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const client = createConnection(at, () => client.write(`${line}\n`));
      client.once('data', (data) => {
        resolve(String(data));
        client.destroy();
      });
      client.once('error', reject);
    });
  }

  test('answers, or says what is wrong', async () => {
    assert.deepEqual(await askControl(at, 'echo', { a: [1] }), { a: [1] });
    await assert.rejects(askControl(at, 'fail'), { message: 'not that', exitCode: 3 });
    await assert.rejects(askControl(at, 'echoes'), {
      message: 'no command echoes; there are echo, slow, fail',
    });
  });

  test('answers lines that are no questions', async () => {
    assert.match(await say('what?'), /"error":"Unexpected token.*","exitCode":2\}\n$/);
    for (const line of ['null', '1', '[]', '{}']) {
      assert.match(await say(line), /"error":"no command undefined; .*","exitCode":2\}\n$/, line);
    }
  });

  test('outlives those that go away before their answer', async () => {
    for (let i = 0; i < 5; i++) {
      await new Promise<void>((resolve) => {
        const client = createConnection(at, () => {
          client.write('{"id": 1, "command": "slow"}\n{"id": 2, "command": "echo"}\n');
          client.destroy();
          resolve();
        });
        client.on('error', () => {});
      });
    }
    assert.equal(await askControl(at, 'slow'), 'done');
  });

  test('that is gone is told of', async () => {
    const nowhere = path.join(directory, 'none.sock');
    await assert.rejects(askControl(nowhere, 'status'), {
      message: `${nowhere}: nobody listens there: the lab has ended, or was killed (packetwalk lab --clean removes what it left)`,
      exitCode: 2,
    });
  });

  test('of something else is told of', async () => {
    const other = path.join(directory, 'other.sock');
    let answer = 'hello\n';
    const server = createServer((client) => client.end(answer));
    await new Promise<void>((resolve) => server.listen(other, resolve));
    await assert.rejects(askControl(other, 'status'), { message: `${other}: no answer of a lab` });
    answer = '';
    await assert.rejects(askControl(other, 'status'), { message: `${other}: closed without an answer` });
    server.close();
  });
});
