/** What a packet's source is to become. One object per datapath, filled anew for each packet. */
export class SnatTarget {
  /** Raw words of the new source address. */
  readonly address = new Int32Array(4);
  /** Ports to choose from, host order. */
  minimumPort = 0;
  maximumPort = 0;
  fromLocalEndpoint = false;
  egressGateway = false;
  /** Conntrack is to know the translated flow. */
  needsConntrack = false;
  /** Cluster whose SNAT map is used, 0 for the node's own. */
  clusterId = 0;

  reset(minimumPort: number, maximumPort: number): void {
    this.minimumPort = minimumPort;
    this.maximumPort = maximumPort;
    this.fromLocalEndpoint = false;
    this.egressGateway = false;
    this.needsConntrack = false;
    this.clusterId = 0;
  }
}
