import { BpfObjects } from './hooks/bpf-objects.js';
import { Namespace } from './namespace.js';

/** A machine: its own network namespace and those of the pods on it. */
export class Node {
  readonly name: string;
  /** Programs and links of this machine's kernel. */
  readonly bpf = new BpfObjects();
  /** Version of the machine's iproute2, which decides how tc prints. */
  iproute2: readonly [major: number, minor: number] = [6, 1];
  readonly host: Namespace;
  readonly pods: Namespace[] = [];

  constructor(name: string) {
    this.name = name;
    this.host = new Namespace(this, name, true);
  }

  addPod(name: string): Namespace {
    const pod = new Namespace(this, name, false);
    this.pods.push(pod);
    return pod;
  }
}
