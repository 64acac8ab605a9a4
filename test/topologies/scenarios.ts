/**
 * What is sent, one after the other, through one configuration of `twoNodes` after another: how each of them carries it
 * is for the test to say.
 */
import type { Scenario } from './walk-support.js';

/** Between pods, to the world and from it, over IPv4; every packet is answered. */
export const CLUSTER_IPV4 = {
  'pod to service': (walks) => walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '10.96.0.1:80' }),
  'the service answers': (walks, last) => walks.podAnswers('pod2', last),
  'pod to the world': (walks) =>
    walks.fromPod('pod1', { from: '10.1.1.10:1001', to: '8.8.8.8:53', protocol: 'udp' }),
  'the world answers': (walks, last) => walks.answer('node1/eth0', last),
  'node port, backend elsewhere: SNAT': (walks) =>
    walks.fromOutside('node1/eth0', { from: '1.2.3.4:1002', to: '192.168.0.1:30080' }),
  'that backend answers': (walks, last) => walks.podAnswers('pod2', last),
  'node port, backend here': (walks) =>
    walks.fromOutside('node2/eth0', { from: '1.2.3.4:1003', to: '192.168.0.2:30080' }),
  'this backend answers': (walks, last) => walks.podAnswers('pod2', last),
} satisfies Scenario;

/** The same over IPv6. */
export const CLUSTER_IPV6 = {
  'pod to service': (walks) => walks.fromPod('pod1', { from: '[fd01:1::10]:1000', to: '[fd96::1]:80' }),
  'the service answers': (walks, last) => walks.podAnswers('pod2', last),
  'pod to the world': (walks) =>
    walks.fromPod('pod1', { from: '[fd01:1::10]:1001', to: '[2001:db8::8]:53', protocol: 'udp' }),
  'the world answers': (walks, last) => walks.answer('node1/eth0', last),
  'node port, backend elsewhere: SNAT': (walks) =>
    walks.fromOutside('node1/eth0', { from: '[2001:db8::4]:1002', to: '[fd00::1]:30080' }),
  'that backend answers': (walks, last) => walks.podAnswers('pod2', last),
  'node port, backend here': (walks) =>
    walks.fromOutside('node2/eth0', { from: '[2001:db8::4]:1003', to: '[fd00::2]:30080' }),
  'this backend answers': (walks, last) => walks.podAnswers('pod2', last),
} satisfies Scenario;

/** Of node1, which a policy protects. */
export const HOST_FIREWALL = {
  'from outside, allowed': (walks) =>
    walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '192.168.0.1:22' }),
  'another port, denied': (walks) =>
    walks.fromOutside('node1/eth0', { from: '1.2.3.4:1000', to: '192.168.0.1:23' }),
  'from elsewhere, denied': (walks) =>
    walks.fromOutside('node1/eth0', { from: '9.9.9.9:1000', to: '192.168.0.1:22' }),
  'the other node has no policy': (walks) =>
    walks.fromOutside('node2/eth0', { from: '9.9.9.9:1000', to: '192.168.0.2:22' }),
  'a pod of the node, allowed': (walks) =>
    walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '192.168.0.1:9100' }),
  'a pod of the node, denied': (walks) =>
    walks.fromPod('pod1', { from: '10.1.1.10:1000', to: '192.168.0.1:9101' }),
  'a pod of the other node, denied': (walks) =>
    walks.fromPod('pod2', { from: '10.1.2.10:1000', to: '192.168.0.1:9100' }),
  "what goes to a pod is not the host's": (walks) =>
    walks.fromOutside('node1/eth0', { from: '9.9.9.9:1000', to: '10.1.1.10:80' }),
} satisfies Scenario;
