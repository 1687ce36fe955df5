/** What ImageData is: RGB (3 bytes a pixel) or RGBA (4), row by row. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** A picture, resized by the host; or h·w·c values, preprocessed, NHWC. */
export type ImageInput = RawImage | Float32Array;

/** One labelled sample of a support set. */
export interface Sample {
  image: ImageInput;
  label: string;
}

/**
 * What is trained: a selection by the samples inside the budgets (`tinytrain`, the paper's; `deeptrain`, nearly all layers by drawn samples;
 * `thintrain`, their depthwise weights and biases alone, without a Fisher pass), or one that is fixed (the others).
 */
export type Method =
  | 'none'
  | 'lastlayer'
  | 'fulltrain'
  | 'biasonly'
  | 'tinytl'
  | 'sparseupdate'
  | 'tinytrain'
  | 'deeptrain'
  | 'thintrain';
/** What orders the layers: equation 3, P alone, the norm of the weights, chance, or the last layer first. */
export type CriterionName = 'tinytrain' | 'fisher' | 'l2' | 'random' | 'depth';
/** `lomo` takes an iteration as some drawn pseudo-queries, each of which updates every layer on its way back at once. */
export type OptimizerName = 'adam' | 'momentum' | 'sgd' | 'lomo';
export type Augment = 'auto' | 'none' | 'noflip';
export type Binary = 'scalar' | 'simd' | 'relaxed';
export type BinaryChoice = 'auto' | Binary;
/** What the weights of a layer are, and the values that it makes while it is frozen. */
export type NumberType = 'float32' | 'int8';

/** What is trained of a layer: every channel, the bias alone, or these output channels with their bias. */
export type LayerChoice = 'all' | 'bias' | number[];

/** A selection as a file or an option: layers that are not named are frozen. */
export interface Selection {
  layers: Record<string, LayerChoice>;
}

/** The figures of a layer that a criterion weighs (equations 1 to 3 of the paper). */
export interface LayerFigures {
  index: number;
  name: string;
  op: string;
  /** Weights and biases, |W|. */
  params: number;
  /** Multiply-accumulates of the forward pass, M. */
  macs: number;
  /** Fisher potential P, the sum over `delta`. */
  fisher: number;
  /** Fisher information of each output channel, Δ. */
  delta: Float32Array;
}

/** A criterion of the caller: the score of a layer; layers are tried in falling order. */
export type Criterion = (layer: LayerFigures, all: readonly LayerFigures[]) => number;

export interface LoadOptions {
  /**
   * Which binary runs; `auto` takes SIMD where the host has it. `relaxed` rounds a multiply-add once where the machine can:
   * its results differ between machines, so that only who asks for it gets it.
   */
  binary?: BinaryChoice;
  /** A binary of this package to use instead of the embedded one: compiled, or its bytes, or a URL (in Node also a path). */
  module?: WebAssembly.Module | BufferSource | URL | string;
}

export interface SelectOptions {
  method?: Method;
  criterion?: CriterionName | Criterion;
  /** Trains exactly this, instead of what the method would choose. */
  selection?: Selection;
  /** Limit of `backwardBytes`: bytes, or text such as '256KB' or '1MB' (1 KB = 1024 bytes). Default 1 MB. */
  memory?: number | string;
  /** Limit of `backwardMacs`: a share of the full backward pass (0.15, '15%'), or MACs above 1. Default 0.15. */
  compute?: number | string;
  /**
   * Limit of `peakBytes`, all of the linear memory: bytes, or text such as '320KB'. The weights then stay outside, as in
   * a microcontroller's flash, and are read slice by slice. Default: none.
   */
  ram?: number | string;
  temperature?: number;
  augment?: Augment;
  seed?: number;
  signal?: AbortSignal;
}

/** Where an adaptation stands. */
export interface Progress {
  phase: 'fisher' | 'prefix' | 'train';
  /** Samples done and samples in all, of this phase. */
  done: number;
  total: number;
  /** Iterations done, and the loss of the last one. */
  iteration?: number;
  iterations?: number;
  loss?: number;
}

