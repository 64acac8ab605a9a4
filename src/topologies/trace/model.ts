/**
 * A trace: what became of one packet, step by step, as plain data. Printers (text, JSON, diagrams) read it and nothing
 * else. Addresses, MACs and map entries are texts as Cilium's and the kernel's tools print them; codes and ids are
 * numbers.
 */

/** The layout of the JSON form; it grows when a reader of the old one would go wrong. */
export const TRACE_VERSION = 1;

/** A header of a frame, outermost first: `Ethernet`, `IPv4`, `TCP`, … and what is in it. */
export interface Layer {
  readonly protocol: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface PacketText {
  /** `10.0.0.1:1000 → 10.0.0.2:80 tcp SYN`; of a tunnelled packet the inner one. */
  readonly summary: string;
  /** Bytes of the frame. */
  readonly length: number;
  readonly layers: readonly Layer[];
}

/** A machine's network namespace: a node's or router's own, or a pod's. */
export interface Place {
  /** Node or router. */
  readonly machine: string;
  /** The pod's name; null in a machine's own namespace. */
  readonly pod: string | null;
  /** Null for the stack. */
  readonly device: string | null;
}

/** What a program, or a stack, changed in the frame or in what the kernel keeps beside it. */
export interface Change {
  /** `destination`, `TTL`, `MACs`, `mark`, `encapsulation`, … */
  readonly field: string;
  /** Empty where there was nothing. */
  readonly before: string;
  readonly after: string;
}

export type Field = readonly [name: string, text: string];

export interface Entry {
  readonly map: string;
  readonly key: string;
  /** Of a longest-prefix map: the key of the entry that was found. */
  readonly matched: string | null;
  /** Fields of the value in order; null when there is no such entry. */
  readonly value: readonly Field[] | null;
  /** Who or what the entry is about, by the topology's names: `pod4 on node2`, `service web`. */
  readonly about: string;
}

export type ConntrackState = 'none' | 'new' | 'established' | 'reply' | 'related' | 'reopened';

/** What a program did, in order. */
export type Action =
  | {
      readonly kind: 'lookup';
      readonly entry: Entry;
      /** Of a conntrack map: what the packet is to the connection that was looked for. */
      readonly state: ConntrackState;
    }
  | { readonly kind: 'create' | 'delete'; readonly entry: Entry }
  | { readonly kind: 'update'; readonly entry: Entry; readonly changes: readonly Change[] }
  | { readonly kind: 'rewrite'; readonly changes: readonly Change[] }
  | { readonly kind: 'tail-call'; readonly map: string; readonly index: number; readonly program: string }
  | {
      readonly kind: 'fib';
      readonly destination: string;
      /** BPF_FIB_LKUP_RET_ code or negative errno, and what it means. */
      readonly result: number;
      readonly text: string;
      readonly route: string;
    }
  /** A rule of iptables that the packet matched, as iptables-save prints it. */
  | { readonly kind: 'rule'; readonly text: string }
  | { readonly kind: 'tunnel-key'; readonly remote: string; readonly id: number; readonly text: string }
  | {
      readonly kind: 'policy';
      readonly direction: 'ingress' | 'egress';
      readonly endpoint: string;
      readonly peer: string;
      /** `8080/TCP`. */
      readonly port: string;
      readonly verdict: 'allowed' | 'denied' | 'redirected' | 'audited';
      /** Which part of the entry decided, as policy verdict events say: `L3-L4`. */
      readonly match: string;
      /** Names of the policies whose rules did, or which leave it out. */
      readonly policies: readonly string[];
      readonly why: string;
    }
  | {
      readonly kind: 'event';
      /** `drop`, `trace`. */
      readonly type: string;
      readonly text: string;
      /** What a drop's extended error means; empty where it says nothing beyond the reason. */
      readonly detail: string;
    };

export interface Verdict {
  readonly code: number;
  /** `TC_ACT_REDIRECT`. */
  readonly name: string;
  /** What comes of it. */
  readonly text: string;
}

interface StepBase {
  /** From 1 on. */
  readonly number: number;
  /** Which frame it is about: 1 the one that was asked for, others are copies and answers. */
  readonly frame: number;
  readonly place: Place;
}

export type Step = StepBase &
  (
    | { readonly kind: 'start'; readonly packet: PacketText; readonly text: string }
    | {
        readonly kind: 'hook';
        readonly hook: string;
        readonly program: string;
        readonly actions: readonly Action[];
        readonly verdict: Verdict;
      }
    | {
        /** The way to `place`. */
        readonly kind: 'move';
        /** A row of the engine's STEP_NAMES, or `outside` for a network that the topology does not have. */
        readonly how: string;
        readonly from: Place;
        readonly route: string;
        readonly changes: readonly Change[];
        readonly text: string;
      }
    | {
        readonly kind: 'copy';
        readonly copy: number;
        readonly packet: PacketText;
      }
    | {
        readonly kind: 'end';
        readonly fate: string;
        /** Of a drop. */
        readonly reason: number;
        readonly text: string;
        readonly changes: readonly Change[];
        readonly packet: PacketText;
      }
  );

/** How it ended for the packet that was asked for. */
export interface Outcome {
  /**
   * `delivered`, `transmitted`, `consumed` or `dropped`; `waiting` for a packet that something holds back, `refused`
   * for one that was not sent because a program at the sender's socket refused the call.
   */
  readonly fate: string;
  readonly reason: number;
  /** A program has made an answer of the packet: an ICMP error, a reset, an ARP reply. The fate is the answer's. */
  readonly answered: boolean;
  readonly place: Place;
  readonly text: string;
}

/** One way of a packet: there, or back. */
export interface Walk {
  readonly packet: PacketText;
  readonly steps: readonly Step[];
  readonly outcome: Outcome;
}

export interface Trace {
  readonly version: typeof TRACE_VERSION;
  readonly topology: string;
  /** What was asked for, written out. */
  readonly expression: string;
  readonly walk: Walk;
  /** The answer's way; null when it was not asked for, or when there is none: then `noReply` says why. */
  readonly reply: Walk | null;
  readonly noReply: string;
}
