/** MACs of the lab's devices: the router's `a` and `b`, and who is behind them. */
export const ethernetHex = {
  a: '020000000a01',
  b: '020000000b01',
  clientMac: '020000000a02',
  serverMac: '020000000b02',
} as const;
