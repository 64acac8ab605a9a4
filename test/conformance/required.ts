/** What has to pass, step for step. It only grows: a program that is written is added for every set that has it. */

const SETS = [
  ...['A', 'B', 'C', 'C-tunnel', 'D', 'E', 'E6', 'F', 'G-dsr', 'G-dsr-geneve', 'G-dsr-hybrid', 'G-dsr-ipip'],
  ...['G-dsr6', 'G-maglev', 'H', 'J-socklb', 'K-eproutes-hfw', 'K2-host-not-ready', 'L-nat46', 'M-masq-dual'],
  ...['O-misc', 'P-debug', 'S-ipsec', 'V6', 'W-wireguard', 'X', 'X-dual'],
];

/** Entry program to the sets in which all of its steps pass. */
export const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  cil_from_container: [...SETS, 'R-srv6', 'R-srv6-reduced', 'V-vtep', 'W-strict'],
  cil_lxc_policy: [...SETS, 'suite'],
  cil_lxc_policy_egress: SETS,
  cil_to_container: [...SETS, 'V-vtep', 'suite'],
};
