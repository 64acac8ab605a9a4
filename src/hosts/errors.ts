/** Error numbers of socket calls (Linux) and what strerror says of them; 0 is no error. */

export const EPERM = 1;
export const EINVAL = 22;
export const EMSGSIZE = 90;
export const EADDRINUSE = 98;
export const ENETUNREACH = 101;
export const ECONNRESET = 104;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;
export const EHOSTUNREACH = 113;

const TEXTS = new Map([
  [EPERM, 'Operation not permitted'],
  [12, 'Cannot allocate memory'],
  [13, 'Permission denied'],
  [EINVAL, 'Invalid argument'],
  [EMSGSIZE, 'Message too long'],
  [EADDRINUSE, 'Address already in use'],
  [ENETUNREACH, 'Network is unreachable'],
  [ECONNRESET, 'Connection reset by peer'],
  [105, 'No buffer space available'],
  [ETIMEDOUT, 'Connection timed out'],
  [ECONNREFUSED, 'Connection refused'],
  [EHOSTUNREACH, 'No route to host'],
]);

export function errorText(error: number): string {
  return TEXTS.get(error) ?? `Unknown error ${error}`;
}
