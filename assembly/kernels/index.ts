/** The kernels alone, exported for their tests and benches. The engine (../index.ts) imports the files it needs. */

export { relu_backward, relu_backward_mask, relu_mask } from './activation';
export * from './add';
export * from './augment';
export { bias_backward } from './bias';
export { conv2d_backward_input, conv2d_backward_weight, conv2d_forward, conv2d_scratch } from './conv2d';
export * from './depthwise';
export { fisher_accumulate } from './fisher';
export { add_int8, dequantise_all, int8_limits, quantise_all } from './int8';
export { int8_dense, int8_dense_scratch } from './int8_conv';
export { int8_depthwise_scratch } from './int8_depthwise';
export { int8_avgpool, int8_depthwise, int8_maxpool } from './int8_window';
export { linear_backward_input, linear_backward_weight, linear_forward, linear_scratch } from './linear';
export * from './optimizer';
export {
  pointwise_backward_input,
  pointwise_backward_weight,
  pointwise_forward,
  pointwise_scratch,
} from './pointwise';
export * from './pool';
export * from './prototype';
export * from './random';
export { __heap_base };
