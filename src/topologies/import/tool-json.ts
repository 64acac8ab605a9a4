/** What the tools print of a node as JSON, as far as it is read here; other keys are passed over. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ImportError } from './import-error.js';

/** `ip -j -d addr`. */
export const addressList = z.array(
  z.object({
    ifindex: z.int(),
    ifname: z.string(),
    /** The other end of a veth, where it is on the same machine. */
    link: z.string().optional(),
    flags: z.array(z.string()),
    mtu: z.int(),
    /** `ether`, `loopback`, … */
    link_type: z.string(),
    address: z.string().optional(),
    linkinfo: z
      .object({ info_kind: z.string().optional(), info_slave_kind: z.string().optional() })
      .optional(),
    addr_info: z.array(
      z.object({ local: z.string().optional(), prefixlen: z.int().optional(), scope: z.string().optional() }),
    ),
  }),
);

/** Where a route, or one of its next hops, leads: by a gateway, which may be of the other family. */
const wayOut = {
  gateway: z.string().optional(),
  via: z.object({ host: z.string() }).optional(),
  dev: z.string().optional(),
  flags: z.array(z.string()).optional(),
};

/** `ip -j route` and `ip -j -6 route`. */
export const routeList = z.array(
  z.object({
    ...wayOut,
    type: z.string().optional(),
    dst: z.string(),
    protocol: z.string().optional(),
    metric: z.int().optional(),
    metrics: z.array(z.object({ mtu: z.int().optional() })).optional(),
    nexthops: z.array(z.object({ ...wayOut, weight: z.int().optional() })).optional(),
  }),
);

/** `ip -j neigh`. */
export const neighbourList = z.array(
  z.object({ dst: z.string(), dev: z.string(), lladdr: z.string().optional() }),
);

/** `cilium-dbg endpoint list -o json`. */
export const endpointList = z.array(
  z.object({
    id: z.int(),
    status: z.object({
      'external-identifiers': z
        .object({ 'k8s-pod-name': z.string().optional(), 'k8s-namespace': z.string().optional() })
        .optional(),
      identity: z.object({ id: z.int(), labels: z.array(z.string()).optional() }).optional(),
      networking: z
        .object({
          addressing: z
            .array(z.object({ ipv4: z.string().optional(), ipv6: z.string().optional() }))
            .optional(),
          'host-mac': z.string().optional(),
          'interface-index': z.int().optional(),
          'interface-name': z.string().optional(),
          mac: z.string().optional(),
        })
        .optional(),
    }),
  }),
);

/** `kubectl get ciliumnodes -o json`. */
export const ciliumNodeList = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()).optional() }),
      spec: z.object({
        addresses: z.array(z.object({ type: z.string(), ip: z.string() })).optional(),
        ipam: z.object({ podCIDRs: z.array(z.string()).optional() }).optional(),
      }),
    }),
  ),
});

/** `kubectl -n kube-system get configmap cilium-config -o json`. */
export const configMap = z.object({ data: z.record(z.string(), z.string()) });

/**
 * Reads one tool's output. An optional file that is not there is `fallback`. Throws ImportError that names the file
 * and, for one that is something else, the place in it and the command that prints the right thing.
 */
export function readToolJson<T>(file: string, schema: z.ZodType<T>, command: string, fallback?: T): T {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && fallback !== undefined) return fallback;
    const what = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    throw new ImportError(file, `${what}; it is what "${command}" prints`);
  }
  let value: unknown;
  try {
    // A tool with nothing to list may print nothing at all.
    value = text.trim() === '' ? [] : JSON.parse(text);
  } catch (error) {
    throw new ImportError(file, `not JSON: ${(error as Error).message}; it is what "${command}" prints`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new ImportError(
    file,
    `at ${path.join('.') || 'its top'}: ${message}; it is what "${command}" prints`,
  );
}
