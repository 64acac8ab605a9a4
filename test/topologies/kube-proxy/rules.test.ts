/** kube-proxy's chains: their names, as clusters have them, and what a node's packets meet. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAddress } from '../../../src/engine/address-text.js';
import { chainName, endpointChain, type ServicePort } from '../../../src/topologies/kube-proxy-services.js';
import { labTables } from './cluster.js';

const [[, tables]] = labTables();

function rules(table: 'nat' | 'filter', about: string): string[] {
  return tables.get(table)!.filter((line) => line.startsWith('-A') && line.includes(about));
}

describe('names of chains', () => {
  const service = (name: string, protocol = 'tcp'): ServicePort => ({
    ...{
      name,
      protocol,
      port: 80,
      nodePort: 0,
      affinitySeconds: 0,
      externalLocal: false,
      internalLocal: false,
    },
    ...{
      clusterAddresses: [],
      externalAddresses: [],
      loadBalancerAddresses: [],
      sourceRanges: [],
      backends: [],
    },
  });

  test('of services that every cluster has', () => {
    assert.equal(chainName('SVC', service('default/kubernetes:https')), 'KUBE-SVC-NPX46M4PTMTKRN6Y');
    assert.equal(chainName('SVC', service('kube-system/kube-dns:dns', 'udp')), 'KUBE-SVC-TCOU7JCQXEZGVUNU');
    assert.equal(chainName('SVC', service('kube-system/kube-dns:dns-tcp')), 'KUBE-SVC-ERIFXISQEP7F7OF4');
  });

  test('of an endpoint', () => {
    const [address, protocol] = [parseAddress('10.180.0.1')!, 6];
    const backend = { id: 1, address, port: 80, protocol, state: 0, node: null };
    assert.equal(endpointChain(service('ns1/svc1:p80'), backend), 'KUBE-SEP-SXIVWICOYRO3J4NJ');
  });
});

test('a service with a node port and an external address', () => {
  assert.deepEqual(rules('nat', 'default/web:http'), [
    '-A KUBE-NODEPORTS -p tcp -m comment --comment "default/web:http" -m tcp --dport 30080 -j KUBE-EXT-CDGGSHYLG3RE2FKL',
    '-A KUBE-SERVICES -d 10.96.0.80/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80 -j KUBE-SVC-CDGGSHYLG3RE2FKL',
    '-A KUBE-SERVICES -d 198.51.100.80/32 -p tcp -m comment --comment "default/web:http external IP" -m tcp --dport 80 -j KUBE-EXT-CDGGSHYLG3RE2FKL',
    '-A KUBE-EXT-CDGGSHYLG3RE2FKL -m comment --comment "masquerade traffic for default/web:http external destinations" -j KUBE-MARK-MASQ',
    '-A KUBE-SVC-CDGGSHYLG3RE2FKL ! -s 10.0.2.0/24 -d 10.96.0.80/32 -p tcp -m comment --comment "default/web:http cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ',
    '-A KUBE-SVC-CDGGSHYLG3RE2FKL -m comment --comment "default/web:http -> 10.0.2.2:8080" -j KUBE-SEP-RIVC2LZ6FILQS336',
    '-A KUBE-SEP-RIVC2LZ6FILQS336 -s 10.0.2.2/32 -m comment --comment "default/web:http" -j KUBE-MARK-MASQ',
    '-A KUBE-SEP-RIVC2LZ6FILQS336 -p tcp -m comment --comment "default/web:http" -m tcp -j DNAT --to-destination 10.0.2.2:8080',
  ]);
});

test('a service without endpoints, one without any on the node', () => {
  assert.deepEqual(rules('filter', 'endpoints'), [
    '-A KUBE-SERVICES -d 10.96.0.84/32 -p tcp -m comment --comment "default/empty has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable',
    '-A KUBE-SERVICES -d 10.96.0.85/32 -p tcp -m comment --comment "default/away has no local endpoints" -m tcp --dport 80 -j DROP',
    '-A KUBE-EXTERNAL-SERVICES -d 198.51.100.84/32 -p tcp -m comment --comment "default/empty has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable',
    '-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "default/empty has no endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30084 -j REJECT --reject-with icmp-port-unreachable',
    '-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "default/away has no local endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30085 -j DROP',
  ]);
});
