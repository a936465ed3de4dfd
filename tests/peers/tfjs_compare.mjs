// The converted detector beside TensorFlow.js itself, on real frames of people crossing a yard: the
// same pixels into both, boxes within one pixel and scores within 0.01 of each other.
//   node tfjs_compare.mjs VD_CONVERT VD_INFER
// Exit 77 (skipped) when the model, the footage or TensorFlow.js is not installed.
// covers: INF-2
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';

const FRAMES = 24; // every 30th picture of the clip: the yard empty, crowded, with people overlapping
const SIDE = 512;
const FLOOR = 0.06; // the agent reports from 0.05; the margin keeps both sides' lists complete
const root = process.env.VEDETTE_SOURCE_ROOT ?? path.resolve(import.meta.dirname, '../..');
const [convert, infer] = process.argv.slice(2);
const model = path.join(root, 'tools/deps/node_modules/@vladmandic/human/models/centernet.json');
const clip = '/usr/share/doc/opencv-doc/examples/data/vtest.avi';
const need = createRequire(path.join(root, 'tests/package.json'));

function skipUnless(there, what) {
  if (there) return;
  console.log(`skipped: ${what} is not installed`);
  process.exit(77);
}
skipUnless(fs.existsSync(model), 'the model');
skipUnless(fs.existsSync(clip), 'the footage (opencv-doc)');
skipUnless(fs.existsSync(path.join(root, 'tests/node_modules/@tensorflow/tfjs-converter')), 'TensorFlow.js');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-tfjs-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

function readFrames() {
  const raw = path.join(folder, 'frames.rgb');
  execFileSync('ffmpeg', ['-v', 'error', '-i', clip, '-vf', `select=not(mod(n\\,30)),scale=${SIDE}:${SIDE}`,
    '-vsync', '0', '-frames:v', String(FRAMES), '-pix_fmt', 'rgb24', '-f', 'rawvideo', raw]);
  return raw;
}

async function theirs(raw) {
  const tf = need('@tensorflow/tfjs-core');
  const wasm = need('@tensorflow/tfjs-backend-wasm');
  const { loadGraphModel } = need('@tensorflow/tfjs-converter');
  wasm.setWasmPaths(path.join(root, 'tests/node_modules/@tensorflow/tfjs-backend-wasm/dist/'));
  await tf.setBackend('wasm');
  const json = JSON.parse(fs.readFileSync(model, 'utf8'));
  const bin = fs.readFileSync(path.join(path.dirname(model), 'centernet.bin'));
  const graph = await loadGraphModel({
    load: async () => ({
      modelTopology: json.modelTopology, format: json.format, signature: json.signature,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: bin.buffer.slice(bin.byteOffset, bin.byteOffset + bin.length),
    }),
  });
  const pixels = fs.readFileSync(raw), size = SIDE * SIDE * 3, found = [];
  for (let at = 0; at < pixels.length; at += size) {
    const input = tf.tensor(Float32Array.from(pixels.subarray(at, at + size)), [1, SIDE, SIDE, 3]);
    const output = graph.execute(input, ['tower_0/detections']);
    found.push((await output.array())[0].map(([l, t, r, b, score, id]) => ({ box: [l, t, r, b], score, id })));
    tf.dispose([input, output]);
  }
  return found;
}

function ours(raw) {
  execFileSync(convert, [model, folder, 'centernet'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const yaml = path.join(folder, 'centernet.model.yaml');
  const text = fs.readFileSync(yaml, 'utf8').replace(/^nms_iou:.*$/m, 'nms_iou: 1'); // every row, as TensorFlow.js
  fs.writeFileSync(yaml, text);
  const classes = [...text.matchAll(/^ {2}- "(.*)"$/gm)].map((match) => match[1]);
  const out = execFileSync(infer, [path.join(folder, 'centernet.onnx'), String(SIDE), String(SIDE), '--rgb'],
    { input: fs.readFileSync(raw), maxBuffer: 1 << 26, stdio: ['pipe', 'pipe', 'inherit'] });
  return out.toString().trim().split('\n').map((line) => JSON.parse(line).detections.map(
    ({ class: name, score, box: [l, t, w, h] }) => ({ box: [l, t, l + w, t + h], score, id: classes.indexOf(name) })));
}

const cut = (value) => Math.min(SIDE, Math.max(0, value)); // ours end at the picture's edge
const distance = (a, b) => Math.max(...a.box.map((v, i) => Math.abs(cut(v) - cut(b.box[i]))));

/** The worst distances from each detection in `from` to its partner in `to`. */
function worst(from, to, result) {
  for (const a of from.filter(({ score }) => score >= FLOOR)) {
    const partners = to.filter((b) => b.id === a.id && Math.abs(b.score - a.score) < 0.01);
    const pixels = Math.min(Infinity, ...partners.map((b) => distance(a, b)));
    const partner = partners.find((b) => distance(a, b) === pixels);
    result.count++;
    result.pixels = Math.max(result.pixels, pixels);
    result.score = Math.max(result.score, partner ? Math.abs(partner.score - a.score) : Infinity);
  }
}

const raw = readFrames();
const [a, b] = [await theirs(raw), ours(raw)];
const result = { count: 0, pixels: 0, score: 0 };
a.forEach((frame, i) => {
  worst(frame, b[i] ?? [], result);
  worst(b[i] ?? [], frame, result);
});
console.log(`${a.length} frames, ${result.count} detections from ${FLOOR}: `
  + `boxes within ${result.pixels.toFixed(4)} px, scores within ${result.score.toFixed(6)}`);
if (a.length !== FRAMES || b.length !== FRAMES || result.count < 10 * FRAMES) {
  console.error('too little was compared');
  process.exit(1);
}
process.exit(result.pixels <= 1 && result.score <= 0.01 ? 0 : 1);
