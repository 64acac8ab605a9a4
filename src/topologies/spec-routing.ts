/** What a machine's kernel is declared with besides its devices: routes, rules, neighbours, settings. */
import { z } from 'zod';

const table = z.union([z.int().min(1).max(0xffffffff), z.enum(['main', 'local', 'default'])]);

/** One of several ways out; each flow takes one of them. */
const nextHop = z.object({
  via: z.string().optional(),
  dev: z.string(),
  /** Its share of the flows, against the weights of the others; default 1. */
  weight: z.int().min(1).max(256).optional(),
  onlink: z.boolean().optional(),
});

export const route = z.object({
  /** A prefix, or `default` (IPv4), `default6`. */
  to: z.string(),
  via: z.string().optional(),
  dev: z.string().optional(),
  /** Instead of via and dev (ECMP). */
  nexthops: z.array(nextHop).min(1).optional(),
  type: z.enum(['unicast', 'local', 'blackhole', 'unreachable', 'prohibit', 'throw']).optional(),
  metric: z.int().min(0).optional(),
  mtu: z.int().min(68).max(65535).optional(),
  /** The gateway is on the link although no address of the device says so. */
  onlink: z.boolean().optional(),
  /** Default main; other tables are looked into where a rule says so. */
  table: table.optional(),
  /** Source address of what the machine itself sends by it. */
  src: z.string().optional(),
});

/** As `ip rule add`: what all that is given must hold of a packet, and the table that is looked into then. */
export const rule = z.object({
  priority: z.int().min(0).max(0xffffffff).optional(),
  from: z.string().optional(),
  to: z.string().optional(),
  /** Device that the packet came in by; `lo`: the machine's own. */
  iif: z.string().optional(),
  oif: z.string().optional(),
  /** MARK or MARK/MASK. */
  fwmark: z.union([z.string(), z.int()]).optional(),
  not: z.boolean().optional(),
  table: table.optional(),
  action: z.enum(['blackhole', 'unreachable', 'prohibit']).optional(),
  /** Routes with prefixes as short as that do not count. */
  suppressPrefixlength: z.int().min(0).max(128).optional(),
  /** Default that of from and to, else ipv4. */
  family: z.enum(['ipv4', 'ipv6']).optional(),
});

export const neighbour = z.object({ address: z.string(), mac: z.string(), dev: z.string() });

/** Settings by their names, see sysctls.ts. */
export const sysctls = z.record(z.string(), z.union([z.int(), z.string(), z.boolean()]));

export type NextHopSpec = z.infer<typeof nextHop>;
export type RouteSpec = z.infer<typeof route>;
export type RuleSpec = z.infer<typeof rule>;
export type TableSpec = z.infer<typeof table>;
