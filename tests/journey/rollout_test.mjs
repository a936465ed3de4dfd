// A model's way to a device, through a real hub and a real agent on a film: taken without losing the stream, refused when
// a layer is tampered with, when it lacks a class, when it fails its self-test; halted, resumed, given back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { unseen } from './contract.mjs';
import { FOOTAGE, ROOT, sha256, until } from './house.mjs';
import { LoneHub } from './lone-hub.mjs';
import { smallModel } from './small_model.mjs';

const JPEG = fs.readFileSync(path.join(ROOT, 'fuzz/corpus/jpeg/colour.jpg'));
const WHERE = "tags.site = 'north' AND NOT tags.line IN [3, 4]";
const NOBODY = '01J00000000000000000000000';
const it = {};
let hub, folder, agent;

before(async () => {
  hub = await LoneHub.start('rollout');
  folder = hub.folder;
  it.olga = await hub.person('olga', 'operator');
  await startAgent();
});

after(() => hub?.stop());

const request = (...of) => hub.request(...of);
const ask = async (...of) => (await hub.ask(...of)).json;

// A device in the north with a model of its own, on a film that never ends.
async function startAgent() {
  const own = smallModel({ name: 'own', scores: [0.5, 0.4] });
  it.own = sha256(own.onnx);
  agent = await hub.startAgent('dock', own, `
model: { path: ${folder}/own.onnx, threads: 1, trial: 1s }
cameras: [{ id: film, file: "${FOOTAGE}", max_fps: 20 }]
rules: [{ id: all, kind: zone, camera: film, zone: all, points: [[0, 0], [1, 0], [1, 1], [0, 1]], classes: [person], score_min: 0.35 }]
`);
  await request('PATCH', '/api/v1/devices/dock/twin', { json: { tags: { site: 'north', line: 1 } } });
  await until('the device to tell its own model', async () => (await reported()).model?.digest === it.own);
}

const reported = async () => (await request('GET', '/api/v1/devices/dock/twin')).json.properties.reported;

async function register(model) {
  const repository = `models/${model.name}`;
  const [weights, picture] = [await hub.pushBlob(repository, model.onnx), await hub.pushBlob(repository, JPEG)];
  const made = await request('POST', '/api/v1/models', { json: { weights, descriptor: model.descriptor, pictures: [picture] } });
  assert.equal(made.status, 201, made.bytes.toString());
  return made.json;
}

const start = (model, more = {}) => ask('startRollout', 201, { json: { model: model.digest, condition: WHERE, soak_s: 1, stages: [100], ...more } });
const show = (rollout) => ask('getRollout', 200, { at: { rollout: rollout.id } });
const reaches = (rollout, state) => until(`the rollout to be ${state}`, async () => {
  const now = await show(rollout);
  return now.state === state && now;
}, 40);

async function isRefused(model, why) {
  const rollout = await reaches(await start(model), 'halted');
  assert.match(rollout.why, why);
  assert.match(rollout.devices[0].why, why);
  assert.equal(rollout.devices[0].state, 'failed');
  const { model: now } = await reported();
  assert.equal(now.digest, it.first.digest, 'the good model stays');
  return rollout;
}

// covers: CIR-8
test('a good model is taken by the canary and switched without losing the stream', async () => {
  await until('pictures to be looked at', async () => (await reported()).cameras?.film?.state === 'live');
  const since = (await reported()).cameras.film.since;
  it.first = await register(smallModel({ name: 'first', scores: [0.9, 0.6] }));
  it.rollout = await start(it.first, { note: 'the first one' });
  assert.equal(it.rollout.state, 'canary');
  await ask('startRollout', 409, { json: { model: it.first.digest, condition: WHERE } });

  const done = await reaches(it.rollout, 'done');

  assert.deepEqual([done.canary, done.percent, done.counts.active], ['dock', 100, 1]);
  assert.deepEqual([done.devices[0].device, done.devices[0].state, done.devices[0].errors], ['dock', 'active', 0]);
  assert.ok(done.devices[0].pictures >= 10);
  assert.deepEqual(done.history.map((h) => h.what), ['started', 'told', 'active', 'stage', 'done']);
  const now = await reported();
  assert.deepEqual([now.model.digest, now.model.manifest, now.model.state], [it.first.digest, it.first.manifest, 'active']);
  assert.deepEqual([now.cameras.film.state, now.cameras.film.since, now.cameras.film.restarts], ['live', since, 0]);
});

