/** LINKTYPE_ numbers as captures store them (https://www.tcpdump.org/linktypes.html). */

export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;

const LINKTYPE_USB_LINUX = 189;
const LINKTYPE_USB_LINUX_MMAPPED = 220;
const LINKTYPE_DBUS = 231;
const LINKTYPE_USBPCAP = 249;
const LINKTYPE_USB_DARWIN = 266;
const LINKTYPE_EBHSCR = 279;

const NAMES: Readonly<Record<number, string>> = {
  0: 'NULL',
  1: 'ETHERNET',
  6: 'IEEE802_5',
  7: 'ARCNET_BSD',
  9: 'PPP',
  10: 'FDDI',
  50: 'PPP_HDLC',
  51: 'PPP_ETHER',
  101: 'RAW',
  104: 'C_HDLC',
  105: 'IEEE802_11',
  107: 'FRELAY',
  108: 'LOOP',
  113: 'LINUX_SLL',
  127: 'IEEE802_11_RADIOTAP',
  147: 'USER0',
  189: 'USB_LINUX',
  195: 'IEEE802_15_4_WITHFCS',
  220: 'USB_LINUX_MMAPPED',
  228: 'IPV4',
  229: 'IPV6',
  231: 'DBUS',
  239: 'NFLOG',
  249: 'USBPCAP',
  253: 'NETLINK',
  258: 'PKTAP',
  276: 'LINUX_SLL2',
};

/** The name after LINKTYPE_, or the number where this table has none. */
export function linkTypeName(linkType: number): string {
  return NAMES[linkType] ?? String(linkType);
}

const MEBIBYTE = 1 << 20;

/**
 * Most captured bytes that a packet can honestly have; a greater length is a fault of the file. The bound is
 * 262,144 bytes for nearly all link types; the others carry whole messages, whose own limits are greater.
 */
export function maximumCapturedLength(linkType: number): number {
  switch (linkType) {
    case LINKTYPE_DBUS:
    case LINKTYPE_USBPCAP:
    case LINKTYPE_USB_LINUX:
    case LINKTYPE_USB_LINUX_MMAPPED:
    case LINKTYPE_USB_DARWIN:
      return 128 * MEBIBYTE;
    case LINKTYPE_EBHSCR:
      return 8 * MEBIBYTE;
    default:
      return 262_144;
  }
}
