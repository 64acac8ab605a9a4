/** Where a frame enters: at a device's ingress, at a device's egress, or from a namespace's stack. */
export const ENTER_RECEIVE = 0;
export const ENTER_TRANSMIT = 1;
export const ENTER_SEND = 2;
