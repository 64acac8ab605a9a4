import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constantsOf, featuresOf, unknownMacros } from './features.js';
import { configOf } from './instances.js';
import { SAMPLE } from './sample-scenario.js';
import type { Scenario } from './vector-format.js';

function withMacros(features: Record<string, string>, source = 'own'): Scenario {
  return { ...SAMPLE, source, features, objectFeatures: { overlay: { TRACE_NOTIFY: 1 } } };
}

test('switches are on when defined, numbers are decimal, hex or a name', () => {
  const features = featuresOf(
    withMacros({
      ENABLE_IPV6: '1',
      CT_REPORT_FLAGS: '0x00ff',
      MONITOR_AGGREGATION: '0',
      LB_SELECTION: 'LB_SELECTION_FIRST',
      DSR_ENCAP_MODE: '0',
      NAT_46X64_PREFIX_0: '0x00',
      NAT_46X64_PREFIX_1: '0x64',
      NAT_46X64_PREFIX_2: '0xff',
      NAT_46X64_PREFIX_3: '0x9b',
    }),
  );
  assert.equal(features.ipv4, false);
  assert.equal(features.ipv6, true);
  assert.equal(features.conntrackReportFlags, 255);
  assert.equal(features.monitorAggregation, 0);
  assert.equal(features.backendSelection, 3);
  assert.equal(features.dsrMode, 1);
  assert.equal(features.maglevTableSize, 251);
  assert.deepEqual(features.nat46x64Prefix, [0x00, 0x64, 0xff, 0x9b]);
});

test('what is always compiled in, by kind of object', () => {
  const scenario = withMacros({ SKIP_DEBUG: '1', LB_SELECTION: '2' });
  const lxc = featuresOf(scenario, 'lxc');
  assert.deepEqual(
    [
      lxc.traceEvents,
      lxc.localDeliveryMetrics,
      lxc.conntrackAccounting,
      lxc.policyAccounting,
      lxc.dropEvents,
    ],
    [true, true, true, true, true],
  );
  assert.equal(lxc.backendSelection, 1);
  const overlay = featuresOf(scenario, 'overlay');
  assert.deepEqual(
    [overlay.traceEvents, overlay.localDeliveryMetrics, overlay.conntrackAccounting, overlay.dropEvents],
    [true, false, false, true],
  );
  assert.equal(overlay.backendSelection, 2);
  const nodePort = featuresOf(withMacros({ ENABLE_NODEPORT: '1' }), 'xdp');
  assert.deepEqual(
    [nodePort.traceEvents, nodePort.conntrackAccounting, nodePort.policyAccounting, nodePort.debug],
    [false, true, true, true],
  );
});

test('scenarios of the suite list every switch, and leave debug events out', () => {
  const features = featuresOf(withMacros({ CONNTRACK_ACCOUNTING: '1' }, 'suite'), 'host');
  assert.deepEqual(
    [features.traceEvents, features.dropEvents, features.conntrackAccounting, features.debug],
    [false, false, true, false],
  );
});

test('a rate limit without a burst limit has bucket size 0', () => {
  const features = featuresOf(withMacros({ EVENTS_MAP_RATE_LIMIT: '20' }));
  assert.deepEqual([features.eventsRateLimit, features.eventsBurstLimit], [20, 0]);
});

test('constants: the recorded node, and what macros say instead', () => {
  const recorded = constantsOf(SAMPLE);
  assert.equal(recorded.ipv4Gateway, 0xfffff50a | 0);
  assert.equal(recorded.tcpLifetimeSeconds, 21600);
  assert.deepEqual(recorded.natPortRange, [32768, 65535]);
  const constants = constantsOf(
    withMacros({
      IPV4_DIRECT_ROUTING: '0x0b00a8c0',
      IPV6_DIRECT_ROUTING: '{ .addr = { 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11 } }',
      CILIUM_HOST_MAC: '{ .addr = { 0xce, 0x72, 0xa7, 0x03, 0x88, 0x01 } }',
      NODEPORT_PORT_MAX_NAT: '32768',
      HOST_EP_ID: '0x1092',
    }),
  );
  assert.equal(constants.ipv4DirectRouting, 0x0b00a8c0);
  assert.equal(Buffer.from(constants.ipv6DirectRouting).toString('hex'), 'fd000000000000000000000000000011');
  assert.equal(Buffer.from(constants.hostMac).toString('hex'), 'ce72a7038801');
  assert.deepEqual(constants.natPortRange, [32768, 32768]);
  assert.equal(constants.hostEndpointId, 4242);
});

test('values of the wrong kind are refused, unknown macros named', () => {
  const bad = (macro: string, value: string): Scenario => withMacros({ [macro]: value });
  assert.throws(
    () => featuresOf(bad('MONITOR_AGGREGATION', 'medium')),
    /MONITOR_AGGREGATION: "medium" is not a number/,
  );
  assert.throws(() => constantsOf(bad('CILIUM_NET_MAC', '{ 300 }')), /CILIUM_NET_MAC/);
  assert.deepEqual(unknownMacros(bad('ENABLE_MAGIC', '1')), ['ENABLE_MAGIC']);
});

test('instance configuration', () => {
  const config = configOf('ep1', {
    object: 'lxc',
    config: {
      endpoint_id: '6500',
      endpoint_ipv4: '0af5010a',
      endpoint_netns_cookie: '8813000001000000',
      device_mtu: 'dc05',
      secctx_from_ipcache: '01',
    },
  });
  assert.equal(config.endpointId, 101);
  assert.equal(config.endpointIpv4, 0x0a01f50a);
  assert.deepEqual(config.netnsCookie, [5000, 1]);
  assert.equal(config.deviceMtu, 1500);
  assert.equal(config.secctxFromIpcache, true);
  assert.throws(() => configOf('ep1', { object: 'lxc', config: { endpoint_id: '65' } }), /endpoint_id "65"/);
});
