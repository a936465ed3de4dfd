// Every operation that the TFLite reader knows, in the forms that models use, beside TFLite's own interpreter: small
// graphs of random numbers, every number of every output within rounding (floats) or one step (quantised).
//   node tflite_ops.mjs VD_CONVERT ONNX_RAW
// covers: INF-4
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Model, channelsFirst, flexMap, openInterpreter } from './tflite_reference.mjs';

const [convert, raw] = process.argv.slice(2);
const run = await openInterpreter();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-tflite-ops-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
fs.writeFileSync(path.join(folder, 'any.yaml'), 'name: ops\n');

let seed = 11;
const random = () => (seed = (seed * 1664525 + 1013904223) % 4294967296) / 4294967296 * 4 - 2;
const product = (shape) => shape.reduce((a, b) => a * b, 1);
const floats = (...shape) => Array.from({ length: product(shape) }, random);

// Options tables of the schema, by the kind's number in the union BuiltinOptions.
const conv = (padding, stride, dilation = 1, act = 0) => ({ kind: 1, options: [['i8', padding], ['i32', stride],
  ['i32', stride], ['i8', act], ['i32', dilation], ['i32', dilation]] });
const depthwise = (padding, stride, dilation = 1, act = 0, times = 1) => ({ kind: 2, options: [['i8', padding],
  ['i32', stride], ['i32', stride], ['i32', times], ['i8', act], ['i32', dilation], ['i32', dilation]] });
const pool = (padding, stride, width, height, act = 0) => ({ kind: 5, options: [['i8', padding], ['i32', stride],
  ['i32', stride], ['i32', width], ['i32', height], ['i8', act]] });
const fused = (kind, act = 0) => ({ kind, options: [['i8', act]] });
const ADD = 11, MUL = 21, SUB = 28, DIV = 29;

// A case makes one float tensor from the model's input; many go into one model.
const cases = [];
const add = (name, make) => cases.push({ name, make });
const SAME = 0, VALID = 1;
for (const [kernel, stride, padding, dilation] of [[1, 1, SAME, 1], [3, 1, SAME, 1], [3, 2, SAME, 1], [2, 2, SAME, 1],
  [5, 3, SAME, 1], [3, 2, VALID, 1], [3, 1, SAME, 2]]) {
  const form = `${kernel}x${kernel} / ${stride} ${padding ? 'VALID' : 'SAME'} dilation ${dilation}`;
  add(`CONV_2D ${form}`, (m) => m.op(3, [m.input, m.floats([5, kernel, kernel, 3], floats(5, kernel, kernel, 3)),
    m.floats([5], floats(5))], conv(padding, stride, dilation)));
  add(`DEPTHWISE_CONV_2D ${form}`, (m) => m.op(4, [m.input, m.floats([1, kernel, kernel, 6], floats(6, kernel, kernel)),
    m.floats([6], floats(6))], { version: 2, ...depthwise(padding, stride, dilation, 0, 2) }));
}
for (const act of [1, 2, 3])
  add(`CONV_2D with fused activation ${act}`, (m) => m.op(3, [m.input, m.floats([4, 3, 3, 3], floats(4, 3, 3, 3)),
    m.floats([4], floats(4))], conv(SAME, 2, 1, act)));
for (const code of [1, 17]) {
  for (const [size, stride, padding] of [[3, 1, SAME], [2, 2, VALID], [3, 2, SAME]])
    add(`${code === 1 ? 'AVERAGE' : 'MAX'}_POOL_2D ${size} / ${stride} ${padding}`, (m) =>
      m.op(code, [m.input], pool(padding, stride, size, size)));
}
add('TRANSPOSE_CONV SAME', (m) => m.op(67, [m.ints(1, 12, 16, 4), m.floats([4, 3, 3, 3], floats(4, 3, 3, 3)), m.input],
  { kind: 49, options: [['i8', SAME], ['i32', 2], ['i32', 2]] }));
add('TRANSPOSE_CONV VALID', (m) => m.op(67, [m.ints(1, 13, 17, 4), m.floats([4, 3, 3, 3], floats(4, 3, 3, 3)), m.input],
  { kind: 49, options: [['i8', VALID], ['i32', 2], ['i32', 2]] }));
