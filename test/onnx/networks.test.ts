import { expect, it } from 'vitest';
import { layersOf, macs, parameters } from '../../src/model/model.js';
import { readModel } from '../../src/model/read.js';
import { importOnnx } from '../../src/onnx/index.js';
import { dataFile, describeWithData, goldenTensors } from '../data.js';
import { forward, fromChw } from '../reference/forward.js';

/** Figures of ../shared/models/README.md, without the classifier. */
const NETWORKS = [
  { name: 'mcunet-5fps', layers: 42, additions: 7, parameters: 469_224, macs: 22_453_504, features: 160 },
  { name: 'mbv2-w0.35', layers: 51, additions: 10, parameters: 244_448, macs: 16_646_912, features: 112 },
  { name: 'proxyless-w0.3', layers: 60, additions: 13, parameters: 326_232, macs: 18_619_904, features: 96 },
];

const total = (numbers: number[]) => numbers.reduce((sum, n) => sum + n, 0);

describeWithData('the pre-trained networks', () => {
  for (const network of NETWORKS) {
    it(`${network.name}: layers, parameters and MACs`, () => {
      const model = readModel(importOnnx(dataFile(`models/${network.name}.onnx`)));
      expect(layersOf(model)).toHaveLength(network.layers);
      expect(model.operators.filter((operator) => operator.op === 'addition')).toHaveLength(network.additions);
      expect(model.operators).toHaveLength(network.layers + network.additions + 1);
      expect(total(model.operators.map(parameters))).toBe(network.parameters);
      expect(total(model.operators.map(macs))).toBe(network.macs);
      expect(model.input).toEqual([128, 128, 3]);
      expect(model.mean).toEqual([0.5, 0.5, 0.5]);
      expect(model.operators.at(-1)).toMatchObject({ op: 'globalAveragePooling', out: [1, 1, network.features] });
      expect(model.operators[0]).toMatchObject({ name: 'first_conv', limit: 6, stride: [2, 2], padding: [1, 1, 1, 1] });
    });

    it(`${network.name}: features of the golden images`, () => {
      const model = readModel(importOnnx(dataFile(`models/${network.name}.onnx`)));
      const golden = goldenTensors(network.name);
      const input = golden.input!.values;
      const expected = golden.features!.values;
      const images = golden.input!.shape[0]!;
      for (let i = 0; i < images; i++) {
        const size = input.length / images;
        const features = forward(model, fromChw(input.subarray(i * size, (i + 1) * size), model.input));
        expect(features).toHaveLength(network.features);
        const worst = Math.max(...features.map((f, k) => Math.abs(f - expected[i * network.features + k]!)));
        expect(worst).toBeLessThan(1e-5);
      }
    });
  }

  it('gives the tensor before the classifier by its name as well', () => {
    const bytes = dataFile('models/mbv2-w0.35.onnx');
    expect(Buffer.compare(importOnnx(bytes, { features: 'features' }), importOnnx(bytes))).toBe(0);
    expect(readModel(importOnnx(bytes, { features: 'logits' })).operators.at(-1)!.op).toBe('linear');
    expect(() => importOnnx(bytes, { features: 'feature' })).toThrow(
      /^there is no tensor feature to take as the feature vector; names like it: features, /,
    );
  });
});
