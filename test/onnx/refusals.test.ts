import { describe, expect, it } from 'vitest';
import { type ImportOptions, importModel, OnnxError } from '../../src/onnx/index.js';
import { filled, list, node, onnx, type TestGraph, type TestNode } from './builder.js';

function refusal(bytes: Uint8Array, options?: ImportOptions): string {
  try {
    importModel(bytes, options);
  } catch (error) {
    expect(error).toBeInstanceOf(OnnxError);
    const { message } = error as OnnxError;
    expect(message).not.toMatch(/[\n\r]/);
    return message;
  }
  throw new Error('was imported');
}

/** Constants that the networks below use. */
const TENSORS = {
  w: filled([4, 3, 3, 3]),
  w1: filled([4, 3, 1, 1]),
  wide: filled([4, 3, 9, 9]),
  b: filled([4]),
  b3: filled([3]),
  one: filled([1]),
  zero: filled([], 0),
  six: filled([], 6),
  negative: filled([3], -1),
  huge: filled([3], 3e38),
  nan: { dims: [4, 3, 1, 1], floats: [...new Array<number>(11).fill(1), Number.NaN] },
  integers: { dims: [4, 3, 1, 1], ints: new Array<number>(12).fill(1) },
  w192: filled([192, 2]),
  w3: filled([3, 2]),
  list2: list(2),
  pads: list(0, 0, 1, 1, 0, 0, 1, 1),
  padsBatch: list(0, 1, 0, 0, 0, 0, 0, 0),
  padsLess: list(0, 0, -1, 0, 0, 0, 0, 0),
  infinite: filled([], Number.NEGATIVE_INFINITY),
  yes: { dims: [], ints: [1] },
};

/** Behind a node that would be cut off at the end. */
const RELU = node('Relu', 'y', 'z');

/** A network of these nodes, of which the first reads `image` (3x8x8). */
const of = (...nodes: TestNode[]): TestGraph => ({ nodes, tensors: TENSORS });

