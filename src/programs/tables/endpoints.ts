/**
 * Local endpoints (`cilium_lxc`): key words are the address (4), then family | cluster id << 16. Value byte
 * offsets below.
 */
export const IFINDEX = 0;
export const LXC_ID = 6;
export const FLAGS = 8;
export const MAC = 16;
export const NODE_MAC = 24;
export const SECURITY_ID = 32;
export const PARENT_IFINDEX = 36;
export const VALUE_SIZE = 48;

/** Word of the key that holds family and cluster id. */
export const KEY_FAMILY_WORD = 4;
