/** Connections and NAT mappings, made by hand, as they are listed. Expected texts are what cilium-dbg 1.18 prints, unless a test says otherwise. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conntrackObjects, conntrackText } from '../../../src/programs/tables/print-conntrack.js';
import { natObjects, natText } from '../../../src/programs/tables/print-nat.js';
import { setHex } from '../../support/map-hex.js';
import { le, map } from './listing-support.js';

describe('conntrack', () => {
  // Reserved, backend, packets, bytes, lifetime, flags, reverse NAT, reserved, tx and rx flags, identity, reports.
  const value = (backend: number, counts: string, flags: string, seen: string, rest: string): string =>
    le(0, 8) + le(backend, 8) + counts + flags + seen + rest;

  const outgoing = value(
    0,
    le(10, 8) + le(1029, 8) + le(17755044, 4),
    '13000000',
    '00001b1b',
    le(42837, 4) + le(17755035, 4) + le(17755035, 4),
  );

  test('the connection of the write-up, in the words of 1.18', () => {
    const made = map('cilium_ct4_global');
    setHex(made, '0af400d5010000010050b5960600', outgoing);
    assert.equal(
      conntrackText(made),
      'TCP OUT 10.244.0.213:46486 -> 1.0.0.1:80 expires=17755044 Packets=10 Bytes=1029 RxFlagsSeen=0x1b ' +
        'LastRxReport=17755035 TxFlagsSeen=0x1b LastTxReport=17755035 Flags=0x0013 ' +
        '[ RxClosing TxClosing SeenNonSyn ] RevNAT=0 SourceSecurityID=42837 BackendID=0 \n\n',
    );
    assert.match(conntrackText(made, 17755000), / expires=17755044 \(remaining: 44 sec\(s\)\) Packets=10 /);
  });

  test('related, service, incoming and IPv6 entries; protocol 0 is left out', () => {
    const made = map('cilium_ct_any4_global');
    const nothing = '00'.repeat(56);
    const related = value(
      0,
      le(0, 16) + le(17755093, 4),
      '10000000',
      '00000200',
      le(42837, 4) + le(17755035, 4) + le(0, 4),
    );
    setHex(made, '0af400d501000001000000000102', related);
    setHex(made, '0a60000a0af400d5b59600350604', value(5, le(0, 20), '00080003', le(0, 4), le(0, 12)));
    setHex(made, '0af400d501000001005000350601', nothing);
    setHex(made, '0af400d501000001005000350001', nothing);
    const rest = 'Packets=0 Bytes=0 RxFlagsSeen=0x00 LastRxReport=0 TxFlagsSeen=0x00 LastTxReport=0 Flags=0x';
    assert.equal(
      conntrackText(made),
      'ICMP OUT 10.244.0.213:0 -> 1.0.0.1:0 related expires=17755093 Packets=0 Bytes=0 RxFlagsSeen=0x00 ' +
        'LastRxReport=0 TxFlagsSeen=0x02 LastTxReport=17755035 Flags=0x0010 [ SeenNonSyn ] RevNAT=0 ' +
        'SourceSecurityID=42837 BackendID=0 \n' +
        `TCP SVC 10.244.0.213:46486 -> 10.96.0.10:53 expires=0 ${rest}0800 [ Unknown=0x0800 ] RevNAT=3 ` +
        'SourceSecurityID=0 BackendID=5 \n' +
        `TCP IN 10.244.0.213:53 -> 1.0.0.1:80 expires=0 ${rest}0000 [ ] RevNAT=0 ` +
        'SourceSecurityID=0 BackendID=0 \n\n',
    );
    const ipv6 = map('cilium_ct6_global');
    const addresses = 'fd0000000000000000000000000000d5fd000000000000000000000000000001';
    setHex(ipv6, `${addresses}00500fa00600`, nothing);
    assert.match(conntrackText(ipv6), /^TCP OUT fd00::d5:4000 -> fd00::1:80 expires=0 /);
    assert.equal(conntrackText(map('cilium_ct6_global')), '\n');
  });

  test('JSON has the raw fields', () => {
    const made = map('cilium_ct4_global');
    setHex(made, '0af400d5010000010050b5960600', outgoing);
    assert.deepEqual(conntrackObjects(made), [
      {
        Key: {
          DestAddr: [10, 244, 0, 213],
          SourceAddr: [1, 0, 0, 1],
          DestPort: 20480,
          SourcePort: 38581,
          NextHeader: 6,
          Flags: 0,
        },
        Value: {
          Reserved0: 0n,
          BackendID: 0n,
          Packets: 10n,
          Bytes: 1029n,
          Lifetime: 17755044,
          Flags: 19,
          RevNAT: 0,
          Reserved4: 0,
          TxFlagsSeen: 27,
          RxFlagsSeen: 27,
          SourceSecurityID: 42837,
          LastTxReport: 17755035,
          LastRxReport: 17755035,
        },
      },
    ]);
  });
});

test('NAT: addresses and ports as named, IPv6 in brackets', () => {
  const made = map('cilium_snat_v4_external');
  const stamp = le(1000, 8) + le(0, 24);
  setHex(made, '010000010af400d50050b5960600', `${stamp}0a879846b5960000`);
  setHex(made, '0a87984601000001b59600500601', `${stamp}0af400d5b5960000`);
  assert.equal(
    natText(made, 1042),
    `TCP OUT 10.244.0.213:46486 -> 1.0.0.1:80 XLATE_SRC 10.135.152.70:46486 Created=42sec ago NeedsCT=0
TCP IN 1.0.0.1:80 -> 10.135.152.70:46486 XLATE_DST 10.244.0.213:46486 Created=42sec ago NeedsCT=0

`,
  );
  const ipv6 = map('cilium_snat_v6_external');
  const addresses = '20010db8000000000000000000000001fd0000000000000000000000000000d5';
  const to = 'fd010000000000000000000000000001';
  setHex(ipv6, `${addresses}003514e91100`, `${le(7, 8)}${le(1, 8)}${le(0, 16)}${to}9c40000000000000`);
  assert.equal(
    natText(ipv6, 10),
    'UDP OUT [fd00::d5]:5353 -> [2001:db8::1]:53 XLATE_SRC [fd01::1]:40000 Created=3sec ago NeedsCT=1\n\n',
  );
  assert.deepEqual(natObjects(made)[0], {
    Key: {
      DestAddr: [1, 0, 0, 1],
      SourceAddr: [10, 244, 0, 213],
      DestPort: 20480,
      SourcePort: 38581,
      NextHeader: 6,
      Flags: 0,
    },
    Value: { Created: 1000n, NeedsCT: 0n, Pad1: 0n, Pad2: 0n, Addr: [10, 135, 152, 70], Port: 38581 },
  });
});
