export { type QuantizedLayer, type QuantizeOptions, type QuantizeReport, quantize } from './quantise.js';
export { RANGES, type RangeRule } from './ranges.js';