const REFUSED: [message: string | RegExp, graph: TestGraph, options?: ImportOptions][] = [
  // Operators
  [
    /^hardswish\.y \(HardSwish\): operator is not supported; supported are Conv, BatchNormalization, Relu, Clip, .*and computations on constants$/,
    of(node('HardSwish', 'image', 'y')),
  ],
  [
    /^mine \(Conv\): operator of domain com\.me is not supported; supported are Conv, /,
    of({ ...node('Conv', 'image w', 'y'), domain: 'com.me', name: 'mine' }),
  ],
  [
    'softmax.a (Softmax): is supported only at the end of the network, where it is cut off',
    of(node('Softmax', 'image', 'a'), node('Relu', 'a', 'y')),
  ],
  [
    'transpose.a (Transpose): is supported for constants only, not for activations; the image is expected as [batch, channels, height, width]',
    of(node('Transpose', 'image', 'a', { perm: [0, 3, 1, 2] }), node('Relu', 'a', 'y')),
  ],
  ['conv.y (Conv): attribute strodes is unknown', of(node('Conv', 'image w', 'y', { strodes: [1, 1] }))],
  ['conv.y (Conv): attribute strides is not of its type', of(node('Conv', 'image w', 'y', { strides: 'two' }))],
  [
    'maxpool.y (MaxPool): attribute ceil_mode is 7, expected 0 or 1',
    of(node('MaxPool', 'image', 'y', { kernel_shape: [2, 2], ceil_mode: 7 })),
  ],
  // Convolutions
  [
    'conv.y (Conv): group 2 of 3 to 4 channels is not supported; supported are 1 and depthwise (as many groups as input and output channels)',
    of(node('Conv', 'image w', 'y', { group: 2 })),
  ],
  [
    'conv.y (Conv): dilation 2x2 is not supported; supported is 1',
    of(node('Conv', 'image w', 'y', { dilations: [2, 2] })),
  ],
  [
    'conv.y (Conv): auto_pad SAME is not supported; supported are NOTSET, VALID, SAME_UPPER, SAME_LOWER',
    of(node('Conv', 'image w', 'y', { auto_pad: 'SAME' })),
  ],
  [
    'conv.y (Conv): kernel 1, stride 1, padding 1+0 on 8 pixels vertically has a window wholly in the padding',
    of(node('Conv', 'image w1', 'y', { pads: [1, 0, 0, 0] })),
  ],
  [
    'conv.y (Conv): auto_pad SAME_UPPER with stride 8 of kernel 3 is ambiguous',
    of(node('Conv', 'image w', 'y', { auto_pad: 'SAME_UPPER', strides: [8, 1] })),
  ],
  [
    'conv.y (Conv): attribute strides has 1 values, expected 2: only two spatial axes are supported',
    of(node('Conv', 'image w', 'y', { strides: [2] })),
  ],
  ['conv.y (Conv): kernel 3x3, stride 0x1 is out of range', of(node('Conv', 'image w', 'y', { strides: [0, 1] }))],
  ['conv.y (Conv): weight b is [4], only convolutions over two axes are supported', of(node('Conv', 'image b', 'y'))],
  [
    'conv.b2 (Conv): weight w is for 3 input channels, the input has 4',
    of(node('Conv', 'image w', 'a'), node('Conv', 'a w', 'b2')),
  ],
  [
    'conv.y (Conv): kernel_shape 5x5 does not agree with the weight, 3x3',
    of(node('Conv', 'image w', 'y', { kernel_shape: [5, 5] })),
  ],
  [
    'conv.y (Conv): kernel 9x9 is larger than its input of 8x8 with padding 0,0,0,0',
    of(node('Conv', 'image wide', 'y')),
  ],
  [
    'conv.y (Conv): kernel 1, stride 1, padding 1+1 on 8 pixels vertically has a window wholly in the padding',
    of(node('Conv', 'image w1', 'y', { pads: [1, 1, 1, 1] })),
  ],
  [
    'conv.y (Conv): negative pads (-1,0,0,0) are not supported',
    of(node('Conv', 'image w', 'y', { pads: [-1, 0, 0, 0] })),
  ],
  ['conv.y (Conv): has no weight', of(node('Conv', 'image', 'y'))],
  [
    'conv.y (Conv): the weight depends on the image; only constants and initialisers are supported there',
    of(node('Relu', 'image', 'a'), node('Conv', 'image a', 'y')),
  ],
  ['conv.y (Conv): tensor nan has a value that is not finite (NaN, element 11)', of(node('Conv', 'image nan', 'y'))],
  ['conv.y (Conv): the weight (integers) holds integers, expected floats', of(node('Conv', 'image integers', 'y'))],
  ['conv.y (Conv): bias b3 is [3], expected 4 values', of(node('Conv', 'image w b3', 'y'))],
  ['conv.y (Conv): input 0 (w) is a constant, expected an activation', of(node('Conv', 'w w', 'y'))],
  [
    'conv.y (Conv): input is [1,192], expected [batch, channels, height, width]',
    of(node('Flatten', 'image', 'a'), node('Conv', 'a w', 'y')),
  ],
  // Linear operators
  [
    'gemm.y (Gemm): transA 1 is not supported; supported is 0',
    of(node('Flatten', 'image', 'a'), node('Gemm', 'a w192', 'y', { transA: 1 })),
  ],
  [
    'gemm.y (Gemm): input is [1,3,8,8], expected [batch, values]: flatten it before',
    of(node('Gemm', 'image w192', 'y')),
  ],
  [
    'gemm.y (Gemm): weight w3 takes 3 values, the input has 192 (8x8x3)',
    of(node('Flatten', 'image', 'a'), node('Gemm', 'a w3', 'y')),
  ],
  [
    'matmul.y (MatMul): weight b is [4], expected two dimensions',
    of(node('Flatten', 'image', 'a'), node('MatMul', 'a b', 'y')),
  ],
  [
    'matmul.y (MatMul): a constant as first factor is not supported; supported is the second',
    of(node('Flatten', 'image', 'a'), node('MatMul', 'w3 a', 'y')),
  ],
  // Batch normalisation
  [
    'batchnormalization.y (BatchNormalization): training_mode 1 is not supported; export in inference mode',
    of(node('BatchNormalization', 'image b3 b3 b3 b3', 'y', { training_mode: 1 })),
  ],
  [
    'batchnormalization.y (BatchNormalization): mean (b) has 4 values, the input 3 channels',
    of(node('BatchNormalization', 'image b3 b3 b b3', 'y')),
  ],
  [
    'batchnormalization.y (BatchNormalization): variance of channel 0 plus epsilon is not above 0',
    of(node('BatchNormalization', 'image b3 b3 b3 negative', 'y')),
  ],
  [
    'batchnormalization.y (BatchNormalization): input is [1,192] of 8x8x3, its channels are not the second dimension',
    of(node('Flatten', 'image', 'a'), node('BatchNormalization', 'a b3 b3 b3 b3', 'y')),
  ],
  [
    'batchnormalization.a (BatchNormalization): has a weight or bias that is not finite',
    of(node('BatchNormalization', 'image huge b3 b3 b3', 'a'), node('Mul', 'a six', 'y')),
  ],
  // Activations
  ['clip.y (Clip): minimum minus infinity is not supported; supported is 0', of(node('Clip', 'image - six', 'y'))],
  ['clip.y (Clip): minimum 6 is not supported; supported is 0', of(node('Clip', 'image six', 'y'))],
  ['clip.y (Clip): maximum 0 is not supported; supported are maxima above 0', of(node('Clip', 'image zero zero', 'y'))],
  [
    'clip.y (Clip): max depends on the image; only constants and initialisers are supported there',
    of(node('Clip', 'image zero image', 'y')),
  ],
  // Arithmetic
  [
    'mul.y (Mul): of two activations is not supported; supported is Add',
    of(node('Relu', 'image', 'a'), node('Mul', 'image a', 'y')),
  ],
  [
    'add.y (Add): adds [1,3,1,1] (1x1x3) and [1,3,8,8] (8x8x3); the sizes must be equal',
    of(node('GlobalAveragePool', 'image', 'a'), node('Add', 'a image', 'y')),
  ],
  ['add.y (Add): constant b is [4], expected one value or one a channel of [1,3,8,8]', of(node('Add', 'image b', 'y'))],
  ['div.y (Div): a constant divided by an activation is not supported', of(node('Div', 'one image', 'y'))],
  ['div.y (Div): has a weight or bias that is not finite', of(node('Div', 'image zero', 'y'))],
  // Paddings
  [
    'pad.y (Pad): mode reflect is not supported; supported is constant',
    of(node('Pad', 'image pads', 'y', { mode: 'reflect' })),
  ],
  [
    'pad.a (Pad): value 6 is not supported; supported are 0 and, before max pooling, minus infinity',
    of(node('Pad', 'image pads six', 'a'), node('Conv', 'a w', 'y')),
  ],
  [
    'pad.a (Pad): only height and width can be padded',
    of(node('Pad', 'image padsBatch', 'a'), node('Conv', 'a w', 'y')),
  ],
  [
    'pad.a (Pad): negative pads (0,0,-1,0,0,0,0,0) are not supported',
    of(node('Pad', 'image padsLess', 'a'), node('Conv', 'a w', 'y')),
  ],
  ['pad.a (Pad): has 1 pads, expected 8', of(node('Pad', 'image list2', 'a'), node('Conv', 'a w', 'y'))],
  [
    'pad.a (Pad): is read by relu.y (Relu); supported is padding before a convolution or pooling',
    of(node('Pad', 'image pads', 'a'), node('Relu', 'a', 'y')),
  ],
  [
    'pad.a (Pad): pads maxpool.y (MaxPool) with 0; supported before max pooling is minus infinity, or 0 behind an activation',
    of(node('Pad', 'image pads', 'a'), node('MaxPool', 'a', 'y', { kernel_shape: [2, 2] })),
  ],
  [
    'pad.a (Pad): pads conv.y (Conv) with minus infinity; supported is 0',
    of(node('Pad', 'image pads infinite', 'a'), node('Conv', 'a w', 'y')),
  ],
  [
    'pad.a (Pad): is read by averagepool.y (AveragePool), which does not count padding of its own; supported is one of the two',
    of(node('Pad', 'image pads', 'a'), node('AveragePool', 'a', 'y', { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })),
  ],
  ['pad.y (Pad): a padded image cannot be the feature vector', of(node('Pad', 'image pads', 'y'))],
  // Poolings
  ['maxpool.y (MaxPool): has no kernel_shape', of(node('MaxPool', 'image', 'y'))],
  [
    'maxpool.y (MaxPool): storage_order 1 is not supported; supported is 0',
    of(node('MaxPool', 'image', 'y', { kernel_shape: [2, 2], storage_order: 1 })),
  ],
  [
    'averagepool.y (AveragePool): ceil_mode 1 with count_include_pad 1 is not supported where a window passes the padding',
    of(
      node('AveragePool', 'image', 'y', {
        kernel_shape: [3, 3],
        strides: [4, 4],
        pads: [1, 1, 0, 0],
        ceil_mode: 1,
        count_include_pad: 1,
      }),
    ),
  ],
  [
    'maxpool.y (MaxPool): auto_pad VALID with ceil_mode 1 is ambiguous where a window passes the image',
    of(node('MaxPool', 'image', 'y', { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'VALID', ceil_mode: 1 })),
  ],
  [
    'reducemean.y (ReduceMean): axes 2 of [1,3,8,8] are not supported; supported are the spatial axes 2, 3',
    of(node('ReduceMean', 'image list2', 'y')),
  ],
  // Dimensions
  [
    'flatten.y (Flatten): axis 2 is not supported; supported is 1',
    of(node('Flatten', 'image', 'y', { axis: 2 }), RELU),
  ],
  [
    'reshape.y (Reshape): [1,3,8,8] (8x8x3) to [1,6,32] is not supported; supported is flattening behind the batch',
    { ...of(node('Reshape', 'image shape', 'y'), RELU), tensors: { shape: list(0, 6, -1) } },
  ],
  [
    'reshape.y (Reshape): [1,3,8,8] cannot be reshaped to [5,-1]',
    { ...of(node('Reshape', 'image shape', 'y'), RELU), tensors: { shape: list(5, -1) } },
  ],
  [
    'squeeze.y (Squeeze): [1,3,1,1] (1x1x3) to [3] is not supported; supported is flattening behind the batch',
    of(node('GlobalAveragePool', 'image', 'a'), node('Squeeze', 'a', 'y'), RELU),
  ],
  ['squeeze.y (Squeeze): axes 2 of [1,3,8,8] are not all of size 1', of(node('Squeeze', 'image list2', 'y'), RELU)],
  ['unsqueeze.y (Unsqueeze): has no axes', of(node('Unsqueeze', 'image', 'y'), RELU)],
  // Other
  [
    'dropout.a (Dropout): training_mode is true; export in inference mode',
    of(node('Dropout', 'image zero yes', 'a'), node('Relu', 'a', 'y')),
  ],
  [
    'cast.a (Cast): to element type 7 is not supported; supported are floats',
    of(node('Cast', 'image', 'a', { to: 7 }), node('Relu', 'a', 'y')),
  ],
  [
    'relu.y (Relu): reads indices, an output that is not supported; supported is the first one',
    of(node('MaxPool', 'image', 'a indices', { kernel_shape: [2, 2] }), node('Relu', 'indices', 'y')),
  ],
  [
    'constant.a (Constant): holds no tensor, float or integer; other constants are not supported',
    of(node('Constant', '', 'a', { value_string: 'text' }), node('Add', 'image a', 'y')),
  ],
  // Inputs
  [
    'input image: batch 4 is fixed; export with batch 1 or a free one',
    { ...of(node('Relu', 'image', 'y')), inputs: { image: [4, 3, 8, 8] } },
  ],
  [
    'input image: is [?, 3, ?, ?], channels, height and width must be fixed; export with a fixed image size',
    { ...of(node('Relu', 'image', 'y')), inputs: { image: [null, 3, null, null] } },
  ],
  [
    'input image: is [?, 3], expected [batch, channels, height, width]',
    { ...of(node('Relu', 'image', 'y')), inputs: { image: [null, 3] } },
  ],
  [
    'input image: the file does not say its size; supported is [batch, channels, height, width]',
    { ...of(node('Relu', 'image', 'y')), inputs: { image: undefined } },
  ],
  [
    'input image: element type 2 is not supported; supported are floats',
    { ...of(node('Relu', 'image', 'y')), inputType: 2 },
  ],
  [
    'input image: size 100000x1x3 is out of range, a dimension is 1 to 65535',
    { ...of(node('Relu', 'image', 'y')), inputs: { image: [1, 3, 100000, 1] } },
  ],
  [
    'input image: size 60000x60000x3 is more than 268435456 values',
    { ...of(node('Relu', 'image', 'y')), inputs: { image: [1, 3, 60000, 60000] } },
  ],
  [
    'the network has two inputs, image and other; supported is one image',
    { ...of(node('Add', 'image other', 'y')), inputs: { image: [null, 3, 8, 8], other: [null, 3, 8, 8] } },
  ],
  // The graph as a whole
  [
    'the file names no operator set (opset_import): it is incomplete',
    { ...of(node('Relu', 'image', 'y')), opset: null },
  ],
  [
    'operator set 6 is not supported; export with operator set 7 or later',
    { ...of(node('Relu', 'image', 'y')), opset: 6 },
  ],
  ['the graph has no nodes: the file is incomplete', of()],
  ['the graph has no outputs: the file is incomplete', { ...of(node('Relu', 'image', 'y')), outputs: [] }],
  ['output z of the graph is made by no node', { ...of(node('Relu', 'image', 'y')), outputs: ['z'] }],
  ['relu.y (Relu): reads a, which nothing before it makes', of(node('Relu', 'a', 'y'))],
  ['relu.image (Relu): image is made twice', of(node('Relu', 'image', 'image'))],
  ['conv.y (Conv): reads w, which nothing before it makes', { nodes: [node('Conv', 'image w', 'y')] }],
  ['node 0 names no operator: the file is damaged', of(node('', 'image', 'y'))],
  [
    'c is a constant, it does not depend on an image',
    of(node('Identity', 'one', 'c'), node('Relu', 'image', 'y')),
    { features: 'c' },
  ],
  [
    'the graph has 2 outputs (a, y): say which tensor has the features',
    { ...of(node('Relu', 'image', 'a'), node('Relu', 'a', 'y')), outputs: ['a', 'y'] },
  ],
  [
    'there is no tensor pooled2 to take as the feature vector; names like it: pooled, normal, activated',
    of(node('Relu', 'image', 'activated'), node('Relu', 'activated', 'pooled'), node('Relu', 'pooled', 'normal')),
    { features: 'pooled2' },
  ],
  [
    'has 4097 operators, expected 1 to 4096',
    of(...Array.from({ length: 4097 }, (_, i) => node('GlobalAveragePool', i ? `v${i}` : 'image', `v${i + 1}`))),
  ],
  ['nothing is computed between the image and y: the network has no operators', of(node('Flatten', 'image', 'y'))],
  // Tensors
  [
    'tensor w: its data is in another file (external data); export the model as a single file',
    { ...of(node('Conv', 'image w', 'y')), tensors: { w: { dims: [4, 3, 3, 3], external: true } } },
  ],
  [
    'tensor w: it has 3 elements of type float, its dimensions 4x3x3x3 take 108',
    { ...of(node('Conv', 'image w', 'y')), tensors: { w: { dims: [4, 3, 3, 3], floats: [1, 2, 3] } } },
  ],
  [
    'tensor w: element type 8 is not supported; supported are float, uint8, int8, int32, int64, bool, float16, double',
    { ...of(node('Conv', 'image w', 'y')), tensors: { w: { dims: [4, 3, 3, 3], type: 8 } } },
  ],
];

