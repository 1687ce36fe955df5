/** Where recomputation divides the operators into blocks: at values that everything later depends on. */
import { CUT, has } from './graph';
import { opCount, valueFloats } from './model';

/**
 * End of the block that begins at operator `start`: the next cut that is no larger than the cuts around it and smaller
 * than something inside the block or the cut behind it; or the end.
 */
export function nextBlock(start: i32): i32 {
  const n = opCount();
  let before = valueFloats(start);
  let largest = before;
  for (let v = start + 1; v < n; ++v) {
    const floats = valueFloats(v);
    largest = max<i32>(largest, floats);
    if (!has(v, CUT)) continue;
    let next = v + 1;
    while (!has(next, CUT)) ++next;
    const after = valueFloats(next);
    if (floats <= before && floats <= after && (floats < largest || floats < after)) return v;
    before = floats;
  }
  return n;
}

/** First operator of the block that ends at operator `end`, of those from operator `first` on. */
export function blockBefore(first: i32, end: i32): i32 {
  let start = first;
  for (let next = nextBlock(start); next < end; next = nextBlock(start)) start = next;
  return start;
}
