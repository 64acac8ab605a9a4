/** Results of bpf_fib_lookup, by BPF_FIB_LKUP_RET_ code. */
export const FIB_TEXTS: readonly string[] = [
  'success',
  'blackhole',
  'unreachable',
  'prohibited',
  'not forwarded',
  'forwarding is disabled',
  'unsupported lightweight tunnel',
  'no neighbour',
  'fragmentation needed',
];
