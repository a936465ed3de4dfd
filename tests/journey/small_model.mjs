// A model small enough to be written by hand: ONNX bytes and their descriptor. Its boxes stand still; their scores are
// the mean of the picture (0..255) times `gain`, plus `scores`.
const varint = (value) => {
  const bytes = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
};
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => {
  const content = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
};
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

const node = (op, inputs, output, ...attributes) =>
  message(1, ...inputs.map((name) => bytes(1, name)), bytes(2, output), bytes(3, `${op}-${output}`), bytes(4, op), ...attributes);
const attribute = (name, value) => message(5, bytes(1, name), number(3, value), number(20, 2));
const tensor = (name, dims, values) => message(5, ...dims.map((dim) => number(1, dim)), number(2, 1), bytes(8, name), bytes(9, new Uint8Array(new Float32Array(values).buffer)));
const value = (field, name, dims) =>
  message(field, bytes(1, name), message(2, message(1, number(1, 1), message(2, ...dims.map((dim) => message(1, number(1, dim)))))));

export const SIDE = 16;

// boxes: [left, top, right, bottom, class] in pixels of a SIDE x SIDE input.
export function smallModel({ name = 'small', boxes = [[2, 2, 8, 10, 0], [9, 4, 15, 12, 1]], scores = [0.9, 0.6], gain = 0, classes = ['person', 'dog'] } = {}) {
  const rows = boxes.map(([l, t, r, b, kind], n) => [l, t, r, b, scores[n], kind]).flat();
  const steps = boxes.map(() => [0, 0, 0, 0, gain, 0]).flat();
  const graph = message(7,
    node('ReduceMean', ['images'], 'mean', attribute('keepdims', 0)),
    node('Mul', ['mean', 'steps'], 'moved'),
    node('Add', ['moved', 'rows'], 'detections'),
    bytes(2, 'small'),
    tensor('rows', [1, boxes.length, 6], rows),
    tensor('steps', [1, boxes.length, 6], steps),
    value(11, 'images', [1, 3, SIDE, SIDE]),
    value(12, 'detections', [1, boxes.length, 6]));
  const onnx = Buffer.concat([number(1, 8), bytes(2, 'a test'), graph, message(8, bytes(1, ''), number(2, 13))]);
  const descriptor = `name: ${name}
file: ${name}.onnx
input: { name: images, layout: nchw, size: [${SIDE}, ${SIDE}], fit: stretch }
output: { decode: centernet, detections: detections }
classes: [${classes.join(', ')}]
score_min: 0.3
`;
  return { name, onnx, descriptor };
}