describe('what is refused, and how', () => {
  it.each(REFUSED.map(([message, graph, options]) => ({ message, graph, options })))('$message', (refused) => {
    const found = refusal(onnx(refused.graph), refused.options);
    if (typeof refused.message === 'string') expect(found).toBe(refused.message);
    else expect(found).toMatch(refused.message);
  });

  it('names a node without a name by its output', () => {
    expect(refusal(onnx(of({ ...node('Elu', 'image', 'out.7'), name: '' })))).toMatch(
      /^out\.7 \(Elu\): operator is not/,
    );
  });

  it('keeps to one line whatever the names are', () => {
    const message = refusal(onnx(of({ ...node('Elu', 'image', 'y'), name: `a\nb\u2028${'x'.repeat(1000)}` })));
    expect(message).toMatch(/^a b x+\.\.\. \(Elu\): operator is not supported/);
    expect(message.length).toBeLessThan(500);
  });
});

describe('what is no ONNX file', () => {
  const text = (value: string) => new TextEncoder().encode(value);

  it.each([
    ['empty', new Uint8Array(), /: it is empty$/],
    ['text', text('<!DOCTYPE html><html></html>'), /^not an ONNX file, or a damaged one: /],
    ['zeros', new Uint8Array(1000), /^not an ONNX file, or a damaged one: the model has no valid field at byte 1$/],
    ['a zip archive', text('PK\u0003\u0004 archive/data.pkl'), /^not an ONNX file, or a damaged one: /],
    [
      'a length far past the end',
      new Uint8Array([0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
      /passes the end at byte 7$/,
    ],
    [
      'a field that passes its message',
      new Uint8Array([0x08, 0x07, 0x3a, 0x01, 0x18, 0x00]),
      /: the graph ends at byte 5, in the middle of a field$/,
    ],
    ['a model without a graph', new Uint8Array([0x08, 0x07]), /: it has no graph$/],
  ])('%s', (_, bytes, message) => {
    expect(refusal(bytes)).toMatch(message);
  });
});
