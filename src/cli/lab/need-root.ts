import { LiveError, MISSING } from '../../io/live/live-error.js';

/** Throws a LiveError for whoever may not make namespaces. */
export function needRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new LiveError(
    'lab',
    'network namespaces and TAPs need CAP_SYS_ADMIN and CAP_NET_ADMIN',
    'run as root: sudo packetwalk lab (or in a container: docker run --privileged)',
    MISSING,
  );
}
