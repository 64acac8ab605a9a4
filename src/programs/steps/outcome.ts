/**
 * What a step answers: a verdict of the hook (0 or above), a drop reason (below 0, not yet reported), or CONTINUE
 * when the next step is to go on.
 */
export const CONTINUE = 0x10000;
