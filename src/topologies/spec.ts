/**
 * What a topology declares, as written in YAML. This schema says which keys there are and of what type; whether the
 * values fit together is check.ts. Names are those of Kubernetes, CiliumNetworkPolicy and the Cilium ConfigMap where
 * they have one. Addresses of either family are taken wherever one is.
 */
import { z } from 'zod';
import {
  annotations,
  authentication,
  kubeProxy,
  l2Announcement,
  localRedirectPolicy,
  srv6,
} from './spec-features.js';
import { type NextHopSpec, neighbour, type RouteSpec, route, rule, sysctls } from './spec-routing.js';

const port = z.int().min(1).max(65535);
const labels = z.record(z.string(), z.string());

/** Ids and tags that the kernel gave the programs of a device: `{from-container: {id: 3023, tag: 85cb336cd763aeb7}}`. */
const programs = z.record(
  z.string(),
  z.object({ id: z.int().min(1).optional(), tag: z.union([z.string(), z.number()]).optional() }),
);

const device = z.object({
  name: z.string().min(1).max(15),
  /** Default physical; the two ends of a veth name each other as `peer`. */
  kind: z.enum(['physical', 'veth', 'dummy']).optional(),
  ifindex: z.int().min(1).max(1_000_000).optional(),
  mac: z.string().optional(),
  mtu: z.int().min(68).max(65535).optional(),
  /** ADDRESS/LENGTH; a length short of the whole address makes the route to the link, as the kernel does. */
  addresses: z.array(z.string()).optional(),
  peer: z.string().optional(),
  programs: programs.optional(),
  up: z.boolean().optional(),
});

const ports = z.union([port, z.array(port).min(1)]);

/** What a pod, a node or a host answers at which of its ports. */
const serves = z.object({
  http: ports.optional(),
  dns: ports.optional(),
  'tcp-echo': ports.optional(),
  'udp-echo': ports.optional(),
});

const pod = z.object({
  name: z.string().min(1),
  labels: labels.optional(),
  annotations: annotations.optional(),
  ip: z.string().optional(),
  /** Both families, where a pod has both. */
  ips: z.array(z.string()).optional(),
  /** Of the pod's eth0. */
  mac: z.string().optional(),
  /** The device on the host's side. */
  device: z
    .object({
      name: z.string().min(1).max(15).optional(),
      mac: z.string().optional(),
      ifindex: z.int().min(1).max(1_000_000).optional(),
      mtu: z.int().min(68).max(65535).optional(),
      programs: programs.optional(),
    })
    .optional(),
  /** Of the pod's eth0; default 2. */
  ifindex: z.int().min(1).max(1_000_000).optional(),
  /** Name of the pod's network namespace on the node (/run/netns). */
  netns: z.string().optional(),
  /** Endpoint id. */
  endpoint: z.int().min(1).max(65534).optional(),
  /** Security identity; pods with equal labels have one identity. */
  identity: z.int().min(1).max(0xffffff).optional(),
  /** Ports of the node that lead to the pod. */
  hostPorts: z
    .array(
      z.object({
        hostPort: port,
        containerPort: port.optional(),
        protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
        /** Default every address of the node. */
        hostIP: z.string().optional(),
      }),
    )
    .optional(),
  /** What the pod has learned besides its gateway; MAC default that of the device on the host's side. */
  neighbours: z.array(z.object({ address: z.string(), mac: z.string().optional() })).optional(),
  /** Default gateway in the pod; default the node's ciliumInternalIP. */
  gateway: z.string().optional(),
  /** Default: HTTP at the TCP target ports of the services that select it, DNS at the UDP ones. */
  serves: serves.optional(),
});

/** Keys of the Cilium ConfigMap, see cilium-config.ts. */
const ciliumConfig = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

const node = z.object({
  name: z.string().min(1),
  /** What a policy's nodeSelector selects by. */
  labels: labels.optional(),
  podCIDR: z.string().optional(),
  podCIDRs: z.array(z.string()).optional(),
  /** The node's address in the cluster; default the first address of its first physical device. */
  internalIP: z.string().optional(),
  /** Address of cilium_host; default the first of podCIDR. */
  ciliumInternalIP: z.string().optional(),
  /** As the topology's `kernel`, which it overrides. */
  kernel: z.string().optional(),
  ciliumVersion: z.string().optional(),
  iproute2: z.string().optional(),
  /** Overrides of the topology's `cilium`. */
  cilium: ciliumConfig.optional(),
  devices: z.array(device).optional(),
  routes: z.array(route).optional(),
  rules: z.array(rule).optional(),
  sysctls: sysctls.optional(),
  neighbours: z.array(neighbour).optional(),
  pods: z.array(pod).optional(),
  /** Endpoint id of the node itself. */
  hostEndpoint: z.int().min(1).max(65534).optional(),
  /**
   * Folder of map dumps (`NAME.json` by bpftool -j map dump) that take the place of what the agent would write;
   * relative to the topology's file.
   */
  maps: z.string().min(1).optional(),
  /** What the node's own processes answer. Default nothing. */
  serves: serves.optional(),
});