for (const [align, half] of [[0, 0], [1, 0], [0, 1]]) {
  for (const size of [[12, 16], [9, 5], [3, 4]]) {
    add(`RESIZE_BILINEAR ${size} align ${align} half ${half}`, (m) => m.op(23, [m.input, m.ints(...size)],
      { kind: 15, version: 3, options: [undefined, undefined, ['i8', align], ['i8', half]] }));
    add(`RESIZE_NEAREST_NEIGHBOR ${size} align ${align} half ${half}`, (m) => m.op(97, [m.input, m.ints(...size)],
      { kind: 74, version: 3, options: [['i8', align], ['i8', half]] }));
  }
}
for (const [name, code, options] of [['RELU', 19], ['RELU6', 21], ['RELU_N1_TO_1', 20], ['LOGISTIC', 14], ['TANH', 28],
  ['ELU', 111], ['ABS', 101, { kind: 78, options: [] }], ['NEG', 59, { kind: 42, options: [] }], ['EXP', 47, { kind: 33, options: [] }],
  ['FLOOR', 8], ['CEIL', 104], ['ROUND', 116], ['HARD_SWISH', 117, { kind: 91, options: [] }],
  ['SQUARE', 92, { kind: 66, options: [] }],
  ['LEAKY_RELU', 98, { kind: 75, options: [['f32', 0.1]] }], ['SOFTMAX', 25, { kind: 9, options: [['f32', 1]] }],
  ['L2_NORMALIZATION', 11, fused(12)], ['SPACE_TO_DEPTH', 26, { kind: 19, options: [['i32', 2]] }]])
  add(name, (m) => m.op(code, [m.input], options));
for (const [name, code] of [['SQRT', 75], ['RSQRT', 76], ['LOG', 73]])
  add(name, (m) => m.op(code, [m.op(0, [m.op(19, [m.input]), m.floats([], [0.5])], fused(ADD))]));
add('PRELU', (m) => m.op(54, [m.input, m.floats([1, 1, 3], floats(3))]));
for (const [name, code, kind] of [['ADD', 0, ADD], ['MUL', 18, MUL], ['SUB', 41, SUB], ['DIV', 42, DIV]]) {
  for (const shape of [[], [3], [6, 8, 3], [1, 1, 1, 3]])
    add(`${name} [${shape}]`, (m) => m.op(code, [m.input, m.floats(shape, floats(...shape))], fused(kind)));
  add(`${name} with fused RELU6`, (m) => m.op(code, [m.input, m.floats([3], floats(3))], fused(kind, 3)));
}
for (const [name, code] of [['MAXIMUM', 55], ['MINIMUM', 57]])
  add(name, (m) => m.op(code, [m.input, m.floats([3], floats(3))], { kind: 39, options: [] }));
add('SQUARED_DIFFERENCE', (m) => m.op(99, [m.input, m.floats([3], floats(3))], { kind: 76, options: [] }));
add('FULLY_CONNECTED', (m) => m.op(9, [m.op(22, [m.input, m.ints(1, 144)], { kind: 17, options: [] }),
  m.floats([7, 144], floats(7, 144)), m.floats([7], floats(7))], { kind: 8, options: [['i8', 1], ['i8', 0], ['i8', 0]] }));
add('FULLY_CONNECTED keeps dimensions', (m) => m.op(9, [m.input, m.floats([5, 3], floats(5, 3)), -1],
  { kind: 8, version: 6, options: [['i8', 0], ['i8', 0], ['i8', 1]] }));
for (const [axes, keep] of [[[1, 2], 1], [[1, 2], 0], [[3], 1], [[-1, 1], 0]]) {
  for (const [name, code] of [['MEAN', 40], ['SUM', 74], ['REDUCE_MAX', 82], ['REDUCE_MIN', 89]])
    add(`${name} ${axes} keep ${keep}`, (m) => m.op(code, [m.input, m.ints(...axes)], { kind: 27, options: [['i8', keep]] }));
}
for (const axis of [1, 2, 3, -1])
  add(`CONCATENATION along ${axis}`, (m) => m.op(2, [m.op(19, [m.input]), m.input, m.op(28, [m.input])],
    { kind: 10, options: [['i32', axis], ['i8', 0]] }));
add('RESHAPE, SQUEEZE, EXPAND_DIMS', (m) => m.op(70, [m.op(43, [m.op(22, [m.op(19, [m.input]), m.ints(1, 48, -1)],
  { kind: 17, options: [] })], { kind: 30, options: [['i32s', [0]]] }), m.ints(-1)], { kind: 52, options: [] }));
for (const order of [[0, 3, 1, 2], [0, 2, 1, 3], [3, 1, 0, 2]])
  add(`TRANSPOSE ${order}`, (m) => m.op(39, [m.op(19, [m.input]), m.ints(...order)], { kind: 26, options: [] }));
