// The trainer's worker on a real hub: a run that a person asks for becomes a model, a lost worker's run is taken over
// from its checkpoint and gives the model that it would have given, a cancelled one ends at once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BUILD, House, sha256, until } from './house.mjs';
import { readMetrics } from './prometheus.mjs';

const TRAINER = path.join(BUILD, 'lab/training/worker/vedette-trainer');
const TINY = path.join(BUILD, 'lab/training/worker/vd-tiny');
const skip = fs.existsSync(TRAINER) ? false : 'vedette-trainer is not built (libtorch is missing)';
const CONFIG = { epochs: 6, batch: 4, freeze: 0, learning_rate: 0.01, patience: 0, threads: 1, checkpoint_s: 1 };
let house, dataset, model;

before(async () => {
  if (skip) return;
  house = await House.build({ mailbox: false });
  await house.startHub();
  await house.signIn();
  fs.writeFileSync(house.at('token'), house.token, { mode: 0o600 });
  execFileSync(TINY, [house.at('tiny')]);
  dataset = await makeDataset();
  model = await registerModel();
});
after(() => house?.stop());

async function must(...args) {
  const answer = await house.request(...args);
  assert.ok(answer.status < 300, `${args[0]} ${args[1]}: ${answer.status} ${answer.bytes.subarray(0, 300)}`);
  return answer.json;
}

// The tiny pictures, an hour apart, so that each is a group of its own.
async function makeDataset() {
  const { pictures } = JSON.parse(fs.readFileSync(house.at('tiny/manifest.json')));
  await must('POST', '/api/v1/pool/classes', { body: { name: 'square' } });
  for (const [n, item] of pictures.entries()) {
    const time = new Date(Date.UTC(2026, 0, 1, n)).toISOString();
    const bytes = fs.readFileSync(house.at('tiny/pictures', item.picture));
    const put = await must('POST', `/api/v1/pool?device=yard&camera=gate&captured_at=${time}`, { bytes, headers: { 'content-type': 'image/jpeg' } });
    const [l, t, w, h] = item.boxes[0].box;
    await must('PUT', `/api/v1/pool/${put.picture}/label`, { body: { version: put.version, verdict: 'objects', boxes: [{ class: 'square', box: { l, t, w, h } }] } });
  }
  return (await must('POST', '/api/v1/datasets', { body: { name: 'squares' } })).dataset.digest;
}

async function registerModel() {
  const bytes = fs.readFileSync(house.at('tiny/tiny.onnx'));
  const weights = sha256(bytes);
  await must('POST', `/v2/models/tiny/blobs/uploads/?digest=sha256:${weights}`, { bytes, headers: { 'content-type': 'application/octet-stream' } });
  await must('POST', '/api/v1/models', { body: { name: 'tiny', weights, descriptor: String(fs.readFileSync(house.at('tiny/tiny.model.yaml'))) } });
  return weights;
}

const start = (kind, config) => must('POST', '/api/v1/runs', { body: { kind, config: { dataset, model, ...config } } });
const end = (id) => until(`run ${id} to end`, async () => {
  const run = await show(id);
  return ['done', 'failed'].includes(run.state) && run;
}, 60);
const show = (run) => house.get(`/api/v1/runs/${run}`);

function worker(name, ...more) {
  return house.program(name, TRAINER, [...more, '--hub', `https://localhost:${house.port.hub}`, '--token-file', house.at('token'), '--ca-file', house.at('hub/tls/ca.pem'), '--state-dir', house.at(name)]);
}

// What a Prometheus on the worker's machine reads.
async function figuresOf(program) {
  const [, port] = await program.says(/metrics\.ready.*"port":"?(\d+)/);
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const families = readMetrics(await answer.text());
  return (name, labels = {}) => families[name.replace(/_(count|sum)$/, '')]?.samples.find((sample) =>
    sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))?.value;
}

const digestOf = (run) => run.files.find((file) => file.name === 'model.onnx')?.digest;

// covers: CIR-4
test('a run becomes a model with its report, curves and words; another measures it', { skip }, async () => {
  const made = await start('train', CONFIG);
  const anvil = worker('anvil');
  const done = await end(made.id);
  assert.equal(done.state, 'done', JSON.stringify(done.why));
  assert.ok(done.points.some((point) => point.values.train_loss > 0) && done.points.some((point) => point.values.val_map50 >= 0));
  assert.ok(done.words.some((word) => /checked in ONNX Runtime/.test(word.text)));
  assert.ok(done.summary.pictures > 0 && done.summary.map50 !== undefined);
  assert.notEqual(digestOf(done), model);

  const measured = await start('evaluate', { model });
  const report = await end(measured.id);
  assert.equal(report.state, 'done', JSON.stringify(report.why));
  await anvil.kill('SIGTERM');
});

