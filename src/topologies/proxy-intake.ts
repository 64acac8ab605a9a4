/** Where an L7 proxy would take over: packets with its mark, which a rule makes local. They are counted by its port. */
import type { Device } from '../engine/device.js';
import type { PacketContext } from '../engine/packet.js';
import type { LocalDelivery } from '../engine/stack/local-delivery.js';
import { swap16 } from '../engine/wire/bytes.js';
import { MARK_MAGIC_MASK, MARK_TO_PROXY } from '../programs/constants.js';

export class ProxyIntake implements LocalDelivery {
  /** Packets by the proxy's port; 0 for those that another rule made local. */
  readonly packets = new Map<number, number>();

  receive({ mark }: PacketContext, _device: Device): void {
    // The upper half of the mark is the port as it is in a header.
    const port = (mark & MARK_MAGIC_MASK) === MARK_TO_PROXY ? swap16(mark >>> 16) : 0;
    this.packets.set(port, (this.packets.get(port) ?? 0) + 1);
  }
}