add('TRANSPOSE there and back', (m) => m.op(19, [m.op(39, [m.op(39, [m.op(28, [m.input]), m.ints(0, 3, 1, 2)],
  { kind: 26, options: [] }), m.ints(0, 2, 3, 1)], { kind: 26, options: [] })]));
const border = (m) => m.tensor([4, 2], 'i32', { data: [0, 0, 1, 2, 0, 3, 0, 0] });
add('PAD', (m) => m.op(34, [m.input, border(m)], { kind: 22, options: [] }));
add('PADV2', (m) => m.op(60, [m.input, border(m), m.floats([], [-7.5])], { kind: 43, options: [] }));
add('MIRROR_PAD', (m) => m.op(100, [m.input, border(m)], { kind: 77, options: [['i8', 0]] }));
for (const [begin, end, step, masks] of [[[0, 1, 0, 1], [1, 5, 8, 3], [1, 2, 2, 1], {}],
  [[0, 0, -3, 0], [0, 3, -1, 0], [1, 2, 1, 1], { begin: 1, end: 9 }], [[0, 2, 1, 0], [0, 0, 4, 3], [1, 1, 1, 1], { shrink: 3 }]])
  add(`STRIDED_SLICE [${begin}] [${end}] [${step}]`, (m) => m.op(45, [m.input, m.ints(...begin), m.ints(...end), m.ints(...step)],
    { kind: 32, options: [['i32', masks.begin ?? 0], ['i32', masks.end ?? 0], ['i32', 0], ['i32', 0], ['i32', masks.shrink ?? 0]] }));
add('SLICE', (m) => m.op(65, [m.input, m.ints(0, 1, 2, 1), m.ints(1, 3, -1, 2)], { kind: 48, options: [] }));
add('SPLIT', (m) => m.op(0, m.op(49, [m.ints(2), m.op(19, [m.input])], { kind: 35, outs: 2, shape: [1, 6, 4, 3], options: [['i32', 2]] }),
  fused(ADD)));
add('SPLIT_V', (m) => m.op(102, [m.input, m.ints(2, 4), m.ints(1)], { kind: 79, outs: 2, shape: [[1, 2, 8, 3], [1, 4, 8, 3]],
  options: [['i32', 2]] })[1]);
add('PACK', (m) => m.op(83, [m.op(19, [m.input]), m.input], { kind: 59, options: [['i32', 2], ['i32', 1]] }));
add('UNPACK', (m) => m.op(88, [m.input], { kind: 64, outs: 3, shape: [1, 6, 8], options: [['i32', 3], ['i32', 3]] })[1]);
add('GATHER', (m) => m.op(36, [m.input, m.ints(5, 0, 2)], { kind: 23, options: [['i32', 1]] }));
add('DEPTH_TO_SPACE', (m) => m.op(5, [m.op(3, [m.input, m.floats([8, 1, 1, 3], floats(8, 3)), m.floats([8], floats(8))],
  conv(SAME, 1))], { kind: 94, version: 1, options: [['i32', 2]] }));
add('TOPK_V2', (m) => m.op(48, [m.input, m.tensor([], 'i32', { data: [2] })], { kind: 34, options: [], outs: 2 })[0]);
add('ARG_MAX, CAST', (m) => m.op(53, [m.op(56, [m.input, m.ints(3)], { kind: 40, options: [['i8', 2]], type: 'i32' })],
  { kind: 37, options: [['i8', 2], ['i8', 0]] }));
add('DEQUANTIZE of float16', (m) => {
  const half = m.tensor([3], 'f16', { data: [0x3c00, 0xc100, 0x03ff] });
  return m.op(18, [m.input, m.op(6, [half], { kind: 38, version: 3, options: [], shape: [3] })], fused(MUL));
});
add('a quantised weight for float pictures', (m) => {
  const bytes = m.tensor([3], 'i8', { data: [-128, 5, 127], quant: { scale: 0.02, zero: 3 } });
  return m.op(18, [m.input, m.op(6, [bytes], { kind: 38, version: 2, options: [], shape: [3] })], fused(MUL));
});

// Quantised networks: one model each, the input's steps those of pictures.
const nets = [];
const small = (type) => (type === 'i8' ? { scale: 1 / 128, zero: 0 } : { scale: 1 / 128, zero: 128 });
const bytes = (type, count) => Array.from({ length: count }, () => Math.floor((random() + 2) / 4 * 255) - (type === 'i8' ? 127 : 0));
const weights = (m, type, shape, axis) => m.tensor(shape, type, { data: bytes(type, product(shape)), quant: type === 'i8'
  ? { scale: Array.from({ length: shape[axis] }, (_, i) => 0.004 + 0.001 * i), zero: Array(shape[axis]).fill(0), axis }
  : { scale: 0.006, zero: 121 } });
