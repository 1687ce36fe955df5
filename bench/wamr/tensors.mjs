// Writes the images of a data set as the tensors that a model reads, for tinytrain-wamr: one folder a class, one file
// of float32 (NHWC, preprocessed, little-endian) an image, in the order of the data set.
//
//   node bench/wamr/tensors.mjs --data DIR|ZIP --model FILE --out DIR [--shots N]
//
// With --shots, only the first N images of each class. The model is a .ttm file (tinytrain import makes one of ONNX).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toTensor } from '../../dist/image.js';
import { readModel } from '../../dist/model/read.js';
import { openData, readSamples } from '../../dist/node/data.js';

const { values: args } = parseArgs({
  options: {
    data: { type: 'string' },
    model: { type: 'string' },
    out: { type: 'string' },
    shots: { type: 'string', default: 'Infinity' },
  },
});
const fail = (message) => {
  console.error(`tensors: ${message}`);
  process.exit(1);
};
if (!args.data || !args.model || !args.out) fail('--data, --model and --out are needed');
const shots = Number(args.shots);
if (!(shots >= 1)) fail(`--shots must be at least 1, got '${args.shots}'`);

try {
  const model = readModel(new Uint8Array(readFileSync(args.model)));
  const data = await openData(args.data);
  let count = 0;
  for (const [index, { name, files }] of data.classes.entries()) {
    const folder = join(args.out, name);
    mkdirSync(folder, { recursive: true });
    const which = files.slice(0, shots).map((_, image) => ({ class: index, image }));
    for (const [i, { image }] of (await readSamples(data, which, model.input)).entries()) {
      const tensor = toTensor(image, model.input, model.mean, model.std);
      writeFileSync(join(folder, `${String(i).padStart(5, '0')}.f32`), tensor);
      count++;
    }
  }
  console.log(`${count} tensors of ${data.classes.length} classes in ${args.out}`);
} catch (error) {
  fail(error.message);
}
