// Writes a job as C: the model, the images, their labels and the options, for linking into a program (job.h).
//
// Images are kept as bytes in the model's size, a quarter of the floats that the network reads, and the program makes
// the floats of them with a table that toTensor of src/image.ts has made: so they are the same bits as in Node.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TRAINING } from '../../dist/defaults.js';
import { toBytes, toTensor } from '../../dist/image.js';
import { AUGMENTS, CRITERIA, checkOptions, METHODS } from '../../dist/options.js';
import { blobSource } from './blob.mjs';
import { hashOf, once } from './build.mjs';

const METHOD_NAMES = {
  tinytrain: 'TINYTRAIN',
  lastlayer: 'LASTLAYER',
  fulltrain: 'FULLTRAIN',
  biasonly: 'BIASONLY',
  none: 'NONE',
  deeptrain: 'DEEPTRAIN',
  thintrain: 'THINTRAIN',
};
const OPTIMIZERS = { sgd: 'TT_SGD', momentum: 'TT_MOMENTUM', adam: 'TT_ADAM', lomo: 'TT_LOMO' };

/**
 * What the images are made with: size, mean and standard deviation of a model. They are read without a look at the rest of
 * the file, as a damaged one shall reach the board, where its message comes from.
 */
function inputOf(model) {
  const view = new DataView(model.buffer, model.byteOffset, model.length);
  const nothing = { size: [1, 1, 1], mean: [0], std: [1] };
  if (model.length < 128) return nothing;
  const size = [40, 44, 48].map((at) => view.getUint32(at, true));
  if (size.some((n) => n < 1) || size[0] > 1024 || size[1] > 1024 || ![1, 3, 4].includes(size[2])) return nothing;
  const floats = (at) => [0, 1, 2, 3].map((i) => view.getFloat32(at + 4 * i, true));
  return { size, mean: floats(64), std: floats(80) };
}

/** The table of values: 256 rows of the floats that a pixel value is in each channel. */
function valuesOf({ size, mean, std }) {
  const channels = size[2];
  const data = Uint8Array.from({ length: 256 * channels }, (_, i) => Math.floor(i / channels));
  return toTensor({ data, width: 256, height: 1 }, [1, 256, channels], mean, std);
}

const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

/**
 * Sources of a job. `support` and `queries` are samples, { image, label }, as TinyTrain.adapt takes them, with pictures;
 * queries of classes that the support set does not have are refused. `options` are those of TinyTrain.adapt;
 * `arena` and `ram` are fields of struct job; `wasm` is the module's bytes, for an interpreter.
 */
export async function makeData({ model, support, queries, options, arena = 0, ram = 0, wasm = new Uint8Array() }) {
  const o = checkOptions(options);
  if (!METHOD_NAMES[o.method])
    throw new Error(
      `method ${o.method} is not one of the C host's: ${METHODS.filter((m) => METHOD_NAMES[m]).join(', ')}`,
    );
  if (!CRITERIA.includes(o.criterion) || o.selection)
    throw new Error('the C host takes a criterion by name, and no selection');
  const input = inputOf(model);
  const classes = [...new Set(support.map(({ label }) => label))];
  const labels = (samples) => {
    const list = samples.map(({ label }) => classes.indexOf(label));
    const unknown = list.indexOf(-1);
    if (unknown >= 0) throw new Error(`query ${unknown} is of class ${samples[unknown].label}, which has no sample`);
    return bytesOf(Uint16Array.from(list));
  };
  const pixels = (samples) => Buffer.concat(samples.map(({ image }) => bytesOf(toBytes(image, input.size).data)));
  const blobs = await blobSource({
    blob_model: model,
    blob_wasm: wasm,
    blob_values: bytesOf(valuesOf(input)),
    blob_support: pixels(support),
    blob_support_labels: labels(support),
    blob_queries: pixels(queries),
    blob_query_labels: labels(queries),
    blob_names: Buffer.from(classes.map((name) => `${name}\0`).join('')),
  });
  const text = source({ o, input, ways: classes.length, support, queries, names: classes, arena, ram, model, wasm });
  const folder = await once('jobs', hashOf(text), (work) => writeFileSync(join(work, 'job_data.c'), text));
  return [blobs, join(folder, 'job_data.c')];
}

/** The C source: every field of struct job. */
function source({ o, input, ways, support, queries, names, arena, ram, model, wasm }) {
  const float = (value) => `${Math.fround(value).toPrecision(9)}f`;
  const usual = TRAINING[o.method];
  const options = {
    method: `TT_${METHOD_NAMES[o.method]}`,
    criterion: `TT_CRITERION_${o.criterion.toUpperCase()}`,
    augment: `TT_AUGMENT_${AUGMENTS[AUGMENTS.indexOf(o.augment)].toUpperCase()}`,
    optimizer: OPTIMIZERS[o.optimizer ?? usual.optimizer],
    lr: float(o.lr ?? usual.lr),
    temperature: float(o.temperature),
    iterations: o.iterations,
    variants: o.variants,
    seed: `${o.seed}u`,
    memory: `${Math.min(o.memory, 0xffffffff)}u`,
    share: (o.compute.share ?? 0).toPrecision(17),
    macs: (o.compute.macs ?? 0).toPrecision(17),
    views: o.views,
  };
  const fields = Object.entries(options).map(([name, value]) => `        .${name} = ${value},\n`);
  const nameBytes = names.reduce((sum, name) => sum + Buffer.byteLength(name) + 1, 0);
  return `/* Made by bench/mcu/make-data.mjs. */
#include "job.h"

extern const uint8_t blob_model[], blob_wasm[], blob_support[], blob_queries[];
extern const uint16_t blob_support_labels[], blob_query_labels[];
extern const float blob_values[];
extern const char blob_names[];

const struct job job = {
    .options = {
${fields.join('')}    },
    .model = blob_model,
    .model_bytes = ${model.length}u,
    .wasm = blob_wasm,
    .wasm_bytes = ${wasm.length}u,
    .values = blob_values,
    .channels = ${input.size[2]}u,
    .image_bytes = ${input.size[0] * input.size[1] * input.size[2]}u,
    .support = { blob_support, blob_support_labels, ${support.length} },
    .queries = { blob_queries, blob_query_labels, ${queries.length} },
    .names = blob_names,
    .name_bytes = ${nameBytes}u,
    .ways = ${ways},
    .arena = ${arena}u,
    .ram = ${ram}u,
};
`;
}
