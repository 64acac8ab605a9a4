/** Real tools in real namespaces, through the datapath: what passes, how it arrives, and what is denied. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { cannotRun, download, iperf, Lab, pingLoss, SHA256_OF_100_MB } from './lab.js';

const skip = cannotRun('ping', 'curl', 'iperf3', 'bash', 'sha256sum');
const LARGE = 'bytes/100000000';

interface Way {
  readonly from: string;
  readonly to: string;
}

/** A lab that the tests of one topology share. */
function inLab(topology: string, tests: (lab: () => Lab) => void): void {
  describe(topology, { skip, timeout: 180_000 }, () => {
    let lab: Lab;
    before(async () => {
      lab = await Lab.start([topology, '--serve']);
    });
    after(() => lab.stop());
    tests(() => lab);
  });
}

function downloads(lab: () => Lab, name: string, { from, to }: Way): void {
  test(`100 MB ${name}: ${from} from ${to}`, async () => {
    assert.equal(await download(lab(), from, `http://${to}/${LARGE}`), SHA256_OF_100_MB);
  });
}

function pings(lab: () => Lab, name: string, { from, to }: Way): void {
  test(`ping ${name}: ${from} to ${to}`, async () => {
    assert.equal(await pingLoss(lab(), from, to), 0);
  });
}

/** A UDP stream far below what the datapath takes must arrive whole. */
function streams(lab: () => Lab, name: string, { from, to }: Way): void {
  test(`iperf3 ${name}: ${from} to ${to}`, async () => {
    const tcp = await iperf(lab(), from, ['-c', to, '-t', '1']);
    assert.ok(tcp.bitsPerSecond > 20e6, `${tcp.bitsPerSecond} bit/s`);
    const udp = await iperf(lab(), from, ['-c', to, '-t', '1', '-u', '-b', '5M', '-l', '1000']);
    assert.ok(udp.lostPercent < 1, `${udp.lostPercent} % lost`);
  });
}

inLab('dual-stack', (lab) => {
  pings(lab, 'pod to pod', { from: 'client', to: '10.0.2.10' });
  pings(lab, 'pod to pod', { from: 'client', to: 'fd00:a:2::10' });
  pings(lab, 'pod to the world, masqueraded', { from: 'client', to: '8.8.8.8' });
  pings(lab, 'pod to the world, masqueraded', { from: 'client', to: '2001:db8:1::1' });
  downloads(lab, 'pod to service', { from: 'client', to: '10.96.0.80' });
  downloads(lab, 'pod to service', { from: 'client', to: '[fd00:c::80]' });
  downloads(lab, 'outside to node port', { from: 'outside', to: '172.16.1.1:30080' });
  downloads(lab, 'outside to node port', { from: 'outside', to: '[fd00:b:1::1]:30080' });
  streams(lab, 'pod to pod', { from: 'client', to: '10.0.2.10' });
  streams(lab, 'pod to pod', { from: 'client', to: 'fd00:a:2::10' });

  test('the world sees the node, not the pod', async () => {
    const { stdout } = await lab().run('client', ['curl', '-sm', '5', 'http://1.1/']);
    assert.match(stdout, /^outside answers 172\.16\.1\.1 port \d+\n$/);
    const ipv6 = await lab().run('client', ['curl', '-gsm', '5', 'http://[2001:db8:1::1]/']);
    assert.match(ipv6.stdout, /^outside answers fd00:b:1::1 port \d+\n$/);
  });
});

inLab('node-port', (lab) => {
  for (const node of ['172.16.0.1', '172.16.0.2', '172.16.0.3']) {
    downloads(lab, 'outside to node port, DSR', { from: 'outside', to: `${node}:30080` });
  }

  test('with DSR the backend sees the client', async () => {
    const { stdout } = await lab().run('outside', ['curl', '-sm', '5', 'http://172.16.0.1:30080/']);
    assert.match(stdout, /^web[12] answers 172\.16\.0\.254 port \d+\n$/);
  });

  test('DNS over UDP, under the address of the node (SNAT)', async () => {
    // A question for the address of web, in class IN.
    const query = '1234' + '0100' + '0001000000000000' + '0377656200' + '00010001';
    const script =
      "const s=require('dgram').createSocket('udp4');" +
      "s.on('message',(m,f)=>{console.log(m.toString('hex'),f.address,f.port);s.close()});" +
      `s.send(Buffer.from('${query}','hex'),30053,'172.16.0.1')`;
    const { stdout } = await lab().run('outside', [process.execPath, '-e', script], 5);
    const [hex, address, port] = stdout.trim().split(' ');
    // Two records, one of them 10.96.0.80 for 30 seconds.
    assert.match(hex, /^1234858000010002000000000377656200(00010001).*c00c000100010000001e00040a600050/);
    assert.deepEqual([address, port], ['172.16.0.1', '30053']);
  });
});

inLab('vxlan', (lab) => {
  downloads(lab, 'pod to pod by VXLAN', { from: 'client', to: '10.0.2.10:8080' });
  downloads(lab, 'pod to service by VXLAN', { from: 'client', to: '10.96.0.80' });

  test('a denied connection times out, and the drop is counted by its name', async () => {
    const { code } = await lab().run('client', ['curl', '-sm', '1', 'http://10.0.2.10:80/']);
    assert.equal(code, 28);
    const outside = await lab().run('outside', ['curl', '-sm', '1', 'http://172.16.0.1:30080/']);
    assert.equal(outside.code, 28);
    const { dropped } = await lab().status();
    assert.ok(dropped['Policy denied (133)'] >= 2, JSON.stringify(dropped));
  });
});