// covers: CIR-8
test('a tampered layer is refused, and the canary halts the rollout', async () => {
  const model = await register(smallModel({ name: 'tampered', scores: [0.8, 0.6] }));
  const file = `${hub.state}/evidence/${model.digest.slice(0, 2)}/${model.digest}`;
  const bytes = fs.readFileSync(file);
  bytes[bytes.length - 40] ^= 1;
  fs.chmodSync(file, 0o640);
  fs.writeFileSync(file, bytes);
  await isRefused(model, /damaged/);
});

// covers: CIR-8
test('a model without a class that the rules need is refused with the rule', async () => {
  const model = await register(smallModel({ name: 'goose', scores: [0.7, 0.6], classes: ['goose', 'dog'] }));
  const halted = await isRefused(model, /rule 'all' needs class 'person'/);
  const again = await ask('resumeRollout', 200, { at: { rollout: halted.id }, json: { note: 'try again' } });
  assert.equal(again.state, 'canary');
  await reaches(halted, 'halted');
  await ask('haltRollout', 409, { at: { rollout: halted.id }, json: {} });
});

// covers: CIR-8
test('a ruined model fails its self-test on the reference pictures, and is given back', async () => {
  const good = await request('GET', `/v2/models/first/manifests/${it.first.manifest}`);
  const ruined = smallModel({ name: 'first', scores: [0.05, 0.04] }); // sees nothing any more
  const manifest = good.json;
  const weights = manifest.layers.find((layer) => layer.mediaType.includes('weights'));
  weights.digest = `sha256:${await hub.pushBlob('models/first', ruined.onnx)}`;
  weights.size = ruined.onnx.length;
  const bytes = Buffer.from(JSON.stringify(manifest));
  const put = await request('PUT', `/v2/models/first/manifests/sha256:${sha256(bytes)}`, { body: bytes, headers: { 'content-type': manifest.mediaType } });
  assert.equal(put.status, 201, put.bytes.toString());
  await isRefused({ digest: sha256(ruined.onnx) }, /self-test/);
  assert.match(agent.text, /picture/);
});

// covers: CIR-8
test('what was brought is given back by hand, and the history says who', async () => {
  const { rollouts } = await ask('listRollouts', 200, { query: '?state=done,halted' });
  assert.equal(rollouts.length, 4);
  const back = await ask('returnRollout', 200, { at: { rollout: it.rollout.id }, json: { note: 'back to our own' } });
  assert.equal(back.state, 'returned');
  await until('the device to use its own model', async () => (await reported()).model.digest === it.own);
  const ended = await until('the return to be seen', async () => {
    const now = await show(it.rollout);
    return now.devices[0].state === 'returned' && now;
  });
  assert.deepEqual(ended.history.find((h) => h.what === 'return' && h.text), { at: ended.history.find((h) => h.what === 'return').at, who: 'admin', what: 'return', text: 'back to our own' });
  assert.equal((await reported()).cameras.film.restarts, 0);
});

test('what makes no sense is refused', async () => {
  const model = it.first.digest;
  await ask('startRollout', 403, { token: it.olga, json: { model, condition: '*' } });
  await ask('startRollout', 404, { json: { model: '0'.repeat(64), condition: '*' } });
  await ask('startRollout', 404, { json: { model, condition: '*', canary: 'nobody' } });
  for (const wrong of [{ condition: 'tags.site =' }, { model: 'first' }, { stages: [50] }, { soak_s: 0 }, { false_alarm_limit: 2 }]) {
    await ask('startRollout', 400, { json: { model, condition: '*', ...wrong } });
  }
  await ask('listRollouts', 400, { query: '?state=running' });
  for (const id of ['getRollout', 'haltRollout', 'resumeRollout', 'returnRollout']) await ask(id, 404, { at: { rollout: NOBODY }, json: id === 'getRollout' ? undefined : {} });
  for (const id of ['resumeRollout', 'returnRollout']) await ask(id, 409, { at: { rollout: it.rollout.id }, json: {} });
  const waits = await ask('startRollout', 201, { json: { model, condition: "tags.site = 'south'" } });
  assert.deepEqual([waits.state, waits.counts.devices], ['canary', 0]);
  assert.equal((await ask('haltRollout', 200, { at: { rollout: waits.id }, json: {} })).state, 'halted');
});

test('every word of the contract on rollouts was seen', () => {
  assert.deepEqual(unseen(['rollouts'], hub.called), []);
});
