/** Parts of a topology that some feature of Cilium reads: what its own resources declare in a cluster. */
import { z } from 'zod';

const portText = z.union([z.string(), z.int()]);
/** `{matchLabels: {…}}`, or the labels alone; `{}` is every pod. */
const selector = z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())]));
const redirectPorts = z
  .array(
    z.object({ port: portText, protocol: z.enum(['TCP', 'UDP']).optional(), name: z.string().optional() }),
  )
  .min(1);

/** Who announces a service's external and load balancer addresses on the links (enable-l2-announcements). */
export const l2Announcement = z.object({
  /** Service. */
  service: z.string(),
  /** The node that holds the lease. */
  node: z.string(),
  /** Names of its devices; default all native ones. */
  interfaces: z.array(z.string()).min(1).optional(),
});

/** CiliumLocalRedirectPolicy (enable-local-redirect-policy): pods that want a service get a pod of their own node. */
export const localRedirectPolicy = z.object({
  name: z.string().optional(),
  redirectFrontend: z.object({
    addressMatcher: z.object({ ip: z.string(), toPorts: redirectPorts }).optional(),
    /** `toPorts` default: all ports of the service. */
    serviceMatcher: z.object({ serviceName: z.string(), toPorts: redirectPorts.optional() }).optional(),
  }),
  redirectBackend: z.object({ localEndpointSelector: selector, toPorts: redirectPorts }),
  /** The backends themselves reach what they are put in front of. */
  skipRedirectFromBackend: z.boolean().optional(),
});

/** VPNs over SRv6 (enable-srv6). */
export const srv6 = z.object({
  vrfs: z.array(
    z.object({
      id: z.int().min(1).max(0xffffffff),
      /** Whose packets to which destinations belong to the VRF. */
      rules: z
        .array(
          z.object({
            podSelector: selector.optional(),
            pods: z.array(z.string()).optional(),
            destinationCIDRs: z.array(z.string()).min(1),
          }),
        )
        .optional(),
      /** Segments of the VRF's packets that a node ends. */
      segments: z.array(z.object({ node: z.string(), sid: z.string() })).optional(),
    }),
  ),
  /** Where a VRF's packets go. */
  egressPolicies: z
    .array(
      z.object({
        vrf: z.int().min(1),
        destinationCIDRs: z.array(z.string()).min(1),
        destinationSID: z.string(),
      }),
    )
    .optional(),
});

/** Annotations of a pod that mean something here. */
export const annotations = z.strictObject({
  'kubernetes.io/egress-bandwidth': portText.optional(),
  'kubernetes.io/ingress-bandwidth': portText.optional(),
  'bandwidth.cilium.io/priority': portText.optional(),
});

export const authentication = z.object({ mode: z.enum(['required', 'disabled', 'test-always-fail']) });

/** kube-proxy on every node, beside Cilium; keys as in its configuration. */
export const kubeProxy = z.object({
  mode: z.enum(['iptables']),
  /** The pods' prefixes, of both families with a comma between; what others send to a cluster address is masqueraded. */
  clusterCIDR: z.string().optional(),
  masqueradeAll: z.boolean().optional(),
});

export type KubeProxySpec = z.infer<typeof kubeProxy>;
export type L2AnnouncementSpec = z.infer<typeof l2Announcement>;
export type LocalRedirectPolicySpec = z.infer<typeof localRedirectPolicy>;
export type Srv6Spec = z.infer<typeof srv6>;
export type AnnotationsSpec = z.infer<typeof annotations>;