const backend = z.object({
  pod: z.string().optional(),
  address: z.string().optional(),
  /** Default the service port's targetPort. */
  port: port.optional(),
  state: z.enum(['active', 'terminating', 'quarantined', 'maintenance']).optional(),
});

const service = z.object({
  name: z.string().min(1),
  clusterIP: z.string().optional(),
  clusterIPs: z.array(z.string()).optional(),
  externalIPs: z.array(z.string()).optional(),
  loadBalancerIPs: z.array(z.string()).optional(),
  ports: z
    .array(
      z.object({
        name: z.string().optional(),
        port,
        protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional(),
        targetPort: port.optional(),
        /** Port of every node that leads to the service. */
        nodePort: port.optional(),
      }),
    )
    .min(1),
  /** Pods by labels; or `backends` one by one. */
  selector: labels.optional(),
  backends: z.array(backend).optional(),
  sessionAffinity: z.enum(['None', 'ClientIP']).optional(),
  sessionAffinityTimeoutSeconds: z.int().min(1).max(0xffffff).optional(),
  loadBalancerSourceRanges: z.array(z.string()).optional(),
  /** Whether the source ranges are who may (default) or who may not. */
  sourceRangesPolicy: z.enum(['Allow', 'Deny']).optional(),
  /** Local: only backends on the node that the packet comes to, from outside or from inside the cluster. */
  externalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
  internalTrafficPolicy: z.enum(['Cluster', 'Local']).optional(),
  /** Port of the node's L7 proxy that takes what is sent to the service. */
  l7ProxyPort: port.optional(),
  /** Annotations service.cilium.io/lb-algorithm and forwarding-mode. */
  algorithm: z.enum(['random', 'maglev']).optional(),
  forwardingMode: z.enum(['snat', 'dsr']).optional(),
});

/** `{matchLabels: {…}}`, or the labels alone; `{}` is every pod. */
const selector = z.record(z.string(), z.union([z.string(), labels]));
const entity = z.string();
const cidrSet = z.object({ cidr: z.string(), except: z.array(z.string()).optional() });
const toPorts = z.array(
  z.object({
    ports: z
      .array(
        z.object({
          port: z.union([z.string(), z.int()]),
          endPort: port.optional(),
          protocol: z.enum(['TCP', 'UDP', 'SCTP', 'ANY']).optional(),
        }),
      )
      .min(1),
  }),
);
const icmps = z.array(
  z.object({
    fields: z
      .array(
        z.object({
          family: z.enum(['IPv4', 'IPv6']).optional(),
          type: z.int().min(0).max(255),
        }),
      )
      .min(1),
  }),
);

const ingressRule = z.object({
  authentication: authentication.optional(),
  fromEndpoints: z.array(selector).optional(),
  fromPods: z.array(z.string()).optional(),
  fromEntities: z.array(entity).optional(),
  fromCIDR: z.array(z.string()).optional(),
  fromCIDRSet: z.array(cidrSet).optional(),
  toPorts: toPorts.optional(),
  icmps: icmps.optional(),
});

const egressRule = z.object({
  authentication: authentication.optional(),
  toEndpoints: z.array(selector).optional(),
  toPods: z.array(z.string()).optional(),
  toEntities: z.array(entity).optional(),
  toCIDR: z.array(z.string()).optional(),
  toCIDRSet: z.array(cidrSet).optional(),
  toPorts: toPorts.optional(),
  icmps: icmps.optional(),
});

const policy = z.object({
  name: z.string().optional(),
  description: z.string().optional(),
  endpointSelector: selector.optional(),
  /** Pods by name, instead of a selector. */
  pods: z.array(z.string()).optional(),
  /** Nodes: what the host firewall lets in and out. */
  nodeSelector: selector.optional(),
  ingress: z.array(ingressRule).optional(),
  egress: z.array(egressRule).optional(),
  ingressDeny: z.array(ingressRule).optional(),
  egressDeny: z.array(egressRule).optional(),
  /** What a policy that selects a pod denies beyond its rules; default: the directions that it has rules for. */
  enableDefaultDeny: z.object({ ingress: z.boolean().optional(), egress: z.boolean().optional() }).optional(),
});

/** A prefix outside the cluster that has an identity of its own. */
const outside = z.object({
  name: z.string().optional(),
  cidr: z.string(),
  identity: z.int().min(1).max(0xffffffff).optional(),
});

