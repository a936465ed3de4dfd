// Every operation that the converter knows, in the forms that models use, beside TensorFlow.js: one
// small graph each, random input, every number of the output within rounding.
//   node tfjs_ops.mjs VD_CONVERT ONNX_RAW
// covers: INF-2
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';

const root = process.env.VEDETTE_SOURCE_ROOT ?? path.resolve(import.meta.dirname, '../..');
const [convert, raw] = process.argv.slice(2);
if (!fs.existsSync(path.join(root, 'tests/node_modules/@tensorflow/tfjs-converter'))) {
  console.log('skipped: TensorFlow.js is not installed');
  process.exit(77);
}
const need = createRequire(path.join(root, 'tests/package.json'));
const tf = need('@tensorflow/tfjs-core');
const wasm = need('@tensorflow/tfjs-backend-wasm');
const { loadGraphModel } = need('@tensorflow/tfjs-converter');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-ops-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

let seed = 7;
const random = () => (seed = (seed * 1664525 + 1013904223) % 4294967296) / 4294967296 * 4 - 2;
const product = (shape) => shape.reduce((a, b) => a * b, 1);
const bytes = (word) => ({ s: Buffer.from(word).toString('base64') });
const ints = (...values) => ({ list: { i: values.map(String) } });

/** A graph in the making: `g.const` and `g.op` return the name that other nodes read. */
class Graph {
  nodes = []; weights = []; data = [];
  constructor(shape) {
    this.shape = shape;
    this.nodes.push({ name: 'in', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' },
      shape: { shape: { dim: shape.map((size) => ({ size: String(size) })) } } } });
  }
  add(dtype, shape, values) {
    const name = `const${this.weights.length}`;
    this.weights.push({ name, shape, dtype });
    this.nodes.push({ name, op: 'Const', attr: { dtype: { type: dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT' } } });
    const list = dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
    this.data.push(Buffer.from(list.buffer));
    return name;
  }
  floats(...shape) { return this.add('float32', shape, Array.from({ length: product(shape) }, random)); }
  number(value) { return this.add('float32', [], [value]); }
  ints(...values) { return this.add('int32', [values.length], values); }
  int(value) { return this.add('int32', [], [value]); }
  op(op, input, attr = {}) {
    const name = `${op}${this.nodes.length}`;
    this.nodes.push({ name, op, input, attr });
    return name;
  }
  window(op, input, { stride = 1, padding = 'SAME', dilation = 1, ...more } = {}) {
    return this.op(op, input, { strides: ints(1, stride, stride, 1), padding: bytes(padding),
      dilations: ints(1, dilation, dilation, 1), data_format: bytes('NHWC'), ...more });
  }
  toInt(value) { return this.op('Cast', [value], { SrcT: { type: 'DT_FLOAT' }, DstT: { type: 'DT_INT32' } }); }
  toFloat(value, from = 'DT_INT32') { return this.op('Cast', [value], { SrcT: { type: from }, DstT: { type: 'DT_FLOAT' } }); }
  slice(input, begin, end, step, masks = {}) {
    const attr = Object.fromEntries(['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask']
      .map((key) => [key, { i: String(masks[key] ?? 0) }]));
    return this.op('StridedSlice', [input, this.ints(...begin), this.ints(...end), this.ints(...step)], attr);
  }
}

const cases = [];
const add = (name, shape, make) => cases.push({ name, shape, make });

for (const [kernel, stride, padding, dilation] of [[1, 1, 'SAME', 1], [3, 1, 'SAME', 1], [3, 2, 'SAME', 1],
  [2, 2, 'SAME', 1], [5, 3, 'SAME', 1], [3, 2, 'VALID', 1], [3, 1, 'SAME', 2], [3, 1, 'VALID', 2]]) {
  const form = `${kernel}x${kernel} / ${stride} ${padding} dilation ${dilation}`;
  add(`Conv2D ${form}`, [1, 7, 10, 3], (g) =>
    g.window('Conv2D', ['in', g.floats(kernel, kernel, 3, 5)], { stride, padding, dilation }));
  add(`DepthwiseConv2dNative ${form}`, [1, 7, 10, 3], (g) =>
    g.window('DepthwiseConv2dNative', ['in', g.floats(kernel, kernel, 3, 2)], { stride, padding, dilation }));
}
for (const act of ['', 'Relu', 'Relu6']) {
  const fused = { fused_ops: { list: { s: ['BiasAdd', act].filter(Boolean).map((word) => bytes(word).s) } },
    num_args: { i: '1' }, epsilon: { f: 0 } };
  add(`_FusedConv2D ${act}`, [1, 8, 8, 4], (g) =>
    g.window('_FusedConv2D', ['in', g.floats(3, 3, 4, 6), g.floats(6)], { stride: 2, ...fused }));
  add(`FusedDepthwiseConv2dNative ${act}`, [1, 8, 8, 4], (g) =>
    g.window('FusedDepthwiseConv2dNative', ['in', g.floats(3, 3, 4, 1), g.floats(4)], fused));
}
for (const [kernel, stride, padding] of [[3, 1, 'SAME'], [2, 2, 'VALID'], [3, 2, 'SAME']])
  add(`MaxPool ${kernel} / ${stride} ${padding}`, [1, 9, 6, 3], (g) =>
    g.window('MaxPool', ['in'], { stride, padding, ksize: ints(1, kernel, kernel, 1) }));
for (const [align, half] of [[false, false], [true, false], [false, true]])
  for (const size of [[12, 16], [9, 5], [3, 4], [1, 1]])
    add(`ResizeBilinear ${size} align ${align} half ${half}`, [1, 6, 8, 3], (g) => g.op('ResizeBilinear',
      ['in', g.ints(...size)], { align_corners: { b: align }, half_pixel_centers: { b: half } }));
for (const [axes, keep] of [[[1, 2], true], [[1, 2], false], [[-1], true], [[3, 1], false]])
  add(`Mean ${axes} keep ${keep}`, [1, 4, 5, 6], (g) => g.op('Mean', ['in', g.ints(...axes)], { keep_dims: { b: keep } }));
for (const shape of [[], [3], [5, 3], [4, 1, 1], [1, 4, 5, 3]])
  for (const op of ['Add', 'AddV2', 'Sub', 'Mul', 'FloorDiv', 'FloorMod'])
    add(`${op} with a constant [${shape}]`, [1, 4, 5, 3], (g) => g.op(op, ['in', g.floats(...shape)]));
add('operations stay right after a convolution', [1, 6, 6, 3], (g) => {
  const a = g.window('Conv2D', ['in', g.floats(3, 3, 3, 4)]), b = g.window('Conv2D', ['in', g.floats(1, 1, 3, 4)]);
  const sum = g.op('Add', [g.op('Mul', [a, g.number(0.3)]), g.op('Sub', [b, g.floats(4)])]);
  return g.op('Mul', [g.op('Relu', [sum]), g.op('Sigmoid', [g.op('Mul', [b, g.floats(6, 4)])])]);
});
add('hard swish and squeeze-and-excite', [1, 6, 6, 3], (g) => {
  const x = g.window('Conv2D', ['in', g.floats(3, 3, 3, 16)]);
  const swish = (v) => g.op('Mul', [g.op('Mul', [g.number(1 / 6), v]), g.op('Relu6', [g.op('Add', [v, g.number(3)])])]);
  const h = swish(x), mean = g.op('Mean', [h, g.ints(1, 2)], { keep_dims: { b: true } });
  const gate = g.op('Relu6', [g.op('AddV2', [g.window('Conv2D', [mean, g.floats(1, 1, 16, 16)]), g.number(3)])]);
  const scaled = g.op('Mul', [g.op('Mul', [gate, g.number(0.16)]), h]);
  return g.op('Add', [g.window('Conv2D', [scaled, g.floats(1, 1, 16, 16)]), h]);
});
add('chains with odd channels', [1, 6, 6, 3], (g) => {
  const narrow = g.window('Conv2D', ['in', g.floats(1, 1, 3, 18)]);
  const deep = g.window('DepthwiseConv2dNative', [narrow, g.floats(5, 5, 18, 1)]);
  return g.window('Conv2D', [deep, g.floats(1, 1, 18, 8)]);
});
for (const axis of [1, 2, 3, -1]) {
  const shape = [1, 4, 4, 4];
  add(`ConcatV2 along ${axis}`, shape, (g) => g.op('ConcatV2', [g.window('MaxPool', ['in'], { ksize: ints(1, 2, 2, 1) }),
    g.op('Relu', ['in']), 'in', g.int(axis)], { N: { i: '3' } }));
}
add('Equal, Cast', [1, 4, 4, 2], (g) => g.toFloat(g.op('Equal', ['in', g.op('Relu', ['in'])]), 'DT_BOOL'));
for (const op of ['FloorDiv', 'FloorMod', 'Add', 'Sub', 'Mul'])
  add(`${op} of integers`, [1, 40], (g) => g.toFloat(g.op(op, [g.toInt(g.op('Mul', ['in', g.number(9)])), g.int(-4)])));
add('Reshape, ExpandDims, Identity', [1, 4, 6, 2], (g) =>
  g.op('Identity', [g.op('ExpandDims', [g.op('Reshape', [g.op('Relu', ['in']), g.ints(3, -1)]), g.int(-1)])]));
for (const [begin, end, step, masks] of [[[0, 1, 0, 1], [1, 3, 4, 3], [1, 1, 2, 1], {}],
  [[0, 0, -3], [0, 3, -1], [1, 2, 1], { begin_mask: 1, end_mask: 1 }],
  [[0, 2, 1], [0, 0, 4], [1, 1, 1], { shrink_axis_mask: 3 }], [[0, -1], [1, 0], [1, 1], { shrink_axis_mask: 2 }]])
  add(`StridedSlice [${begin}] [${end}] [${step}]`, [1, 4, 5, 3], (g) => g.slice('in', begin, end, step, masks));
for (const output of ['', ':1'])
  add(`TopKV2${output}`, [2, 30], (g) => {
    const top = g.op('TopKV2', ['in', g.int(7)], { sorted: { b: true } });
    return output ? g.toFloat(top + output) : g.op('Relu', [top]);
  });
for (const axis of [0, 1, -1])
  add(`GatherV2 along ${axis}`, [5, 6, 5], (g) => g.op('GatherV2', ['in', g.ints(4, 0, 2), g.int(axis)], { batch_dims: { i: '0' } }));

async function theirs(graph, input) {
  const model = await loadGraphModel({ load: async () => ({ modelTopology: { node: graph.nodes, versions: {} },
    weightSpecs: graph.weights, weightData: new Uint8Array(Buffer.concat(graph.data)).buffer }) });
  const result = model.execute(tf.tensor(input, graph.shape), [graph.output]);
  return Array.from(await result.data());
}

function ours(graph, input) {
  const json = { modelTopology: { node: graph.nodes }, signature: { outputs: { out: { name: graph.output } } },
    weightsManifest: [{ paths: ['ops.bin'], weights: graph.weights }] };
  fs.writeFileSync(path.join(folder, 'ops.json'), JSON.stringify(json));
  fs.writeFileSync(path.join(folder, 'ops.bin'), Buffer.concat(graph.data));
  fs.writeFileSync(path.join(folder, 'any.yaml'), 'name: ops\n');
  execFileSync(convert, [path.join(folder, 'ops.json'), folder, 'ops', path.join(folder, 'any.yaml')], { stdio: 'pipe' });
  const [n, h, w, c] = graph.shape;
  const values = Float32Array.from(input);
  if (graph.shape.length === 4 && c <= 4) // pictures go in with channels first
    for (let i = 0; i < n * c * h * w; i++) values[i] = input[(i % (h * w)) * c + Math.floor(i / (h * w))];
  return JSON.parse(execFileSync(raw, [path.join(folder, 'ops.onnx')], { input: Buffer.from(values.buffer), stdio: 'pipe' }));
}

wasm.setWasmPaths(path.join(root, 'tests/node_modules/@tensorflow/tfjs-backend-wasm/dist/'));
await tf.setBackend('wasm');
let failed = 0;
for (const { name, shape, make } of cases) {
  const graph = new Graph(shape);
  graph.output = make(graph);
  const input = Array.from({ length: product(shape) }, random);
  let worst = Infinity, trouble = '';
  try {
    const [a, b] = [await theirs(graph, input), ours(graph, input)];
    if (a.length && a.length === b.length)
      worst = Math.max(...a.map((value, i) => Math.abs(value - b[i]) / Math.max(1, Math.abs(value))));
  } catch (error) {
    trouble = `: ${(error.stderr?.toString() || error.message).trim()}`;
  }
  if (worst < 1e-4) continue;
  failed++;
  console.error(`${name}: differs by ${worst}${trouble}`);
}
console.log(`${cases.length - failed} of ${cases.length} operations agree with TensorFlow.js`);
process.exit(failed ? 1 : 0);