function bias(m, type, count, scale) {
  const scales = type === 'i8' ? Array.from({ length: count }, (_, i) => scale * (0.004 + 0.001 * i)) : [scale * 0.006];
  return m.tensor([count], 'i32', { data: Array.from({ length: count }, () => Math.round(random() * 2000)),
    quant: { scale: scales, zero: scales.map(() => 0) } });
}
for (const type of ['u8', 'i8']) {
  const zero = type === 'i8' ? -128 : 0, version = type === 'i8' ? 3 : 1;
  const wide = { type, quant: { scale: 0.05, zero: zero + 120 } }, six = { type, quant: { scale: 6 / 255, zero } };
  nets.push({ name: `quantised ${type}: conv, depthwise, sum, head`, type, make: (m) => {
    const a = m.op(3, [m.input, weights(m, type, [8, 3, 3, 3], 0), bias(m, type, 8, 1 / 128)], { version, ...six, ...conv(SAME, 2, 1, 3) });
    const b = m.op(4, [a, weights(m, type, [1, 3, 3, 8], 3), bias(m, type, 8, 6 / 255)], { version, ...six, ...depthwise(SAME, 1, 1, 3) });
    const c = m.op(3, [b, weights(m, type, [8, 1, 1, 8], 0), bias(m, type, 8, 6 / 255)], { version, ...wide, ...conv(SAME, 1) });
    const d = m.op(0, [a, c], { version: version > 1 ? 2 : 1, ...wide, ...fused(ADD) });
    const e = m.op(1, [d], { version: version > 1 ? 2 : 1, ...wide, ...pool(VALID, 1, 4, 3) });
    const flat = m.op(22, [e, m.ints(1, 8)], { kind: 17, options: [], ...wide });
    const head = m.tensor([5, 8], type, { data: bytes(type, 40), quant: { scale: 0.006, zero: type === 'i8' ? 0 : 121 } });
    const lift = m.tensor([5], 'i32', { data: [100, -200, 300, 0, 50], quant: { scale: 0.05 * 0.006, zero: 0 } });
    const f = m.op(9, [flat, head, lift], { version: version > 1 ? 4 : 1, ...wide, kind: 8, options: [['i8', 0], ['i8', 0], ['i8', 0]] });
    return [d, f];
  } });
  nets.push({ name: `quantised ${type}: resize, join, scores`, type, make: (m) => {
    const a = m.op(3, [m.input, weights(m, type, [4, 3, 3, 3], 0), bias(m, type, 4, 1 / 128)], { version, ...wide, ...conv(SAME, 2) });
    const up = m.op(97, [a, m.ints(6, 8)], { version: 2, ...wide, kind: 74, options: [['i8', 0], ['i8', 0]] });
    const b = m.op(3, [m.input, weights(m, type, [4, 1, 1, 3], 0), bias(m, type, 4, 1 / 128)], { version, ...wide, ...conv(SAME, 1) });
    const both = m.op(2, [up, b], { version: 2, ...wide, kind: 10, options: [['i32', 3], ['i8', 0]] });
    const most = m.op(17, [both], { version: 2, ...wide, ...pool(SAME, 2, 3, 3) });
    const score = m.op(14, [most], { version: version > 1 ? 2 : 1, type, quant: { scale: 1 / 256, zero } });
    const real = m.op(6, [score], { version: 2, kind: 38, options: [] });
    return [both, real];
  } });
}
nets.push({ name: 'floats quantised inside', type: 'f32', make: (m) => {
  const steps = { type: 'i8', quant: { scale: 0.02, zero: -3 } };
  const q = m.op(114, [m.input], { kind: 89, options: [], ...steps });
  const c = m.op(3, [q, weights(m, 'i8', [4, 3, 3, 3], 0), bias(m, 'i8', 4, 0.02)], { version: 3, type: 'i8',
    quant: { scale: 0.06, zero: 10 }, ...conv(SAME, 1, 1, 1) });
  return [m.op(6, [c], { version: 2, kind: 38, options: [] })];
} });

