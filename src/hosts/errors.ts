/** What strerror says of the error numbers of socket calls; 0 is no error. */
import {
  EACCES,
  EADDRINUSE,
  ECONNREFUSED,
  ECONNRESET,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOBUFS,
  ENOMEM,
  EPERM,
  ETIMEDOUT,
} from '../engine/hooks/errno.js';

const TEXTS = new Map([
  [EPERM, 'Operation not permitted'],
  [ENOMEM, 'Cannot allocate memory'],
  [EACCES, 'Permission denied'],
  [EINVAL, 'Invalid argument'],
  [EMSGSIZE, 'Message too long'],
  [EADDRINUSE, 'Address already in use'],
  [ENETUNREACH, 'Network is unreachable'],
  [ECONNRESET, 'Connection reset by peer'],
  [ENOBUFS, 'No buffer space available'],
  [ETIMEDOUT, 'Connection timed out'],
  [ECONNREFUSED, 'Connection refused'],
  [EHOSTUNREACH, 'No route to host'],
]);

export function errorText(error: number): string {
  return TEXTS.get(error) ?? `Unknown error ${error}`;
}
