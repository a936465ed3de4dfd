// Runs on a real hub with scripted workers: leased once, taken over when a worker is lost, cancelled, and a hub that is
// killed in between keeps every promise. The worker's program itself is tested where it lives.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { answerFaults, operations, unseen } from './contract.mjs';
import { House, sha256 } from './house.mjs';
import { grey } from './pictures.mjs';

const MODEL = sha256('a model'), DESCRIPTOR = sha256('its descriptor'); // brought along: these runs have no real worker
const called = new Map();
let house, DATASET;

before(async () => {
  house = await House.build({ mailbox: false });
  await house.startHub();
  await house.signIn();
  DATASET = await makeDataset();
});
after(() => house?.stop());

async function makeDataset() {
  const must = async (...args) => {
    const answer = await house.request(...args);
    assert.ok(answer.status < 300, `${args[0]} ${args[1]}: ${answer.bytes.subarray(0, 300)}`);
    return answer.json;
  };
  await must('POST', '/api/v1/pool/classes', { body: { name: 'person' } });
  for (let n = 0; n < 9; n++) {
    const time = new Date(Date.UTC(2026, 0, 1, n)).toISOString();
    const { picture } = await must('POST', `/api/v1/pool?device=yard&camera=gate&captured_at=${time}`, { bytes: grey(n), headers: { 'content-type': 'image/png' } });
    await must('PUT', `/api/v1/pool/${picture}/label`, { body: { version: 1, verdict: 'objects', boxes: [{ class: 'person', box: { l: 0.25, t: 0.25, w: 0.5, h: 0.5 } }] } });
  }
  return (await must('POST', '/api/v1/datasets', { body: { name: 'yard' } })).dataset.digest;
}

// Asks one operation of the contract, and fails when the answer is not what the contract says.
async function ask(id, want, { at = {}, query = '', ...rest } = {}) {
  const operation = operations.find((candidate) => candidate.id === id);
  assert.ok(operation, `${id} is in the contract`);
  const target = operation.template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(at[name])) + query;
  const answer = await house.request(operation.method, target, rest);
  assert.equal(answer.status, want, `${operation.method} ${target}: ${answer.bytes.subarray(0, 400)}`);
  assert.deepEqual(answerFaults(operation, answer), [], `${operation.method} ${target}`);
  if (!called.has(id)) called.set(id, new Set());
  called.get(id).add(want);
  return answer.json ?? answer.bytes;
}

const start = (kind, config, status = 201) => ask('startRun', status, { body: { kind, config: { dataset: DATASET, model: MODEL, descriptor: DESCRIPTOR, ...config } } });
const lease = (worker, kinds = ['train']) => ask('leaseRun', 200, { body: { worker, kinds } });
const progress = (held, members = {}, status = 200) => ask('runProgress', status, { at: { run: held.run.id }, body: { lease: held.lease, ...members } });
const put = (held, name, bytes, status = 200, headers = {}) =>
  ask('putRunFile', status, { at: { run: held.run.id, name }, bytes, headers: { 'x-vedette-lease': held.lease, 'content-type': 'application/octet-stream', ...headers } });
const finish = (held, members, status = 200) => ask('finishRun', status, { at: { run: held.run.id }, body: { lease: held.lease, ...members } });
const show = (run, status = 200) => ask('getRun', status, { at: { run } });

function report(pictures = []) {
  return Buffer.from(JSON.stringify({
    format: 'vedette.report/1', model: { name: 'm', digest: MODEL }, dataset: DATASET, split: 'test', task: 'detection', classes: ['person'],
    map: 0.5, map50: 0.8, map75: null, area: { small: null, medium: null, large: null }, per_class: [], per_camera: [], per_hour: [], curve: [],
    false_alarms: { per_picture: 0.25, at_score: 0.4 }, worst: [], calibration: { error: null, bins: [] }, latency_ms: { median: 12.5, p95: 20 },
    pictures, words: [],
  }));
}

