/** node:v8 in a page: a browser has relaxed SIMD or it hasn't, and no flag changes that. */
export function setFlagsFromString(): void {}
