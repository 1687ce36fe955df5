/** The engine's control block (assembly/engine/control.ts) by name: byte offset and type of every field. */
const FIELDS = {
  arenaBytes: [0, 'u32'],
  ways: [4, 'i32'],
  samples: [8, 'i32'],
  iterations: [12, 'i32'],
  optimizer: [16, 'i32'],
  lr: [20, 'f32'],
  temperature: [24, 'f32'],
  augment: [28, 'u32'],
  seed: [32, 'u32'],
  variants: [36, 'i32'],
  criterion: [40, 'i32'],
  memoryBudget: [44, 'u32'],
  computeBudget: [48, 'f64'],
  needBytes: [56, 'u32'],
  detail: [60, 'i32'],
  ioPointer: [64, 'u32'],
  ioBytes: [68, 'u32'],
  ioIndex: [72, 'i32'],
  loss: [76, 'f32'],
  iteration: [80, 'i32'],
  done: [84, 'i32'],
  total: [88, 'i32'],
  phase: [92, 'i32'],
  backwardBytes: [96, 'u32'],
  peakBytes: [100, 'u32'],
  backwardMacs: [104, 'f64'],
  fullMacs: [112, 'f64'],
  forwardMacs: [120, 'f64'],
  leastBytes: [128, 'u32'],
  inspectFrom: [132, 'i32'],
  leastMacs: [136, 'f64'],
  probePlain: [144, 'i32'],
  probeMirrored: [148, 'i32'],
  layersPointer: [152, 'u32'],
  layerCount: [156, 'i32'],
  opCount: [160, 'i32'],
  featureCount: [164, 'i32'],
  labelsPointer: [168, 'u32'],
  prototypesPointer: [172, 'u32'],
  featuresPointer: [176, 'u32'],
  scoresPointer: [180, 'u32'],
  ramBudget: [184, 'u32'],
  recompute: [188, 'i32'],
  storedValues: [192, 'i32'],
  staticBytes: [196, 'u32'],
  planLow: [200, 'u32'],
  planHigh: [204, 'u32'],
  checksum: [208, 'u32'],
  inferenceBytes: [212, 'u32'],
  leastRam: [216, 'u32'],
  freePointer: [220, 'u32'],
  nameBytes: [224, 'u32'],
  stepCode: [228, 'u32'],
  stepOperator: [232, 'i32'],
  ioOffset: [236, 'u32'],
  shard: [240, 'i32'],
  shards: [244, 'i32'],
  queries: [248, 'i32'],
  draws: [252, 'i32'],
} as const satisfies Record<string, readonly [number, 'u32' | 'i32' | 'f32' | 'f64']>;

export type ControlField = keyof typeof FIELDS;

/** Reads and writes fields of the control block at `address`. */
export class ControlBlock {
  constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly address: number,
  ) {}

  get(field: ControlField): number {
    const [offset, type] = FIELDS[field];
    const view = new DataView(this.memory.buffer, this.address + offset, 8);
    if (type === 'f64') return view.getFloat64(0, true);
    if (type === 'f32') return view.getFloat32(0, true);
    return type === 'i32' ? view.getInt32(0, true) : view.getUint32(0, true);
  }

  set(field: ControlField, value: number): void {
    const [offset, type] = FIELDS[field];
    const view = new DataView(this.memory.buffer, this.address + offset, 8);
    if (type === 'f64') view.setFloat64(0, value, true);
    else if (type === 'f32') view.setFloat32(0, value, true);
    else if (type === 'i32') view.setInt32(0, value, true);
    else view.setUint32(0, Math.min(value, 0xffffffff), true);
  }
}

/** Bytes of a layer's record in the engine's table (assembly/engine/arena.ts). */
export const LAYER_BYTES = 52;
export const LAYER = {
  op: 0,
  kind: 4,
  count: 8,
  channels: 12,
  delta: 16,
  fisher: 20,
  score: 24,
  inspected: 28,
  gradient: 32,
  floats: 40,
} as const;
export const KIND = { frozen: 0, bias: 1, weights: 2 } as const;
