/** The samples of a network, as Node's side has made them: `{ image, label }` each. */
export async function fetchSamples(name) {
  const [{ width, height, labels }, pixels] = await Promise.all([
    fetch(`/samples/${name}.json`).then((answer) => answer.json()),
    fetch(`/samples/${name}.bin`).then((answer) => answer.arrayBuffer()),
  ]);
  const bytes = width * height * 3;
  return labels.map((label, i) => ({
    image: { data: new Uint8Array(pixels, i * bytes, bytes), width, height },
    label,
  }));
}