// The end of an SSD: boxes and scores from small convolutions, so that many overlap.
for (const [name, more] of [['fast', { max_classes_per_detection: 1, use_regular_nms: false }],
  ['fast, two classes a box', { max_classes_per_detection: 2, use_regular_nms: false }],
  ['regular', { max_classes_per_detection: 1, use_regular_nms: true, detections_per_class: 4 }],
  ['nothing found', { max_classes_per_detection: 1, use_regular_nms: false, nms_score_threshold: 0.9999 }],
  ['regular, nothing found', { max_classes_per_detection: 1, use_regular_nms: true, detections_per_class: 4, nms_score_threshold: 0.9999 }]])
  nets.push({ name: `TFLite_Detection_PostProcess ${name}`, type: 'f32', make: (m) => {
    const boxes = m.op(22, [m.op(3, [m.input, m.floats([8, 3, 3, 3], floats(8, 3, 3, 3).map((v) => v / 3)), m.floats([8], floats(8))],
      conv(SAME, 1)), m.ints(1, 96, 4)], { kind: 17, options: [] });
    const scores = m.op(14, [m.op(22, [m.op(3, [m.input, m.floats([8, 1, 1, 3], floats(8, 3)), m.floats([8], floats(8))],
      conv(SAME, 1)), m.ints(1, 96, 4)], { kind: 17, options: [] })]);
    const anchors = Array.from({ length: 96 }, (_, i) => [(Math.floor(i / 16) + 0.5) / 6, (Math.floor(i / 2) % 8 + 0.5) / 8, 0.4, 0.3 + 0.1 * (i % 2)]);
    return m.op(32, [boxes, scores, m.floats([96, 4], anchors.flat())], { custom: 'TFLite_Detection_PostProcess', outs: 4,
      name: 'found', flex: flexMap({ max_detections: 10, num_classes: 3, nms_score_threshold: 0.3, nms_iou_threshold: 0.5,
        y_scale: 10.5, x_scale: 10.5, h_scale: 5.5, w_scale: 5.5, ...more }) });
  } });

function ours(file, input) {
  fs.writeFileSync(path.join(folder, 'ops.tflite'), file);
  execFileSync(convert, [path.join(folder, 'ops.tflite'), folder, 'ops', path.join(folder, 'any.yaml')], { stdio: 'pipe' });
  const out = execFileSync(raw, [path.join(folder, 'ops.onnx')], { input: channelsFirst(input), stdio: 'pipe' });
  return out.toString().trim().split('\n').map((line) => JSON.parse(line));
}

let failed = 0, compared = 0;
function judge(name, theirs, numbers, step, zero) {
  compared++;
  const real = step ? theirs.values.map((v) => (v - zero) * step) : theirs.values;
  const worst = real.length && real.length === numbers?.length
    ? Math.max(...real.map((value, i) => Math.abs(value - numbers[i]) / (step ? step : Math.max(1, Math.abs(value))))) : Infinity;
  if (worst <= (step ? 1.001 : 1e-4)) return;
  failed++;
  console.error(`${name}: differs by ${worst}${step ? ' steps' : ''} (${real.slice(0, 4)} / ${numbers?.slice(0, 4)})`);
}
function compare(names, model, made, input, stored) {
  try {
    const file = model.bytes(made);
    const theirs = run(file, () => stored), mine = ours(file, input);
    made.forEach((tensor, i) => {
      const quant = model.tensors[tensor][4]?.[1], bytesOut = ['uint8', 'int8'].includes(theirs[i].type);
      judge(names[i], theirs[i], mine[i], bytesOut ? quant[2][1][0] : 0, bytesOut ? quant[3][1][0] : 0);
    });
  } catch (error) {
    failed += names.length;
    compared += names.length;
    console.error(`${names.join(' | ')}: ${(error.stderr?.toString() || error.message).trim().slice(0, 600)}`);
  }
}
const picture = floats(6, 8, 3);
for (let at = 0; at < cases.length; at += 28) {
  const some = cases.slice(at, at + 28), model = new Model();
  compare(some.map(({ name }) => name), model, some.map(({ make }) => make(model)), picture, picture);
}
for (const { name, type, make } of nets) {
  const steps = small(type), model = new Model([1, 6, 8, 3], type, type === 'f32' ? undefined : steps);
  const stored = picture.map((v) => Math.max(-128, Math.min(127, Math.round(v * 64))) + steps.zero);
  const made = make(model);
  compare(made.map((_, i) => `${name} [${i}]`), model, made,
    type === 'f32' ? picture : stored.map((v) => (v - steps.zero) * steps.scale), type === 'f32' ? picture : stored);
}
console.log(`${compared - failed} of ${compared} results agree with TFLite's interpreter`);
process.exit(failed ? 1 : 0);
