// Whole TFLite models, imported, beside TFLite's own interpreter: a float16 face detector on frames of a yard, and,
// where the kit is, public classifiers (float and quantised) on its photos.
//   node tflite_compare.mjs VD_CONVERT ONNX_RAW
// covers: INF-4
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { channelsFirst, modules, openInterpreter, root, skipUnless } from './tflite_reference.mjs';

const [convert, raw] = process.argv.slice(2);
const kit = process.env.VEDETTE_KIT ?? path.join(root, '../shared/kit');
const clip = '/usr/share/doc/opencv-doc/examples/data/vtest.avi';
const faces = path.join(modules, '@mediapipe/face_detection');
const run = await openInterpreter();
skipUnless(fs.existsSync(clip), 'the footage (opencv-doc)');
skipUnless(fs.existsSync(faces), 'the face detector (tests/package.json)');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-tflite-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
fs.writeFileSync(path.join(folder, 'any.yaml'), 'name: any\n');

/** Pixels [h,w,3] of some frames of a clip, or of a picture. */
function pictures(file, side, count) {
  const bytes = execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-vf', `select=not(mod(n\\,150)),scale=${side}:${side}`,
    '-vsync', '0', '-frames:v', String(count), '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'], { maxBuffer: 1 << 26 });
  const each = side * side * 3;
  return Array.from({ length: bytes.length / each }, (_, i) => bytes.subarray(i * each, (i + 1) * each));
}

// `steps` is how far a quantised output may be off: each layer rounds, and ties fall either way.
const models = [
  { file: path.join(faces, 'face_detection_short_range.tflite'), side: 128, mean: 127.5, scale: 1 / 127.5, near: 2e-4 },
  { file: path.join(faces, 'face_detection_full_range.tflite'), side: 192, mean: 127.5, scale: 1 / 127.5, near: 2e-4 },
  { kit: 'vww/vww_96_float.tflite', side: 96, mean: 0, scale: 1 / 255, near: 1e-4 },
  { kit: 'resnet8/pretrainedResnet.tflite', side: 32, mean: 0, scale: 1, near: 1e-4 },
  { kit: 'resnet8/pretrainedResnet_quant.tflite', side: 32, mean: 0, scale: 1, out: [1 / 256, -128], steps: 2 },
  { kit: 'mobilenet/mobilenet_v2_1.0_224_quant.tflite', side: 224, mean: 128, scale: 1 / 128, out: [1 / 256, 0], steps: 2 },
];

/** The largest distance of an output's numbers, relative to their range or in steps; and whether the best is the same. */
function distance(model, theirs, numbers) {
  const [step, zero] = model.out ?? [0, 0];
  const real = step ? theirs.values.map((v) => (v - zero) * step) : theirs.values;
  if (!real.length || real.length !== numbers.length) return { far: Infinity };
  const range = step || Math.max(1, ...real.map(Math.abs));
  const best = (list) => list.indexOf(Math.max(...list));
  return { far: Math.max(...real.map((v, i) => Math.abs(v - numbers[i]) / range)), same: numbers[best(real)] >= Math.max(...numbers) - 3 * step };
}

let failed = 0, compared = 0;
for (const model of models) {
  const file = model.file ?? path.join(kit, 'models', model.kit);
  if (!fs.existsSync(file)) continue; // only the kit's may be missing
  execFileSync(convert, [file, folder, 'model', path.join(folder, 'any.yaml')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const bytes = fs.readFileSync(file);
  const photos = path.join(kit, 'data/photos');
  const shown = model.kit ? fs.readdirSync(photos).filter((name) => /\.(jpe?g|bmp|png)$/.test(name)).slice(0, 2)
    .flatMap((name) => pictures(path.join(photos, name), model.side, 1)) : pictures(clip, model.side, 2);
  const result = { far: 0, same: true };
  for (const pixels of shown) {
    const input = Float32Array.from(pixels, (v) => (v - model.mean) * model.scale);
    const theirs = run(bytes, (type) => (type === 'float32' ? input : type === 'int8' ? Int8Array.from(pixels, (v) => v - 128) : pixels));
    const out = execFileSync(raw, [path.join(folder, 'model.onnx')], { input: channelsFirst(input), maxBuffer: 1 << 26 });
    out.toString().trim().split('\n').forEach((line, i) => {
      const { far, same } = distance(model, theirs[i], JSON.parse(line));
      result.far = Math.max(result.far, far);
      result.same &&= same;
      compared++;
    });
  }
  const good = shown.length >= 2 && result.far <= (model.steps ?? model.near) && result.same;
  failed += !good;
  console.log(`${path.basename(file)}: ${shown.length} pictures, within ${result.far.toPrecision(3)}`
    + `${model.steps ? ' steps' : ''}, best ${result.same ? 'the same' : 'differs'}${good ? '' : ': TOO FAR'}`);
}
if (compared < 8) {
  console.error('too little was compared');
  process.exit(1);
}
process.exit(failed ? 1 : 0);
