import {
  EACCES,
  EBADFD,
  EBUSY,
  EINVAL,
  EIO,
  EMSGSIZE,
  ENETDOWN,
  ENOBUFS,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
} from '../../engine/hooks/errno.js';

const ERROR_TEXT: Readonly<Record<number, string>> = {
  [EPERM]: 'operation not permitted',
  [ENOENT]: 'no such file',
  [EIO]: 'input/output error',
  [ENXIO]: 'no such interface',
  [ENOMEM]: 'out of memory',
  [EACCES]: 'permission denied',
  [EBUSY]: 'busy',
  [ENODEV]: 'no such device',
  [EINVAL]: 'invalid argument',
  [EBADFD]: 'interface is gone',
  [EMSGSIZE]: 'too long',
  [EOPNOTSUPP]: 'not supported',
  [ENETDOWN]: 'interface is down',
  [ENOBUFS]: 'no buffer space',
};

/** What a failed system call has met, in words. */
export function errorText(errno: number): string {
  return ERROR_TEXT[errno] ?? `errno ${errno}`;
}
