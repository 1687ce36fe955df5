/**
 * What is trained of a layer, as one block: the biases of the selected channels, then their rows of weights. It is the
 * order of gradients, of the optimiser's state and of a patch. In a model in memory the values themselves stay where
 * they are, and a block is a copy; of a model whose weights are with the host, the block holds them (`values`), and is
 * laid over every slice that the host hands over.
 */
import { Layer, WEIGHTS } from './arena';
import { DEPTHWISE, opAt, rowLength } from './model';

/** The k-th selected channel; a layer of which every channel is trained needs no list. */
export function channelOf(layer: Layer, k: i32): i32 {
  return layer.count == opAt(layer.op).outC ? k : <i32>load<u16>(layer.channels + (k << 1));
}

/** Floats of a layer's block. */
export function blockFloats(layer: Layer): i32 {
  return layer.count * (layer.kind == WEIGHTS ? 1 + rowLength(opAt(layer.op)) : 1);
}

/**
 * Copies between a layer's block and weights w and biases b (0: none) of the channels `first` to `first + rows - 1`, in
 * the model's layout: from the block (`out`), or into it. Channels outside of that range are left alone.
 */
export function exchange(layer: Layer, block: usize, w: usize, b: usize, first: i32, rows: i32, out: bool): void {
  const op = opAt(layer.op);
  const row = rowLength(op);
  const depthwise = op.op == DEPTHWISE;
  const stride = depthwise ? rows << 2 : 4;
  const weights = block + (layer.count << 2);
  for (let k = 0; k < layer.count; ++k) {
    const channel = channelOf(layer, k) - first;
    if (<u32>channel >= <u32>rows) continue;
    if (b) move(b + (channel << 2), block + (k << 2), out);
    if (layer.kind != WEIGHTS) continue;
    let at = w + ((depthwise ? channel : channel * row) << 2);
    let value = weights + ((k * row) << 2);
    for (let t = 0; t < row; ++t, at += stride, value += 4) move(at, value, out);
  }
}

function move(inModel: usize, inBlock: usize, out: bool): void {
  if (out) store<u32>(inModel, load<u32>(inBlock));
  else store<u32>(inBlock, load<u32>(inModel));
}