/** What a link does to frames; it shows in `packetwalk run`, where there is time. */
const linkOptions = {
  /** `500us`, `2ms`, `1s`. */
  latency: z.string().optional(),
  /** Share of the frames that get lost: `0.1`, or `10%`. */
  loss: z.union([z.number(), z.string()]).optional(),
  mtu: z.int().min(68).max(65535).optional(),
  /** As tc has it: `100mbit`, `1gbit`. */
  bandwidth: z.string().optional(),
};

/** A wire or switch; devices as `NODE/DEVICE`. */
const link = z.object({ name: z.string().min(1), devices: z.array(z.string()).min(1), ...linkOptions });

/** A machine that is no part of the cluster and answers: on a link, or somewhere outside, behind what leaves. */
const host = z.object({
  name: z.string().min(1),
  /** ADDRESS, or ADDRESS/LENGTH on a link. */
  addresses: z.array(z.string()).min(1),
  mac: z.string().optional(),
  link: z.string().optional(),
  /** On a link: where it sends what is not on the link. */
  gateway: z.string().optional(),
  /** Outside: `NODE/DEVICE` if it is reached by this device alone. */
  behind: z.string().optional(),
  /** Names that DNS servers of the topology know it by, beside its own. */
  names: z.array(z.string()).optional(),
  serves: serves.optional(),
  ...linkOptions,
});

/** A machine without Cilium that forwards; it knows the way to each node's pods. */
const router = z.object({
  name: z.string().min(1),
  devices: z.array(device).min(1),
  routes: z.array(route).optional(),
  rules: z.array(rule).optional(),
  sysctls: sysctls.optional(),
  neighbours: z.array(neighbour).optional(),
});

/** Pods whose traffic to the destinations leaves the cluster at one node, under one address. */
const egressGateway = z.object({
  name: z.string().optional(),
  podSelector: selector.optional(),
  pods: z.array(z.string()).optional(),
  destinationCIDRs: z.array(z.string()).min(1),
  excludedCIDRs: z.array(z.string()).optional(),
  /** Node. */
  gateway: z.string(),
  /** One of the gateway's addresses; default the first of the device that its default route goes by. */
  egressIP: z.string().optional(),
  /** Both families, where the destinations are of both. */
  egressIPs: z.array(z.string()).optional(),
});

export const topologySchema = z.object({
  name: z.string().min(1).optional(),
  description: z.string().optional(),
  /** Version of the nodes' kernel, in quotes: `"5.15"`. Programs are attached by tcx from 6.6 on, else by tc. */
  kernel: z.string().optional(),
  /** Version of the nodes' iproute2, in quotes: decides how tc prints filters. Default `"6.1"`. */
  iproute2: z.string().optional(),
  /** Version of Cilium that names and listings are of, in quotes: `"1.14"`; default `"1.18"`. The programs are 1.18's. */
  ciliumVersion: z.string().optional(),
  cilium: ciliumConfig.optional(),
  nodes: z.array(node).min(1),
  links: z.array(link).optional(),
  routers: z.array(router).optional(),
  hosts: z.array(host).optional(),
  services: z.array(service).optional(),
  kubeProxy: kubeProxy.optional(),
  policies: z.array(policy).optional(),
  outside: z.array(outside).optional(),
  egressGateways: z.array(egressGateway).optional(),
  /** ip-masq-agent: destinations that are not masqueraded. */
  ipMasqAgent: z
    .object({ nonMasqueradeCIDRs: z.array(z.string()).optional(), masqLinkLocal: z.boolean().optional() })
    .optional(),
  l2Announcements: z.array(l2Announcement).optional(),
  localRedirectPolicies: z.array(localRedirectPolicy).optional(),
  srv6: srv6.optional(),
  /** Sources that XDP drops (enable-xdp-prefilter). */
  prefilter: z.array(z.string()).optional(),
});

export type TopologySpec = z.infer<typeof topologySchema>;
export type NodeSpec = z.infer<typeof node>;
export type DeviceSpec = z.infer<typeof device>;
export type { NextHopSpec, RouteSpec };
export type PodSpec = z.infer<typeof pod>;
export type ServiceSpec = z.infer<typeof service>;
export type PolicySpec = z.infer<typeof policy>;
export type IngressRuleSpec = z.infer<typeof ingressRule>;
export type EgressRuleSpec = z.infer<typeof egressRule>;
export type SelectorSpec = z.infer<typeof selector>;
export type LinkSpec = z.infer<typeof link>;
export type RouterSpec = z.infer<typeof router>;
export type HostSpec = z.infer<typeof host>;
export type ServesSpec = z.infer<typeof serves>;
export type EgressGatewaySpec = z.infer<typeof egressGateway>;
export type CiliumConfigSpec = z.infer<typeof ciliumConfig>;
