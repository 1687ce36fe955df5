import { OnnxError, shown } from './error.js';
import { damaged, Reader } from './reader.js';

/** The parts of an ONNX file that an import reads; field numbers are those of onnx.proto. */
export interface ModelProto {
  graph: GraphProto;
  /** Versions of the operator sets by domain; the domain of the standard operators is empty. */
  opsets: Map<string, number>;
}

export interface GraphProto {
  name: string;
  nodes: NodeProto[];
  initializers: TensorProto[];
  inputs: ValueInfoProto[];
  outputs: ValueInfoProto[];
  sparseInitializers: number;
}

export interface NodeProto {
  name: string;
  op: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, AttributeProto>;
}

export interface AttributeProto {
  name: string;
  float?: number;
  int?: number;
  string?: string;
  tensor?: TensorProto;
  floats: number[];
  ints: number[];
  /** The field `type`: 1 float, 2 int, 3 string, 4 tensor, 6 floats, 7 ints. */
  type: number;
}

export interface TensorProto {
  name: string;
  dims: number[];
  type: number;
  raw?: Uint8Array;
  floats: number[];
  doubles: number[];
  /** `int32_data`: also of the types with 8 and 16 bits, half floats included. */
  ints: number[];
  longs: number[];
  external: boolean;
}

export interface ValueInfoProto {
  name: string;
  /** Element type of the tensor, 0 if the file does not say. */
  type: number;
  /** One entry a dimension, null for a free one; undefined if the file has no shape. */
  dims?: (number | null)[];
}

/** Reads an ONNX file. Whatever is wrong with its bytes becomes one OnnxError. */
export function readOnnx(bytes: Uint8Array): ModelProto {
  if (bytes.length === 0) damaged('it is empty');
  try {
    return readModelProto(new Reader(bytes));
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    return damaged(error instanceof Error ? error.message : String(error));
  }
}

function readModelProto(r: Reader): ModelProto {
  let irVersion = 0;
  let graph: GraphProto | undefined;
  const opsets = new Map<string, number>();
  r.fields('the model', (field) => {
    if (field === 1) irVersion = r.int('IR version');
    else if (field === 7) {
      if (graph) damaged('it has two graphs');
      graph = r.message('the graph', readGraph);
    } else if (field === 8) {
      const { domain, version } = r.message('an operator set', readOpset);
      opsets.set(domain === 'ai.onnx' ? '' : domain, version);
    }
  });
  if (!graph) return damaged('it has no graph');
  if (irVersion < 1) damaged('it has no IR version');
  return { graph, opsets };
}

function readOpset(r: Reader): { domain: string; version: number } {
  const opset = { domain: '', version: 0 };
  r.fields('an operator set', (field) => {
    if (field === 1) opset.domain = r.string('domain');
    else if (field === 2) opset.version = r.int('version of an operator set');
  });
  return opset;
}

function readGraph(r: Reader): GraphProto {
  const graph: GraphProto = {
    name: '',
    nodes: [],
    initializers: [],
    inputs: [],
    outputs: [],
    sparseInitializers: 0,
  };
  r.fields('the graph', (field) => {
    if (field === 1) graph.nodes.push(r.message(`node ${graph.nodes.length}`, readNode));
    else if (field === 2) graph.name = r.string('name of the graph');
    else if (field === 5) graph.initializers.push(r.message(`initializer ${graph.initializers.length}`, readTensor));
    else if (field === 11) graph.inputs.push(r.message('an input', readValueInfo));
    else if (field === 12) graph.outputs.push(r.message('an output', readValueInfo));
    else if (field === 15) graph.sparseInitializers++;
  });
  return graph;
}

function readNode(r: Reader): NodeProto {
  const node: NodeProto = { name: '', op: '', domain: '', inputs: [], outputs: [], attributes: new Map() };
  r.fields('a node', (field) => {
    if (field === 1) node.inputs.push(r.string('input of a node'));
    else if (field === 2) node.outputs.push(r.string('output of a node'));
    else if (field === 3) node.name = r.string('name of a node');
    else if (field === 4) node.op = r.string('operator of a node');
    else if (field === 7) node.domain = r.string('domain of a node');
    else if (field === 5) {
      const attribute = r.message('attribute', readAttribute);
      if (node.attributes.has(attribute.name)) damaged(`a node has attribute ${shown(attribute.name)} twice`);
      node.attributes.set(attribute.name, attribute);
    }
  });
  return node;
}

function readAttribute(r: Reader): AttributeProto {
  const attribute: AttributeProto = { name: '', floats: [], ints: [], type: 0 };
  r.fields('an attribute', (field) => {
    if (field === 1) attribute.name = r.string('name of an attribute');
    else if (field === 2) attribute.float = r.float('float of an attribute');
    else if (field === 3) attribute.int = r.int('integer of an attribute');
    else if (field === 4) attribute.string = r.string('string of an attribute');
    else if (field === 5) attribute.tensor = r.message('tensor of an attribute', readTensor);
    else if (field === 7) r.floats('floats of an attribute', attribute.floats);
    else if (field === 8) r.ints('integers of an attribute', attribute.ints);
    else if (field === 20) attribute.type = r.int('type of an attribute');
  });
  return attribute;
}

function readTensor(r: Reader): TensorProto {
  const tensor: TensorProto = {
    name: '',
    dims: [],
    type: 0,
    floats: [],
    doubles: [],
    ints: [],
    longs: [],
    external: false,
  };
  r.fields('a tensor', (field) => {
    if (field === 1) r.ints('dimensions of a tensor', tensor.dims);
    else if (field === 2) tensor.type = r.int('type of a tensor');
    else if (field === 4) r.floats('floats of a tensor', tensor.floats);
    else if (field === 5) r.ints('integers of a tensor', tensor.ints);
    else if (field === 7) r.ints('long integers of a tensor', tensor.longs);
    else if (field === 8) tensor.name = r.string('name of a tensor');
    else if (field === 9) tensor.raw = r.bytes('data of a tensor');
    else if (field === 10) r.doubles('doubles of a tensor', tensor.doubles);
    else if (field === 13) tensor.external = true;
    else if (field === 14 && r.int('data location of a tensor') !== 0) tensor.external = true;
  });
  return tensor;
}

/** ValueInfoProto { name, TypeProto { Tensor { element type, TensorShapeProto { dimensions } } } } */
function readValueInfo(r: Reader): ValueInfoProto {
  const value: ValueInfoProto = { name: '', type: 0 };
  const dimension = () => {
    let size: number | null = null;
    r.fields('a dimension', (field) => {
      if (field === 1) size = r.int('dimension of a value');
    });
    value.dims!.push(size);
  };
  const shape = () => {
    value.dims = [];
    r.fields('a shape', (field) => {
      if (field === 1) r.message('dimension of a value', dimension);
    });
  };
  const tensor = () =>
    r.fields('a tensor type', (field) => {
      if (field === 1) value.type = r.int('element type of a value');
      else if (field === 2) r.message('shape of a value', shape);
    });
  r.fields('a value', (field) => {
    if (field === 1) value.name = r.string('name of a value');
    else if (field === 2) {
      r.message('type of a value', () =>
        r.fields('a type', (kind) => {
          if (kind === 1) r.message('type of a value', tensor);
        }),
      );
    }
  });
  return value;
}
