/**
 * Frames as `tcpdump -xx` prints them, from captures whose checksums tshark reports as good. `pod1` and `bond0`
 * are the two ends of the same walk: life-of-a-packet-pod1.pcap and life-of-a-packet-bond0.pcap, where the kernel
 * routed and translated 10.96.0.80:80 to 10.1.2.40:8080 (10.96.0.53:53 to 10.1.2.40:5353).
 */
import { fromHex } from '../../support/hex.js';

/** pod1, frame 1: who has 10.1.1.1? Tell 10.1.1.10. */
export const arpRequest = fromHex(`
  ffffffffffff 0a000a01010a 0806
  0001 0800 06 04 0001 0a000a01010a 0a01010a 000000000000 0a010101`);

/** pod1, frame 3: echo request 10.1.1.10 to 10.1.1.1. */
export const ping = fromHex(`
  0a00000011aa 0a000a01010a 0800
  45 00 0054 b628 4000 40 01 6e74 0a01010a 0a010101
  08 00 4d74 13f2 0001
  720d016b00000000634d010000000000101112131415161718191a1b1c1d1e1f
  202122232425262728292a2b2c2d2e2f3031323334353637`);

/** pod1, frame 9: SYN 10.1.1.10:42126 to 10.96.0.80:80. */
export const synToService = fromHex(`
  0a00000011aa 0a000a01010a 0800
  45 00 003c 9553 4000 40 06 8fae 0a01010a 0a600050
  a48e 0050 a8a7ac7e 00000000 a0 02 faf0 f47e 0000
  020405b40402080a5153f77a000000000103030a`);

/** bond0, frame 3: the same SYN behind the translation. */
export const synToBackend = fromHex(`
  e2c410011494 92d463f9ddb1 0800
  45 00 003c 9553 4000 3f 06 8f35 0a01010a 0a010228
  a48e 1f90 a8a7ac7e 00000000 a0 02 faf0 d3c5 0000
  020405b40402080a5153f77a000000000103030a`);

/** pod1, frame 97: a DNS question 10.1.1.10:28527 to 10.96.0.53:53; 41 bytes of UDP, so an odd length. */
export const dnsToService = fromHex(`
  0a00000011aa 0a000a01010a 0800
  45 00 003d 8aea 4000 40 11 9a26 0a01010a 0a600035
  906f 0035 0029 632e
  abcd01000001000000000000 03777777076578616d706c6503636f6d00 0001 0001`);

/** bond0, frame 87: the same question behind the translation. */
export const dnsToBackend = fromHex(`
  e2c410011494 92d463f9ddb1 0800
  45 00 003d 8aea 4000 3f 11 9992 0a01010a 0a010228
  906f 14e9 0029 4ce6
  abcd01000001000000000000 03777777076578616d706c6503636f6d00 0001 0001`);

/** pod1, frame 98: port unreachable from 10.96.0.53 about that question. */
export const portUnreachable = fromHex(`
  0a000a01010a 0a00000011aa 0800
  45 c0 0059 8739 0000 3f 01 de0b 0a600035 0a01010a
  03 03 12d7 00000000
  4500003d8aea40003f119b260a01010a0a600035906f00350029632e
  abcd0100000100000000000003777777076578616d706c6503636f6d0000010001`);

/** pod1, frames 99 and 100: IPv4 headers of a first and a second fragment of 1,480 bytes each. */
export const firstFragment = fromHex('45 00 05dc 0515 2000 40 01 38d9 0a01010a 0a010228');
export const secondFragment = fromHex('45 00 05dc 0515 20b9 40 01 3820 0a01010a 0a010228');

/** vxlan.pcap (tcpdump), frame 1: a ping in VXLAN 100, UDP without checksum. */
export const vxlanPing = fromHex(`
  00163e0871cf 36dc851eb340 0800
  45 00 0086 d2c0 4000 40 11 5152 c0a8cb01 c0a8ca01
  b05d 12b5 0072 0000
  08 000000 000064 00
  00308801000200163e37f6040800
  45000054000040004001234fc0a8cb03c0a8cb05
  0800f6f2050c0001fce2975100000000a6f8020000000000
  101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637`);

/** gso-ipv4-geneve-ipv4.pcap (tcpdump), frame 1: its first 58 bytes, up to the inner Ethernet header. */
export const geneve = fromHex(`
  b8cef6048b14 d4aff7db4897 0800
  45 00 1bb4 04b8 0000 3d 11 4137 0a19840b 0a19840d
  16a7 17c1 1ba0 0000
  00 00 6558 001389 00
  0fe36a567e0a c76b`);

/** icmpv6-ns-nonce.pcap (tcpdump), frame 1: a neighbour solicitation for fe80::546f:f7ff:fee1:f. */
export const neighbourSolicitation = fromHex(`
  3333ffe1000f 566ff7e1000f 86dd
  60000000 0020 3a ff
  00000000000000000000000000000000 ff0200000000000000000001ffe1000f
  87 00 566e 00000000 fe80000000000000546ff7fffee1000f 0e016069604c0aaa`);

/** icmpv6-rfc7112.pcap (tcpdump), frame 1: parameter problem that quotes a first fragment. */
export const parameterProblem = fromHex(`
  ac1f6b469eda 00a09815ece7 86dd
  60000000 0048 3a 40
  2001063000420110 02a098fffe15ece7 2001063000420110 ae1f6bfffe469eda
  04 03 994c 00000030
  60000000 0018 2c 40
  2001063000420110 ae1f6bfffe469eda 2001063000420110 02a098fffe15ece7
  29 00 0001 0000d6b1 6227605c7830305c7830305c7830305c`);

/** OLSRv1_HNA_sgw_1.pcap (tcpdump), frame 1: a UDP broadcast in VLAN 10. */
export const vlanBroadcast = fromHex(`
  ffffffffffff 000db926e771 8100 000a 0800
  45 10 0064 629d 4000 01 11 bae2 ac1dafdc ffffffff
  02ba 02ba 0050 462c
  0048ce93042c001cac1fafdcff006ce500000000000704040aafdc00ffffff00
  c9850028ac1fafdc01006ce6000004030600000cac1dafdd0000503f0400000cac1fafdd0000290e`);

/** OSPFv3_with_AH.pcap (tcpdump), frame 1: its IPv6 and authentication headers. */
export const authenticated = fromHex(`
  6e000000 003c 33 01
  fe800000000000000000000000000001 ff020000000000000000000000000005
  59 04 0000 00000100 00000013 21d3a95c5ffd4d184622b9f8`);

/** ipv6-routing-header.pcap (tcpdump), frame 1: from the IPv6 header on, an ICMPv6 message behind a routing header. */
export const sourceRouted = fromHex(`
  60000000 0020 2b 04
  220000000000024402123ffffeae22f7 22000000000002400002000000000004
  3a 02 00 01 00000000 22000000000002100002000000000004
  8000d3ab00000000`);
