/** The echo service (RFC 862): what comes goes back. */
import type { Host } from '../host.js';

/** Serves at a TCP port: 0, or the errno of the bind. */
export function serveTcpEcho(host: Host, port: number): number {
  return host.listen(port, (connection) => {
    connection.onChange = () => {
      const data = connection.read();
      if (data.length > 0) connection.write(data);
      if (connection.hasEnded) connection.close();
    };
  });
}

/** Serves at a UDP port: 0, or the errno of the bind. */
export function serveUdpEcho(host: Host, port: number): number {
  const socket = host.openUdp(port);
  if (typeof socket === 'number') return socket;
  socket.onDatagram = (data, from, to) => {
    socket.reply(data, from, to);
  };
  return 0;
}