// covers: CIR-4
test('a killed worker is replaced, and the model is the one that it would have made', { skip }, async () => {
  const config = { ...CONFIG, epochs: 60, seed: 3 };
  const made = await start('train', config);
  const first = worker('first');
  await until('a checkpoint at the hub', async () => (await show(made.id)).files.some((file) => file.name === 'checkpoint.bin'), 60);
  await first.kill();
  await house.programs.hub.kill('SIGTERM'); // the lease ends now, instead of in a minute
  execFileSync('python3', ['-c', 'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.execute("UPDATE run SET lease_until_us = 0 WHERE id = ?", (sys.argv[2],)); d.commit()', house.at('hub/hub.db'), made.id]);
  await house.startHub();
  const second = worker('second');
  const done = await end(made.id);
  assert.equal(done.state, 'done', JSON.stringify(done.why));
  assert.equal(done.attempts, 2);
  assert.ok(done.words.some((word) => /taken up again/.test(word.text)), JSON.stringify(done.words));

  fs.writeFileSync(house.at('whole.yaml'), `train: { epochs: 60, batch: 4, freeze: 0, learning_rate: 0.01, patience: 0, threads: 1, seed: 3 }\n`);
  fs.writeFileSync(house.at('dataset.json'), await house.get(`/api/v1/worker/runs/${made.id}/inputs/dataset.json`));
  execFileSync(TRAINER, ['--local', '--config', house.at('whole.yaml'), '--dataset', house.at('dataset.json'), '--pictures', house.at('tiny/pictures'), '--model', house.at('tiny/tiny.onnx'), '--out', house.at('whole')]);
  assert.equal(sha256(fs.readFileSync(house.at('whole/model.onnx'))), digestOf(done), 'never interrupted, the same bytes');
  await second.kill('SIGTERM');
});

// covers: CIR-4, CIR-9
test('a cancelled run ends at its worker, which then takes the next and tells Prometheus of both', { skip }, async () => {
  fs.writeFileSync(house.at('third.yaml'), 'worker: { metrics: { port: 0 } }\n');
  const made = await start('train', { ...CONFIG, epochs: 1000, seed: 4 });
  const third = worker('third', '--config', house.at('third.yaml'));
  await until('progress', async () => (await show(made.id)).step > 0, 60);
  const during = await figuresOf(third);
  assert.equal(during('vedette_build_info', { program: 'trainer' }), 1);
  assert.deepEqual(['train', 'evaluate', 'quantize'].map((kind) => during('vedette_trainer_run', { kind })), [1, 0, 0]);
  assert.equal(during('vedette_trainer_runs_taken_total', { kind: 'train' }), 1);
  assert.equal(during('vedette_trainer_hub_answers'), 1);

  await must('POST', `/api/v1/runs/${made.id}/cancel`);
  await third.says(/worker\.cancelled/);
  const ended = (how, count) => until(`${count} run ${how} in the figures`, async () => {
    const figure = await figuresOf(third);
    return figure('vedette_trainer_runs_ended_total', { kind: 'train', how }) === count && figure;
  });
  const between = await ended('cancelled', 1);
  assert.equal(between('vedette_trainer_run', { kind: 'train' }), 0);

  const next = await start('train', { ...CONFIG, epochs: 1, seed: 5 });
  const done = await end(next.id);
  assert.equal(done.state, 'done', JSON.stringify(done.why));
  assert.deepEqual((await show(made.id)).files, []);
  const after = await ended('done', 1);
  const grown = (name) => after(name) - between(name);
  const manifest = JSON.parse(await house.get(`/api/v1/worker/runs/${next.id}/inputs/dataset.json`));
  const pictures = manifest.pictures.filter((item) => item.split === 'train').length;
  assert.equal(grown('vedette_trainer_epochs_total'), 1);
  assert.equal(grown('vedette_trainer_pictures_total'), pictures);
  assert.equal(grown('vedette_trainer_step_seconds_count'), Math.ceil(pictures / CONFIG.batch));
  assert.ok(grown('vedette_trainer_step_seconds_sum') > 0 && grown('vedette_trainer_checkpoints_total') >= 1);
  assert.equal(after('vedette_trainer_runs_ended_total', { kind: 'train', how: 'failed' }), 0);
  await third.kill('SIGTERM');
});

// covers: CIR-7
test('a run of int8 leaves a smaller model, its descriptor and what it cost', { skip }, async () => {
  const made = await start('quantize', { budget: 0.5, calibration: 6, threads: 1 });
  const fourth = worker('fourth');
  const done = await end(made.id);
  assert.equal(done.state, 'done', JSON.stringify(done.why));
  const told = done.words.find((word) => /^int8: /.test(word.text))?.text;
  assert.match(told ?? '', /^int8: \d+ to \d+ KiB, [\d.]+ to [\d.]+ ms, mAP50 [\d.]+ to [\d.]+; 0 of \d+ layers stay float/);

  const file = (name) => house.get(`/api/v1/worker/runs/${made.id}/files/${name}`);
  const onnx = await file('model.onnx');
  assert.equal(sha256(onnx), digestOf(done));
  assert.ok(onnx.length < fs.statSync(house.at('tiny/tiny.onnx')).size, `${onnx.length} bytes`);
  assert.ok(onnx.includes('DequantizeLinear'));
  const descriptor = String(await file('model.model.yaml'));
  assert.match(descriptor, /^file: model\.onnx$/m);
  assert.match(descriptor, /^classes:/m);
  assert.ok(done.files.some(({ name }) => name === 'report.json') && done.summary.map50 !== undefined);
  await fourth.kill('SIGTERM');
});
