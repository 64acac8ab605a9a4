/** TCP, packet by packet. Packets were made by an independent program (RFC 791, RFC 9293, checksums included). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ECONNREFUSED, ECONNRESET, ETIMEDOUT } from '../../src/engine/hooks/errno.js';
import type { TcpConnection } from '../../src/hosts/tcp-connection.js';
import { LoneHost } from './support.js';

const SYN = '4500002c10014000400616c90a0000010a0000028000005011111111000000006002faf0e6c00000020405b4';
const SYN_ACK = '4500002c00004000400626ca0a0000020a0000010050800022222222111111126012fe889ed30000020405b4';
const ACK = '4500002810024000400616cc0a0000010a0000028000005011111112222222235010faf0ba280000';
const REQUEST = '4500002b10034000400616c80a0000010a0000028000005011111112222222235018faf01ed80000474554';
const REPLY = '4500002d00004000400626c90a0000020a0000010050800022222223111111155018fe8872ae000068656c6c6f';
const REPLY_ACK = '4500002810044000400616ca0a0000010a0000028000005011111115222222285010faf0ba200000';
const FIN = '4500002800004000400626ce0a0000020a0000010050800022222228111111155011fe88b6870000';
const FIN_ACK = '4500002810054000400616c90a0000010a0000028000005011111115222222295010faf0ba1f0000';
const OWN_FIN = '4500002810064000400616c80a0000010a0000028000005011111115222222295011faf0ba1e0000';
const LAST_ACK = '4500002800004000400626ce0a0000020a0000010050800022222229111111165010fe88b6860000';
const RESET = '4500002800004000400626ce0a0000020a00000100508000000000001111111250140000f95a0000';

/** Identification, port, initial sequence number. */
const NUMBERS = [0x1000, 0, 0x11111111];
const PEER = { address: Uint8Array.of(10, 0, 0, 2), port: 80 };

function connect(lone: LoneHost): TcpConnection {
  const connection = lone.host.connect(PEER);
  assert.ok(typeof connection !== 'number');
  return connection;
}

describe('the side that connects', () => {
  test('handshake, request, reply, close', () => {
    const lone = new LoneHost(NUMBERS);
    const connection = connect(lone);
    assert.deepEqual(lone.sent(), [SYN]);
    lone.receive(SYN_ACK);
    assert.deepEqual(lone.sent(), [ACK]);
    assert.equal(connection.state, 'ESTABLISHED');
    connection.write(Buffer.from('GET'));
    assert.deepEqual(lone.sent(), [REQUEST]);
    lone.receive(REPLY);
    assert.deepEqual(lone.sent(), [REPLY_ACK]);
    assert.equal(Buffer.from(connection.read()).toString(), 'hello');
    lone.receive(FIN);
    assert.deepEqual(lone.sent(), [FIN_ACK]);
    assert.equal(connection.state, 'CLOSE_WAIT');
    connection.close();
    assert.deepEqual(lone.sent(), [OWN_FIN]);
    lone.receive(LAST_ACK);
    assert.equal(connection.state, 'CLOSED');
    assert.equal(connection.error, 0);
    lone.runTo(1000);
    assert.deepEqual(lone.sent(), []);
  });

  test('a SYN goes out at 0, 1, 2, 3, 4, 5, 7, 11, 19, 35 and 67 s, then the attempt has timed out', () => {
    const lone = new LoneHost(NUMBERS);
    const connection = connect(lone);
    const times: number[] = [];
    for (let second = 0; second <= 140; second++) {
      lone.runTo(second);
      if (lone.sent().length > 0) times.push(second);
      if (connection.state === 'CLOSED') {
        assert.equal(second, 131);
        break;
      }
    }
    assert.deepEqual(times, [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67]);
    assert.equal(connection.error, ETIMEDOUT);
  });

  test('a reset refuses it', () => {
    const lone = new LoneHost(NUMBERS);
    const connection = connect(lone);
    lone.receive(RESET);
    assert.deepEqual([connection.state, connection.error], ['CLOSED', ECONNREFUSED]);
  });

  test('a reset later breaks it', () => {
    const lone = new LoneHost(NUMBERS);
    const connection = connect(lone);
    lone.receive(SYN_ACK);
    lone.receive('4500002800004000400626ce0a0000020a00000100508000222222231111111250140000b5150000');
    assert.deepEqual([connection.state, connection.error], ['CLOSED', ECONNRESET]);
  });

  test('what is not acknowledged goes out again after 200 ms, 400 ms, …', () => {
    const lone = new LoneHost(NUMBERS);
    const connection = connect(lone);
    lone.receive(SYN_ACK);
    connection.write(Buffer.from('GET'));
    lone.sent();
    const counts = [0.199, 0.2, 0.599, 0.6, 1.4].map((second) => {
      lone.runTo(second);
      return lone.sent().length;
    });
    assert.deepEqual(counts, [0, 1, 0, 1, 1]);
    lone.receive(REPLY);
    lone.sent();
    lone.runTo(100);
    assert.deepEqual(lone.sent(), []);
  });

  test('data that comes twice, or ahead of its turn, is read once and in order', () => {
    const lone = new LoneHost(NUMBERS);
    const connection = connect(lone);
    lone.receive(SYN_ACK);
    connection.write(Buffer.from('GET'));
    lone.receive(FIN);
    assert.equal(connection.hasEnded, false);
    lone.receive(REPLY);
    lone.receive(REPLY);
    assert.equal(Buffer.from(connection.read()).toString(), 'hello');
    assert.equal(connection.hasEnded, true);
    assert.equal(connection.read().length, 0);
  });

  test('a segment with a wrong checksum is as good as none', () => {
    const lone = new LoneHost(NUMBERS);
    const connection = connect(lone);
    lone.receive(SYN_ACK.replace('9ed3', '9ed4'));
    assert.equal(connection.state, 'SYN_SENT');
  });
});

describe('the side that listens', () => {
  const ASKED = '4500002c00004000400626ca0a0000020a0000010fa0005033333333000000006002fe880f450000020405b4';
  const ANSWERED = '4500002c10014000400616c90a0000010a00000200500fa011111111333333346012faf0f0a90000020405b4';
  const DONE = '4500002800004000400626ce0a0000020a0000010fa0005033333334111111125010fe8804cf0000';

  test('accepts once the handshake is over', () => {
    const lone = new LoneHost([0x1000, 0x11111111]);
    const accepted: TcpConnection[] = [];
    assert.equal(
      lone.host.listen(80, (connection) => accepted.push(connection)),
      0,
    );
    lone.receive(ASKED);
    assert.deepEqual(lone.sent(), [ANSWERED]);
    assert.equal(accepted.length, 0);
    lone.receive(DONE);
    assert.deepEqual(lone.sent(), []);
    assert.equal(accepted[0].state, 'ESTABLISHED');
  });

  test('gives an attempt that does not go on up after five SYN-ACKs more', () => {
    const lone = new LoneHost([0x1000, 0x11111111]);
    lone.host.listen(80, () => assert.fail('accepted'));
    lone.receive(ASKED);
    lone.runTo(1000);
    assert.equal(lone.sent().length, 6);
  });

  test('a closed port answers with a reset', () => {
    const lone = new LoneHost([0x1000]);
    lone.receive('4500002c00004000400626ca0a0000020a0000010fa0005133333333000000006002fe880f440000020405b4');
    assert.deepEqual(lone.sent(), [
      '4500002810014000400616cd0a0000010a00000200510fa000000000333333345014000025760000',
    ]);
  });
});
