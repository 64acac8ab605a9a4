/** What a topology says of how its flows are told apart, and shared out. */
import { GENEVE } from '../../engine/stack/tunnel.js';
import type { Plan } from '../../topologies/plan.js';
import type { SteeringRule } from './steering.js';

export function steeringRule({ nodes, services }: Plan): SteeringRule {
  const { features, constants } = nodes[0].config;
  return {
    tunnelPort: features.tunnelMode ? features.tunnelPort : 0,
    isGeneve: features.tunnelProtocol === GENEVE,
    wireguardPort: features.wireguard ? constants.wireguardPort : 0,
    byAddresses: services.some(({ affinitySeconds }) => affinitySeconds > 0),
  };
}
