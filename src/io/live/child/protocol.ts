/**
 * What goes between a plugin's process and its port, over a pair of SOCK_SEQPACKET sockets: frames as they are, and from
 * the process messages too short to be a frame, of 12 bytes: a kind (uint32) and a number (float64), little-endian.
 */
export const CONTROL_LENGTH = 12;

/** The interface is open. */
export const CONTROL_READY = 1;
/** Received frames that were lost since the process began: the port did not keep up, or they were too long. */
export const CONTROL_LOST = 2;
/** Frames to send that were lost since the process began. */
export const CONTROL_NOT_SENT = 3;

export function writeControl(message: DataView, kind: number, value: number): void {
  message.setUint32(0, kind, true);
  message.setFloat64(4, value, true);
}

/** File descriptor of the process's end. */
export const CHILD_FD = 3;
