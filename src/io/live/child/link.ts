/** What the process of a plugin does with its interface; see main.ts. */

export interface ChildLink {
  /** Sends a frame; false when it was lost. */
  send(frame: Buffer): boolean;
  close(): void;
}

export interface LinkUser {
  /** MAC of the interface, 6 bytes. */
  readonly mac: Uint8Array;
  /** Gets each received frame, whose memory is its own only until it returns. */
  receive(frame: Buffer): void;
  /** A received frame was lost, or one to send later than `send` could tell. */
  lose(): void;
}

/** Longest frame that goes between a plugin's process and its port. */
export const FRAME_LIMIT = 65550;
