/** Where the time of a job goes: the steps of the engine's own program, by kind. */
import type { TimedStep } from './job.js';
import type { OperatorKind } from './model/model.js';

/** Codes of steps (assembly/engine/program.ts). */
export const STEP = {
  sample: 1,
  augment: 2,
  forward: 3,
  mask: 4,
  store: 5,
  fetch: 6,
  features: 7,
  head: 8,
  fisher: 9,
  activation: 10,
  weights: 11,
  input: 12,
  copy: 13,
  end: 14,
  take: 15,
  clear: 16,
} as const;

/** What a profile must know of an operator: kind of kernel, MACs of a forward pass, share of its channels that trains. */
export interface ProfiledOperator {
  op: OperatorKind;
  pointwise: boolean;
  macs: number;
  trained: number;
}

/** Time of one kind of step in a job. */
export interface ProfileRow {
  kind: string;
  /** Whether it is multiply-accumulates of a convolution or linear layer, or something else. */
  dense: boolean;
  steps: number;
  ms: number;
  macs: number;
}

function layerKind({ op, pointwise }: ProfiledOperator): string {
  return pointwise ? 'pointwise' : op;
}

/** Kind of a step, and its MACs. */
function kindOf(step: TimedStep, operators: readonly ProfiledOperator[]): { kind: string; macs: number } {
  const operator = operators[step.operator];
  const plain = (kind: string) => ({ kind, macs: 0 });
  switch (step.code) {
    case STEP.forward:
      return operator?.macs
        ? { kind: `${layerKind(operator)} forward`, macs: operator.macs }
        : plain('additions and pooling');
    case STEP.input:
      return operator?.macs
        ? { kind: `${layerKind(operator)} input gradient`, macs: operator.macs }
        : plain('additions and pooling');
    case STEP.weights:
      return { kind: `${layerKind(operator!)} weight gradient`, macs: operator!.macs * operator!.trained };
    case STEP.mask:
    case STEP.activation:
      return plain('activations');
    case STEP.copy:
      return plain('additions and pooling');
    case STEP.fisher:
      return plain('Fisher information');
    case STEP.augment:
      return plain('augmentation');
    case STEP.features:
    case STEP.head:
      return plain('prototypes and loss');
    case STEP.end:
      return plain('optimiser and bookkeeping');
    default:
      return plain('exchange with the host');
  }
}

/** A step of the program that ran `count` times. */
export interface TypicalStep extends TimedStep {
  count: number;
}

/** Each step of the program once, with the median of its times: what else ran on the machine does not add to it. */
export function typicalSteps(steps: readonly TimedStep[]): TypicalStep[] {
  const runs = new Map<string, TimedStep[]>();
  for (const step of steps) {
    const key = `${step.code} ${step.operator} ${step.endsIteration}`;
    const list = runs.get(key);
    if (list) list.push(step);
    else runs.set(key, [step]);
  }
  return [...runs.values()].map((list) => {
    const times = list.map((step) => step.ms).sort((a, b) => a - b);
    return { ...list[0]!, ms: times[times.length >> 1]!, count: list.length };
  });
}

/** Sums the steps by kind, the most expensive kind first. */
export function profileRows(steps: readonly TypicalStep[], operators: readonly ProfiledOperator[]): ProfileRow[] {
  const rows = new Map<string, ProfileRow>();
  for (const step of steps) {
    const { kind, macs } = kindOf(step, operators);
    const row = rows.get(kind) ?? { kind, dense: false, steps: 0, ms: 0, macs: 0 };
    rows.set(kind, row);
    row.steps += step.count;
    row.ms += step.ms * step.count;
    row.macs += macs * step.count;
    row.dense ||= macs > 0;
  }
  return [...rows.values()].sort((a, b) => b.ms - a.ms);
}
