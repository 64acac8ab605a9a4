/** Calls inside another network namespace: setns(2) is the calling thread's alone. */

import { EACCES, EINVAL, ENOENT, EPERM } from '../../engine/hooks/errno.js';
import { errorText } from './error-text.js';
import type { Libc } from './libc.js';
import { BAD_INPUT, LiveError, missingCapability } from './live-error.js';

const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x40000000;

/**
 * Runs `work`, which must not wait for anything, with the thread in a namespace: a name as `ip netns` has it, or the
 * path of a namespace file. Sockets and TAPs that it opens stay there. Without a namespace it runs here.
 */
export function inNamespace<T>(libc: Libc, port: string, namespace: string | undefined, work: () => T): T {
  if (namespace === undefined) return work();
  const path = namespace.includes('/') ? namespace : `/run/netns/${namespace}`;
  const home = libc.open('/proc/thread-self/ns/net', O_RDONLY | O_CLOEXEC);
  const there = libc.open(path, O_RDONLY | O_CLOEXEC);
  let entered = false;
  try {
    entered = there >= 0 && libc.setns(there, CLONE_NEWNET) >= 0;
    if (!entered) throw noNamespace(port, namespace, libc.errno());
    return work();
  } finally {
    // The thread was here before: it cannot be kept out.
    if (entered) libc.setns(home, CLONE_NEWNET);
    if (there >= 0) libc.close(there);
    if (home >= 0) libc.close(home);
  }
}

function noNamespace(port: string, namespace: string, errno: number): LiveError {
  if (errno === EPERM || errno === EACCES) {
    return missingCapability(port, 'CAP_SYS_ADMIN', `entering the network namespace ${namespace}`);
  }
  const missing = errno === ENOENT || errno === EINVAL;
  const fault = missing ? 'there is no network namespace' : `${errorText(errno)}: network namespace`;
  return new LiveError(port, `${fault} ${namespace}`, 'see: ip netns list', BAD_INPUT);
}
