/**
 * How many ICMP errors a stack sends (net.ipv4.icmp_*, net.ipv6.icmp.*): a token bucket for all, and one per destination
 * that fills with time and costs each message as much time as lies between two of them.
 */

/** Destinations that are remembered; a kernel forgets them after a while, here all are forgotten when there are more. */
const PEER_LIMIT = 4096;
/** A bucket holds so many messages at most (XRLIM_BURST_FACTOR). */
const BURST = 6;
/** A route's error is also limited where the route is looked up, from the same bucket (ip_rt_error_cost, _burst). */
const ROUTE_ERROR_COST_NS = 1e9;
const ROUTE_ERROR_BURST_NS = 5e9;

/**
 * Redirects: the second comes 40 ms after the first, and each later one after twice the time of the one before; after
 * nine that nobody heeds there are none until the sender has been quiet (ip_rt_redirect_load, _number, _silence).
 */
const REDIRECT_LOAD_NS = 20e6;
const REDIRECT_LIMIT = 9;
const REDIRECT_SILENCE_NS = REDIRECT_LOAD_NS * 2 ** (REDIRECT_LIMIT + 1);

interface Peer {
  tokensNs: number;
  /** Of the last message, and of the last packet that a redirect might have been sent about. */
  lastNs: number;
  redirects: number;
}

export class ErrorRateLimit {
  /** Time between two messages to one destination; 0 for no limit (icmp_ratelimit). */
  intervalNs = 1e9;
  /** Messages to all destinations: per second, and at once (icmp_msgs_per_sec, icmp_msgs_burst). */
  perSecond = 1000;
  burst = 50;
  readonly #peers = new Map<string, Peer>();
  #credit = 0;
  #stampNs = Number.NEGATIVE_INFINITY;

  /** Whether an error about a route that refuses a packet of the sender `peer` may be sent; `allows` is asked as well. */
  allowsRouteError(peer: string, nowNs: number): boolean {
    return take(this.#peer(peer), nowNs, ROUTE_ERROR_COST_NS, ROUTE_ERROR_BURST_NS);
  }

  /** Whether `peer` may be sent a redirect now. */
  allowsRedirect(name: string, nowNs: number): boolean {
    const peer = this.#peer(name);
    if (nowNs > peer.lastNs + REDIRECT_SILENCE_NS) {
      peer.tokensNs = 0;
      peer.redirects = 0;
    }
    const isTooMany = peer.redirects >= REDIRECT_LIMIT;
    const isDue = peer.redirects === 0 || nowNs > peer.lastNs + REDIRECT_LOAD_NS * 2 ** peer.redirects;
    if (!isTooMany && !isDue) return false;
    peer.lastNs = nowNs;
    if (isTooMany) return false;
    peer.redirects++;
    return true;
  }

  /** Whether a message to `peer` may be sent now. */
  allows(peer: string, nowNs: number): boolean {
    if (this.intervalNs === 0) return true;
    if (!this.#hasCredit(nowNs)) return false;
    if (!take(this.#peer(peer), nowNs, this.intervalNs, BURST * this.intervalNs)) return false;
    this.#credit--;
    return true;
  }

  #hasCredit(nowNs: number): boolean {
    const gained = ((nowNs - this.#stampNs) * this.perSecond) / 1e9;
    // Not before 20 ms have passed, so that many small steps add up to as much as one (icmp_global_allow).
    if (nowNs - this.#stampNs >= 20e6) {
      this.#credit = Math.min(this.#credit + gained, this.burst);
      this.#stampNs = nowNs;
    }
    return this.#credit >= 1;
  }

  #peer(name: string): Peer {
    let peer = this.#peers.get(name);
    if (peer === undefined) {
      if (this.#peers.size >= PEER_LIMIT) this.#peers.clear();
      peer = { tokensNs: 0, lastNs: Number.NEGATIVE_INFINITY, redirects: 0 };
      this.#peers.set(name, peer);
    }
    return peer;
  }
}

function take(peer: Peer, nowNs: number, costNs: number, burstNs: number): boolean {
  peer.tokensNs = Math.min(peer.tokensNs + (nowNs - peer.lastNs), burstNs);
  peer.lastNs = nowNs;
  if (peer.tokensNs < costNs) return false;
  peer.tokensNs -= costNs;
  return true;
}
