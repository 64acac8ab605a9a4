/** The shell script that collects what `importCluster` reads, with kubectl alone. */
export const COLLECT_SCRIPT = `#!/bin/sh
# Collects the datapath's state of a Cilium cluster into a folder (default ./cluster) for: packetwalk import FOLDER
# Needs kubectl and the right to exec in Cilium's pods. Reads only.
set -eu
out=\${1:-cluster}
mkdir -p "$out"
kubectl -n kube-system get configmap cilium-config -o json > "$out/cilium-config.json"
kubectl get ciliumnodes -o json > "$out/ciliumnodes.json"
kubectl -n kube-system get pods -l k8s-app=cilium \\
  -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\\n"}{end}' |
while read -r pod node; do
  echo "$node" >&2
  on() { kubectl -n kube-system exec "$pod" -c cilium-agent -- "$@" < /dev/null; }
  mkdir -p "$out/$node/maps"
  on uname -r > "$out/$node/kernel"
  on ip -j -d addr > "$out/$node/ip-addr.json"
  on ip -j route > "$out/$node/ip-route.json"
  on ip -j -6 route > "$out/$node/ip-6-route.json"
  on ip -j neigh > "$out/$node/ip-neigh.json"
  on cilium-dbg endpoint list -o json > "$out/$node/endpoints.json"
  for map in $(on ls /sys/fs/bpf/tc/globals); do
    case $map in
      cilium_*)
        on bpftool -j map dump pinned "/sys/fs/bpf/tc/globals/$map" > "$out/$node/maps/$map.json" 2> /dev/null ||
          rm -f "$out/$node/maps/$map.json" ;;
    esac
  done
done
`;