// covers: CIR-4
test('a run is queued, leased, told of, left with its files and finished', async () => {
  const made = await start('train', { epochs: 3 });
  assert.equal(made.state, 'queued');
  assert.equal(made.config.epochs, 3);
  assert.equal(made.config.learning_rate, 0.001, 'defaults are shown');
  const conflict = await start('train', { epochs: 3 }, 409);
  assert.match(conflict.error.detail, new RegExp(made.id));

  const held = await lease('anvil');
  assert.equal(held.run.id, made.id);
  assert.equal(sha256(await ask('getRunInput', 200, { at: { run: made.id, name: 'dataset.json' } })), DATASET);
  await ask('getRunInput', 404, { at: { run: made.id, name: 'model.onnx' } });
  await ask('leaseRun', 204, { body: { worker: 'hammer', kinds: ['train', 'evaluate', 'quantize'] } });
  assert.deepEqual(await progress(held, { step: 1, steps: 3, points: [{ step: 1, train_loss: 0.5, val_map50: 0.25 }], words: ['epoch 1 of 3'] }), { go_on: true });

  const weights = randomBytes(3_000_000);
  await finish(held, { state: 'done' }, 400);
  await put(held, 'model.onnx', weights, 422, { 'x-vedette-digest': sha256('others') });
  const kept = await put(held, 'model.onnx', weights, 200, { 'x-vedette-digest': sha256(weights) });
  assert.deepEqual([kept.digest, kept.bytes], [sha256(weights), weights.length]);
  await put(held, 'model.model.yaml', 'name: m\n');
  await put(held, 'report.json', '{"format":"another"}', 400);
  await put(held, 'shadow', 'x', 400);
  await ask('getRunReport', 404, { at: { run: made.id } });
  await put(held, 'report.json', report());
  await put(held, 'checkpoint.bin', randomBytes(1000));
  const done = await finish(held, { state: 'done', words: ['done'] });

  assert.equal(done.state, 'done');
  assert.deepEqual(done.files.map((file) => file.name), ['model.model.yaml', 'model.onnx', 'report.json'], 'the checkpoint goes with the end');
  assert.deepEqual(done.summary, { map: 0.5, map50: 0.8, pictures: 0, false_alarms_per_picture: 0.25, median_ms: 12.5 });
  assert.deepEqual(done.points.map((p) => [p.step, p.values]), [[1, { train_loss: 0.5, val_map50: 0.25 }]]);
  assert.deepEqual(await ask('getRunFile', 200, { at: { run: made.id, name: 'model.onnx' } }), weights);
  assert.equal((await ask('getRunReport', 200, { at: { run: made.id } })).map50, 0.8);
  await put(held, 'model.onnx', 'too late', 409);
  assert.deepEqual(await house.get(`/api/v1/blobs/${sha256(weights)}`), weights, 'its files are there for everybody who may look');
  await ask('cancelRun', 409, { at: { run: made.id } });
  assert.equal((await ask('listRuns', 200, { query: '?state=done&limit=1' })).runs[0].id, made.id);
});

// covers: CIR-4
test('a cancelled run tells its worker to stop, and keeps nothing more', async () => {
  const made = await start('evaluate', {});
  const held = await lease('anvil', ['evaluate']);
  await put(held, 'checkpoint.bin', 'half');
  assert.equal((await ask('cancelRun', 200, { at: { run: made.id } })).state, 'cancelled');
  assert.equal((await ask('cancelRun', 200, { at: { run: made.id } })).state, 'cancelled');
  assert.deepEqual(await progress(held, { step: 7 }), { go_on: false, why: 'the run is cancelled' });
  await put(held, 'report.json', report(), 409);
  await finish(held, { state: 'done' }, 409);
  assert.deepEqual((await show(made.id)).files, []);
});

// covers: CIR-4
test('a killed hub forgets no lease, no file and no curve; a lost worker is taken over from its checkpoint', async () => {
  const made = await start('train', { seed: 7 });
  const first = await lease('anvil');
  await progress(first, { step: 10, steps: 40, points: [{ step: 10, train_loss: 0.4 }] });
  await put(first, 'checkpoint.bin', 'the weights after step 10');
  const dying = put(first, 'model.onnx', randomBytes(40_000_000)).catch(() => 'cut off');

  await house.programs.hub.kill();
  assert.equal(await dying, 'cut off');
  await house.startHub();

  const kept = await show(made.id);
  assert.deepEqual([kept.state, kept.worker, kept.step, kept.points.length], ['leased', 'anvil', 10, 1]);
  assert.deepEqual(kept.files.map((file) => file.name), ['checkpoint.bin'], 'a file that was cut off does not count');
  assert.equal((await progress(first, { step: 11 })).go_on, true, 'its worker goes on');

  // The worker is lost: its lease ends (set back in the database of a stopped hub, instead of waiting a minute).
  await house.programs.hub.kill('SIGTERM');
  execFileSync('python3', ['-c', 'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.execute("UPDATE run SET lease_until_us = 0 WHERE id = ?", (sys.argv[2],)); d.commit()', house.at('hub/hub.db'), made.id]);
  await house.startHub();
  assert.equal((await show(made.id)).state, 'queued');
  const second = await lease('hammer');
  assert.equal(second.run.id, made.id);
  assert.equal(second.run.attempts, 2);
  assert.equal(String(await ask('getRunFile', 200, { at: { run: made.id, name: 'checkpoint.bin' } })), 'the weights after step 10');
  assert.equal((await progress(first, { step: 12 })).go_on, false, 'the lost one comes back too late');
  await put(first, 'checkpoint.bin', 'stale', 409);
  await finish(second, { state: 'failed', why: { class: 'invalid', fact: 'the loss is not a number', hint: 'lower the learning rate' }, words: [] });
  const failed = await show(made.id);
  assert.deepEqual([failed.state, failed.why], ['failed', { class: 'invalid', fact: 'the loss is not a number', hint: 'lower the learning rate' }]);
});

