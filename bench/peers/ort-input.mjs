/** A picture with its channels first, as ONNX has them; of height x width x channels. */
export function turned(picture, [height, width]) {
  const pixels = height * width;
  const channels = picture.length / pixels;
  return Float32Array.from(
    { length: picture.length },
    (_, i) => picture[(i % pixels) * channels + Math.floor(i / pixels)],
  );
}
