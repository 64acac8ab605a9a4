/**
 * What a step answers: a verdict of the hook (0 or above), a drop reason (below 0, not yet reported), or CONTINUE
 * when the next step is to go on.
 */
export const CONTINUE = 0x10000;
/** The packet was rewritten so that its program is to look at it from the IP header again, as this family. */
export const RECIRCULATE_IPV4 = 0x10001;
export const RECIRCULATE_IPV6 = 0x10002;