// covers: CIR-5
test('a challenger is laid beside the champion, and the verdict says why', async () => {
  const picture = (n, hit) => ({ picture: sha256(`picture ${n}`), group: `g${n}`, camera: 'yard/gate', truths: 1, tp: hit, fp: 0, fn: 1 - hit, matches: [[0, 1, 0.9, hit]] });
  const run = async (seed, hits) => {
    await start('evaluate', { seed });
    const held = await lease('anvil', ['evaluate']);
    await put(held, 'report.json', report(hits.map((hit, n) => picture(n, hit))));
    return (await finish(held, { state: 'done' })).id;
  };
  const champion = await run(21, [1, 0, 0, 1, 0, 0, 1, 0]), challenger = await run(22, [1, 1, 1, 1, 1, 1, 1, 1]);
  const better = await ask('compareRuns', 200, { at: { run: challenger, champion } });
  assert.deepEqual([better.promote, better.outcome, better.groups], [true, 'better', 8]);
  assert.match(better.why, /^mAP50 0\.\d+ -> 1\.000, 95 % interval \+0\.\d+\.\.\+1\.000: better$/);
  const same = await ask('compareRuns', 200, { at: { run: champion, champion }, query: '?confidence=0.9' });
  assert.deepEqual([same.promote, same.outcome], [false, 'not_shown']);
  await ask('compareRuns', 400, { at: { run: challenger, champion }, query: '?confidence=2' });
  await ask('compareRuns', 404, { at: { run: challenger, champion: '01ARZ3NDEKTSV4RRFFQ69G5FAV' } });
});

// covers: CIR-3
test('every use of a split is counted once a run, also when a run is leased again', async () => {
  const { splits } = await house.get(`/api/v1/datasets/${DATASET}/report`);
  const trained = 2, measured = 3; // leased above: two trainings (one of them twice), three evaluations
  const uses = Object.fromEntries(splits.map((split) => [split.split, split.uses]));
  assert.deepEqual(uses, { train: trained, val: trained, test: trained + measured });
});

// covers: CLI-1
test('the command line starts, shows, lists and cancels runs', () => {
  fs.writeFileSync(house.at('password'), house.password);
  house.cli('login', '--hub', `https://localhost:${house.port.hub}`, '--ca', house.at('hub/tls/ca.pem'), '--user', 'admin', '--password-file', house.at('password'));
  const made = JSON.parse(house.cli('run', 'start', 'train', '--dataset', DATASET, '--model', MODEL, '--descriptor', DESCRIPTOR, '--name', 'by hand', '--set', 'epochs=7', '--set', 'learning_rate=1e-4', '--set', 'augment=false', '--json'));
  assert.deepEqual([made.name, made.config.epochs, made.config.learning_rate, made.config.augment], ['by hand', 7, 0.0001, false]);
  assert.match(house.cli('run', 'show', made.id), /state +queued/);
  assert.match(house.cli('run', 'list', '--kind', 'train', '--state', 'queued'), new RegExp(`${made.id} +train +queued +by hand`));
  assert.equal(JSON.parse(house.cli('run', 'cancel', made.id, '--json')).state, 'cancelled');
  assert.throws(() => house.cli('run', 'start', 'train', '--dataset', DATASET, '--model', MODEL, '--descriptor', DESCRIPTOR, '--set', 'epoch=7'), /did you mean 'epochs'/);
});

test('what makes no sense is refused with the reason, and nothing changes', async () => {
  const before = (await ask('listRuns', 200)).runs.length;
  const wrong = await start('train', { epoch: 3 }, 400);
  assert.deepEqual([wrong.error.fact, wrong.error.hint], ["a run of kind 'train' has no 'epoch'", "did you mean 'epochs'?"]);
  await ask('startRun', 400, { body: { kind: 'dream', config: {} } });
  await start('train', { dataset: sha256('nowhere') }, 404);
  assert.match((await start('train', { descriptor: null }, 404)).error.hint, /register it first/);
  await ask('leaseRun', 400, { body: { worker: 'anvil', kinds: [] } });
  await ask('listRuns', 400, { query: '?state=sleeping' });
  const nowhere = { run: { id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' }, lease: '01ARZ3NDEKTSV4RRFFQ69G5FAV' };
  await show(nowhere.run.id, 404);
  await ask('cancelRun', 404, { at: { run: nowhere.run.id } });
  await progress(nowhere, {}, 404);
  await put(nowhere, 'model.onnx', 'x', 404);
  await finish(nowhere, { state: 'done' }, 404);
  await ask('getRunFile', 404, { at: { run: nowhere.run.id, name: 'model.onnx' } });
  const held = await start('train', { seed: 9 }).then(() => lease('anvil'));
  await progress(held, { step: -1 }, 400);
  assert.equal((await ask('listRuns', 200)).runs.length, before + 1);

  const rare = ['putRunFile 413']; // 512 MiB are too many for this test
  assert.deepEqual(unseen(['runs', 'worker side'], called).filter((each) => !rare.includes(each)), [], 'every word of the contract was seen');
});
