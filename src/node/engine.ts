import type {
  AdaptOptions,
  AdaptReport,
  Binary,
  Classification,
  ImageInput,
  InspectReport,
  LoadOptions,
  Sample,
  SelectOptions,
  SelectReport,
} from '../types.js';

/** What the command line and `evaluate` use of the class `TinyTrain`. */
export interface Session {
  readonly model: {
    name: string;
    checksum: string;
    input: [number, number, number];
    params: number;
    macs: number;
    features: number;
  };
  readonly binary: Binary;
  inspect(): InspectReport;
  select(support: Sample[], options?: SelectOptions): Promise<SelectReport>;
  adapt(support: Sample[], options?: AdaptOptions): Promise<AdaptReport>;
  information(): Record<string, Float32Array>;
  classify(image: ImageInput): Classification;
  classifyTogether(images: readonly ImageInput[]): Promise<Classification[]>;
  embed(image: ImageInput): Float32Array;
  patch(): Uint8Array;
  apply(patch: Uint8Array): void;
  reset(): void;
}

/** A session that may run in threads of its own: what is immediate here is a promise there. */
export type AnySession = {
  [K in keyof Session]: Session[K] extends (...args: infer A) => infer R
    ? (...args: A) => R | Promise<Awaited<R>>
    : Session[K];
};

/** What `load` takes besides the model; `mean`, `std` and `features` are for ONNX files. */
export interface ModelOptions extends LoadOptions {
  mean?: number[];
  std?: number[];
  features?: string;
}

export interface Engine {
  load(model: string | URL | Uint8Array | ArrayBuffer, options?: ModelOptions): Promise<Session>;
}
