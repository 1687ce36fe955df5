/**
 * The control block: one fixed struct through which a host sets options and reads results. Every field is
 * four bytes (or eight where it says f64) at the offset given, little-endian; `control()` returns its address.
 */
@unmanaged
export class Control {
  // -- set by the host --
  /** 0: bytes of the arena, counted from the address given to `open`. */
  arenaBytes: u32;
  /** 4: number of classes. */
  ways: i32;
  /** 8: number of support samples. */
  samples: i32;
  /** 12: iterations of training. */
  iterations: i32;
  /** 16: 0 SGD, 1 momentum, 2 Adam, 3 LOMO. */
  optimizer: i32;
  /** 20: learning rate. */
  lr: f32;
  /** 24: temperature of the loss. */
  temperature: f32;
  /** 28: pseudo-queries: bit 0 augment (crop, brightness, contrast), bit 1 mirror too. */
  augment: u32;
  /** 32 */
  seed: u32;
  /** 36: augmented variants a sample that are computed once through the frozen prefix; 0: none, compute each time. */
  variants: i32;
  /**
   * 40: 0 tinytrain (equation 3), 1 fisher, 2 l2, 3 random, 4 the scores that the host wrote, 5 none: the last layer first, of
   * depthwise ones the weights, of the others the biases, without a Fisher pass.
   */
  criterion: i32;
  /** 44: limit of backwardBytes for the Fisher pass and the selector. */
  memoryBudget: u32;
  /** 48: limit of backwardMacs (f64). */
  computeBudget: f64;

  // -- read by the host --
  /** 56: what the last NEED_MEMORY asks for. */
  needBytes: u32;
  /** 60: what an error is about: operator, layer, class or sample. */
  detail: i32;
  /** 64: address, 68: bytes, 72: sample or key of what `step` asks for. */
  ioPointer: u32;
  ioBytes: u32;
  ioIndex: i32;
  /** 76: loss of the last iteration. */
  loss: f32;
  /** 80: iterations finished. */
  iteration: i32;
  /** 84: samples done in this phase, 88: in all, 92: the phase (0 prototypes, 1 probe, 2 fisher, 3 prefix, 4 train). */
  done: i32;
  total: i32;
  phase: i32;
  /** 96: bytes that training needs beyond inference, at its peak. */
  backwardBytes: u32;
  /** 100: bytes of linear memory in use at the peak of the jobs since `open`. */
  peakBytes: u32;
  /** 104, 112, 120: MACs (f64): backward pass of the plan, full backward pass, forward pass. */
  backwardMacs: f64;
  fullMacs: f64;
  forwardMacs: f64;
  /** 128: least budgets that train anything (bytes), 136: (MACs, f64). */
  leastBytes: u32;
  /** 132: first operator that the Fisher pass looks at. */
  inspectFrom: i32;
  leastMacs: f64;
  /** 144: support samples that their class's prototype still claims as they are, 148: mirrored. */
  probePlain: i32;
  probeMirrored: i32;
  /** 152 .. 196: tables (addresses) and their sizes. */
  layersPointer: u32;
  layerCount: i32;
  opCount: i32;
  featureCount: i32;
  /** 168: u16 a sample. */
  labelsPointer: u32;
  /** 172: [ways][features], f32. */
  prototypesPointer: u32;
  /** 176: the last feature vector, f32. */
  featuresPointer: u32;
  /** 180: cosine with each prototype, f32. */
  scoresPointer: u32;
  /** 184: set by the host: limit of `peakBytes`; 0: none. */
  ramBudget: u32;
  /** 188: 1 if blocks are recomputed from their inputs. */
  recompute: i32;
  /** 192: values that a sample's frozen prefix keeps with the host. */
  storedValues: i32;
  /** 196: bytes of linear memory below the arena. */
  staticBytes: u32;
  /** 200: lowest and 204: one past the highest address of the plan's buffers. */
  planLow: u32;
  planHigh: u32;
  /** 208: bytes of the checksum of the open model (u32). */
  checksum: u32;
  /** 212: highest bytes of live activations of a forward pass alone (set by a job without training). */
  inferenceBytes: u32;
  /** 216: least `ramBudget` that trains anything. */
  leastRam: u32;
  /** 220: first address that the host may use while no job runs. */
  freePointer: u32;
  /** 224: set by the host: bytes of the class names of the patch, so that `ramBudget` counts the patch. */
  nameBytes: u32;
  /** 228: code (program.ts) and 232: operator of the step that `step` ran last, for a profile. */
  stepCode: u32;
  stepOperator: i32;
  /** 236: where in the sample what `step` asks for begins, in bytes. */
  ioOffset: u32;
  /**
   * Set by the host: 240: which of the instances that share the samples of a job this one is, 244: how many there are
   * (share.ts); 0 or 1: it runs all samples.
   */
  shard: i32;
  shards: i32;
  /**
   * 248: set by the host: of the samples, so many at the end are queries, and those before them the support set; 0: the
   * pseudo-queries of all samples are the queries.
   */
  queries: i32;
  /** 252: set by the host: pseudo-queries that LOMO draws in an iteration. */
  draws: i32;
}

export const CONTROL_BYTES: i32 = 256;
const at: usize = memory.data(256, 16);

/** The one control block. */
export function control(): Control {
  return changetype<Control>(at);
}