export interface AdaptOptions extends SelectOptions {
  iterations?: number;
  optimizer?: OptimizerName;
  lr?: number;
  /** Augmented variants of a sample that are kept when the frozen prefix is computed once; 0 computes it each time. */
  variants?: number;
  /**
   * Views of a picture (the whole, and windows of it) whose mean features make prototypes and are classified, 1 to 6: as
   * many forward passes a picture. Training is the same. The patch says how many. Default 1.
   */
  views?: number;
  /** Gives an adaptation up that makes things worse on held-back views of the samples (src/guard.ts). Default false. */
  guard?: boolean;
  onProgress?: (progress: Progress) => void;
}

export interface LayerReport {
  index: number;
  name: string;
  op: string;
  params: number;
  macs: number;
  /** Fisher potential; null for a layer that was not inspected. */
  fisher: number | null;
  score: number | null;
  channels: number;
  /** Output channels whose weights and bias are trained. */
  selected: number[];
  /** What is trained: nothing, the bias of every channel, or weights and bias of `selected`. */
  trains: 'nothing' | 'bias' | 'weights';
}

/** `tinytrain select --json`. */
export interface SelectReport {
  model: { name: string; checksum: string; input: [number, number, number]; params: number; macs: number };
  task: { ways: number; samples: number; classes: string[] };
  method: Method | 'selection';
  criterion: string;
  seed: number;
  /** The limits in bytes and MACs; they bind the methods that select by them. `ramBytes` is null without a limit. */
  budgets: { memoryBytes: number; backwardMacs: number; ramBytes: number | null };
  layers: LayerReport[];
  memory: { backwardBytes: number; peakBytes: number };
  /**
   * Multiply-accumulates. `backward` is of one sample's way back; with `lomo`, where an iteration draws samples, it is the mean over as many ways
   * back as an iteration of the other optimisers has: one of each pseudo-query and one of each support sample. `draw` is of
   * one way back that ran, `adaptation` of all iterations.
   */
  macs: { forward: number; backward: number; fullBackward: number; draw: number; adaptation: number };
  /** Pseudo-queries that an iteration draws; null where it takes all of them. */
  draws: number | null;
  augment: { flip: boolean; crop: boolean };
  time: { fisherMs: number };
  binary: Binary;
}

/** What the guard found: mean margin of held-back views before and after, and the standard error of the change. */
export interface GuardReport {
  before: number;
  after: number;
  noise: number;
  /** The margin fell by more than noise: the adaptation was given up. */
  fallback: boolean;
}

/** `tinytrain adapt --json`. */
export interface AdaptReport extends Omit<SelectReport, 'time'> {
  iterations: number;
  optimizer: OptimizerName;
  lr: number;
  temperature: number;
  /** Forward passes that classifying a picture takes, one for each view. */
  views: number;
  /** Mean loss over the pseudo-queries, one an iteration. */
  loss: number[];
  time: { fisherMs: number; trainMs: number; totalMs: number };
  patch: { bytes: number; sha256: string };
  /** Null where nothing was trained, or without the guard. */
  guard: GuardReport | null;
  /** The adaptation made things worse and was given up: the patch holds prototypes of the network as it was. */
  fallback: boolean;
}

export interface Classification {
  label: string;
  /** Cosine of the feature vector with each class's prototype. */
  scores: Record<string, number>;
}

/** One operator with weights, as `inspect` shows it. */
export interface LayerInfo {
  index: number;
  name: string;
  op: 'conv2d' | 'pointwise' | 'depthwise' | 'linear';
  kernel: [number, number];
  stride: [number, number];
  in: [number, number, number];
  out: [number, number, number];
  params: number;
  macs: number;
  type: NumberType;
}

/** `tinytrain inspect --json`. */
export interface InspectReport {
  model: {
    name: string;
    checksum: string;
    input: [number, number, number];
    params: number;
    macs: number;
    type: NumberType | 'mixed';
  };
  features: number;
  layers: LayerInfo[];
  totals: { layers: number; params: number; macs: number; fullBackwardMacs: number };
  memory: { modelBytes: number; inferenceBytes: number; fulltrainBackwardBytes: number };
  preprocessing: { mean: number[]; std: number[] };
}
