/** Loads a model and adapts it to pictures that are the same everywhere; what came out. */
export async function job(TinyTrain, model, options) {
  const tt = await TinyTrain.load(model, options);
  const picture = (seed) => ({
    data: Uint8Array.from({ length: 24 * 20 * 3 }, (_, i) => (i * seed) % 251),
    width: 24,
    height: 20,
  });
  const support = [3, 5, 7, 11, 13, 17].map((seed, i) => ({ image: picture(seed), label: i % 2 ? 'odd' : 'even' }));
  const report = await tt.adapt(support, { memory: '64KB', compute: 0.5, iterations: 8, lr: 0.02 });
  const { label } = await tt.classify(picture(3));
  return { patch: report.patch.sha256, binary: tt.binary, label, name: tt.model.name };
}
