// Models through a running hub: pushed, checked, signed, scored, approved, traced. The signature is checked with another
// implementation of Ed25519 than the hub's; every answer is compared with the contract.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac, createPublicKey, verify } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { crc32, deflateSync } from 'node:zlib';
import mqtt from 'mqtt';
import { unseen } from './contract.mjs';
import { PROGRAM, ROOT, sha256, until } from './house.mjs';
import { LoneHub } from './lone-hub.mjs';
import { SIDE, smallModel } from './small_model.mjs';

const it = {};
let hub, folder;

before(async () => {
  hub = await LoneHub.start('models', bringModels);
  folder = hub.folder;
  it.admin = hub.admin;
  for (const [name, role] of [['olga', 'operator'], ['vera', 'viewer']]) it[name] = await hub.person(name, role);
});

// The hub's folder of models: one that can be registered, and one whose weights are not there.
function bringModels(folder) {
  const brought = smallModel({ name: 'brought', scores: [0.65, 0.42] });
  fs.mkdirSync(`${folder}/brought`);
  fs.writeFileSync(`${folder}/brought/brought.onnx`, brought.onnx);
  fs.writeFileSync(`${folder}/brought/brought.model.yaml`, brought.descriptor);
  fs.writeFileSync(`${folder}/brought/broken.model.yaml`, brought.descriptor.replace('file: brought', 'file: broken'));
  return `models_dir: ${folder}/brought
`;
}

after(() => hub?.stop());

const request = (...of) => hub.request(...of);
const ask = (...of) => hub.ask(...of);
const pushBlob = (...of) => hub.pushBlob(...of);

// A dataset of nine pictures of the pool, each labelled.
async function makeDataset(name, grey) {
  const pictures = [];
  await request('POST', '/api/v1/pool/classes', { json: { name: 'person' } });
  for (let n = 0; n < 9; n += 1) {
    const at = new Date(Date.UTC(2026, 0, grey, n)).toISOString();
    const put = await request('POST', `/api/v1/pool?device=dock&camera=${name}&captured_at=${at}`, { body: png(grey + n, 64, 48), headers: { 'content-type': 'image/png' } });
    assert.equal(put.status, 201, put.bytes.toString());
    const label = await request('PUT', `/api/v1/pool/${put.json.picture}/label`, { json: { version: put.json.version, verdict: 'objects', boxes: [{ class: 'person', box: { l: 0.1, t: 0.1, w: 0.3, h: 0.3 } }] } });
    assert.equal(label.status, 200, label.bytes.toString());
    pictures.push(put.json.picture);
  }
  const made = await request('POST', '/api/v1/datasets', { json: { name, cameras: [`dock/${name}`] } });
  assert.equal(made.status, 201, made.bytes.toString());
  return { digest: made.json.dataset.digest, pictures };
}

// ---- pictures: one colour, so that their mean is known ----

function png(grey, width = SIDE, height = SIDE) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width, grey)]);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk('IHDR', head), chunk('IDAT', deflateSync(Buffer.concat(Array(height).fill(row)))), chunk('IEND', Buffer.alloc(0))]);
}

function crc(body) {
  if (crc32) return crc32(body);
  let sum = 0xffffffff;
  for (const byte of body) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

function bmp(grey) {
  const head = Buffer.alloc(54);
  head.write('BM');
  head.writeUInt32LE(54, 10);
  head.writeUInt32LE(40, 14);
  head.writeInt32LE(SIDE, 18);
  head.writeInt32LE(SIDE, 22);
  head.writeUInt16LE(24, 28);
  return Buffer.concat([head, Buffer.alloc(SIDE * SIDE * 3, grey)]);
}

const JPEG = fs.readFileSync(path.join(ROOT, 'fuzz/corpus/jpeg/colour.jpg'));

async function push(model, extra = {}, status = 201) {
  const weights = await pushBlob(`models/${extra.name ?? model.name}`, model.onnx);
  return (await ask('registerModel', status, { json: { weights, descriptor: model.descriptor, ...extra } })).json;
}

// covers: CIR-6
test('models of the hub\'s folder are registered at the start, and what cannot be is told', async () => {
  await hub.program.says(/model\.refused/);
  const [model] = await until('the model to be registered', async () => {
    const { models } = (await ask('listModels', 200, { query: '?name=brought' })).json;
    return models.length && models;
  }, 20);
  assert.deepEqual([model.registered_by, model.version], ['hub', 1]);
});

// covers: CIR-6
test('a pushed model is loaded, proven on reference pictures, signed and listed', async () => {
  await ask('listModels', 200);
  const picture = await pushBlob('models/small', png(100));
  it.first = await push(smallModel({ gain: 0.001 }), { name: 'small', pictures: [picture], note: 'from a test' });
  assert.deepEqual([it.first.name, it.first.version, it.first.state, it.first.reference_pictures], ['small', 1, 'candidate', 1]);
  assert.deepEqual(it.first.classes, ['person', 'dog']);
  assert.equal(it.first.registered_by, 'admin');
  const again = await push(smallModel({ gain: 0.001 }), { name: 'small' }, 200);
  assert.equal(again.manifest, it.first.manifest);
  await ask('registerModel', 409, { json: { weights: it.first.digest, descriptor: smallModel().descriptor, name: 'other' } });
  assert.deepEqual((await ask('listModels', 200, { query: '?name=small&state=candidate' })).json.models.map((m) => m.digest), [it.first.digest]);
  assert.deepEqual((await ask('listModels', 200, { query: '?state=champion,retired' })).json.models, []);
  await ask('listModels', 400, { query: '?state=best' });
  await ask('getModel', 404, { at: { digest: '0'.repeat(64) } });
  const { history } = (await ask('getModel', 200, { at: { digest: it.first.digest } })).json;
  assert.deepEqual(history.map((h) => [h.what, h.who, h.reason]), [['registered', 'admin', 'from a test']]);
});

// covers: CIR-6
test('the signature is found by its subject, and fits with another Ed25519 than ours', async () => {
  const manifest = await request('GET', `/v2/models/small/manifests/v1`);
  assert.equal(`sha256:${sha256(manifest.bytes)}`, it.first.manifest);
  const referrers = await request('GET', `/v2/models/small/referrers/${it.first.manifest}?artifactType=application/vnd.vedette.signature.v1`);
  assert.equal(referrers.json.manifests.length, 1);
  const artifact = await request('GET', `/v2/models/small/manifests/${referrers.json.manifests[0].digest}`);
  const layer = (await request('GET', `/v2/models/small/blobs/${artifact.json.layers[0].digest}`)).bytes;
  const signature = JSON.parse(layer);
  const key = (await ask('getReleaseKey', 200)).json;
  assert.equal(signature.manifest, it.first.manifest);
  assert.equal(signature.key, key.id);
  const raw = Buffer.from(key.public, 'base64');
  assert.equal(sha256(raw).slice(0, 16), key.id);
  const spki = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' });
  assert.ok(verify(null, manifest.bytes, spki, Buffer.from(signature.signature, 'base64')));
  const secret = fs.readFileSync(`${hub.state}/release.key`, 'utf8');
  assert.equal(fs.statSync(`${hub.state}/release.key`).mode & 0o777, 0o600);
  assert.ok(!hub.program.text.includes(secret.split('\n')[1]), 'the private key is in no log');
});

// covers: CIR-6
test('the reference layer holds the picture and what the model saw in it', async () => {
  const { json: manifest } = await request('GET', '/v2/models/small/manifests/v1');
  const layer = manifest.layers.find((one) => one.mediaType.endsWith('reference.v1+json'));
  const reference = JSON.parse((await request('GET', `/v2/models/small/blobs/${layer.digest}`)).bytes);
  assert.equal(reference.format, 'vedette.reference/1');
  assert.equal(reference.pictures.length, 1);
  assert.equal(Buffer.from(reference.pictures[0].jpeg, 'base64').readUInt16BE(0), 0xffd8);
  assert.deepEqual(reference.pictures[0].boxes.map((box) => box.class), ['person', 'dog']);
  assert.ok(Math.abs(reference.pictures[0].boxes[0].score - 1) < 0.02, 'the mean of the picture is 100');
  assert.deepEqual(manifest.layers.map((one) => one.annotations?.['org.opencontainers.image.title'] ?? ''), ['small.onnx', 'small.labels.txt', 'small.model.yaml', '']);
});

// covers: CIR-6
test('what is no model is refused with the reason, and nothing of it is registered', async () => {
  const good = smallModel({ name: 'bad', scores: [0.5, 0.5] });
  const junk = await pushBlob('models/bad', Buffer.from('this is no model'));
  const onnx = await pushBlob('models/bad', good.onnx);
  const refuse = (status, json) => ask('registerModel', status, { json });
  assert.match((await refuse(422, { weights: junk, descriptor: good.descriptor })).json.error.fact, /model|ONNX/i);
  await refuse(422, { weights: onnx, descriptor: good.descriptor.replace('size: [16, 16]', 'size: [32, 32]') });
  await refuse(422, { weights: onnx, descriptor: good.descriptor.replace('file: bad.onnx', 'file: ../bad.onnx') });
  await refuse(422, { weights: onnx, descriptor: 'name: [' });
  await refuse(422, { weights: onnx, descriptor: good.descriptor, name: 'Not A Name' });
  await refuse(422, { weights: onnx, descriptor: good.descriptor, pictures: [junk] });
  await refuse(404, { weights: '1'.repeat(64), descriptor: good.descriptor });
  await refuse(404, { run: '01JD00000000000000000000AA' });
  await refuse(400, { descriptor: good.descriptor });
  await refuse(400, { weights: 'short', descriptor: good.descriptor });
  assert.deepEqual((await ask('listModels', 200, { query: '?name=bad' })).json.models, []);
  const viewer = await request('POST', '/api/v1/models', { json: {}, token: it.vera });
  assert.equal(viewer.status, 403);
  assert.deepEqual(fs.readdirSync(`${hub.state}/arriving`), [], 'nothing half-done is left');
});

// covers: CIR-6
test('a model manifest that another registry holds is taken, checked and signed; a lying one is not', async () => {
  const { bytes, json: manifest } = await request('GET', '/v2/models/small/manifests/v1');
  const put = (name, tag, body) => request('PUT', `/v2/models/${name}/manifests/${tag}`, { body: Buffer.from(JSON.stringify(body)), headers: { 'content-type': manifest.mediaType } });
  assert.equal((await request('PUT', '/v2/models/small/manifests/stable', { body: bytes, headers: { 'content-type': manifest.mediaType } })).status, 201, 'a tag of our own');
  const moved = await put('small', 'v1', { ...manifest, annotations: { ...manifest.annotations, 'vedette.run': 'x' } });
  assert.equal(moved.status, 409, moved.bytes.toString());
  assert.equal((await request('DELETE', `/v2/models/small/manifests/${it.first.manifest}`)).status, 409);
  assert.equal((await request('DELETE', '/v2/models/small/manifests/v1')).status, 409);

  const other = smallModel({ name: 'guest', scores: [0.7, 0.4] });
  const part = async (type, content, title) => ({ mediaType: `application/vnd.vedette.model.${type}`, digest: `sha256:${await pushBlob('models/guest', Buffer.from(content))}`, size: Buffer.from(content).length, annotations: { 'org.opencontainers.image.title': title } });
  const layers = [await part('weights.v1+onnx', other.onnx, 'guest.onnx'), await part('labels.v1+text', 'person\ndog\n', 'guest.labels.txt'), await part('descriptor.v1+yaml', other.descriptor, 'guest.model.yaml')];
  await pushBlob('models/guest', Buffer.from('{}'));
  const guest = { ...manifest, layers, annotations: { 'vedette.name': 'guest', 'vedette.version': '7', 'vedette.dataset': `sha256:${'a'.repeat(64)}` } };
  assert.equal((await put('guest', 'v7', { ...guest, annotations: { 'vedette.name': 'small' } })).json.errors[0].code, 'MANIFEST_INVALID', 'a name that is not the repository');
  assert.equal((await put('guest', 'v7', { ...guest, layers: [{ ...layers[0], annotations: { 'org.opencontainers.image.title': '../x.onnx' } }, ...layers.slice(1)] })).json.errors[0].code, 'MANIFEST_INVALID');
  assert.equal((await put('guest', 'v7', { ...guest, layers: layers.slice(1) })).json.errors[0].code, 'MANIFEST_INVALID');
  assert.equal((await put('guest', 'v7', guest)).status, 201);
  const [model] = (await ask('listModels', 200, { query: '?name=guest' })).json.models;
  assert.deepEqual([model.version, model.digest, model.dataset], [7, sha256(other.onnx), 'a'.repeat(64)]);
  const referrers = await request('GET', `/v2/models/guest/referrers/${model.manifest}`);
  assert.equal(referrers.json.manifests.length, 1, 'it is signed here');
});

// covers: CIR-10
test('a picture is scored, whichever form it has, and the answer names the model', async () => {
  const seen = (await ask('score', 200, { body: png(200), query: '?model=small', token: it.vera })).json;
  assert.deepEqual(seen.model, { name: 'small', digest: it.first.digest });
  assert.deepEqual([seen.width, seen.height, seen.boxes.length], [SIDE, SIDE, 2]);
  assert.equal(seen.boxes[0].class, 'person');
  assert.ok(Math.abs(seen.boxes[1].score - 0.8) < 0.02, `0.6 and 200 times 0.001, not ${seen.boxes[1].score}`);
  assert.ok(Math.abs(seen.boxes[0].box.l - 2 / SIDE) < 1e-3);
  const same = (await ask('score', 200, { body: bmp(200), query: `?model=${it.first.digest}` })).json;
  assert.deepEqual(same.boxes.map((box) => box.class), ['person', 'dog']);
  assert.ok(Math.abs(same.boxes[1].score - seen.boxes[1].score) < 0.02);
  assert.equal((await ask('score', 200, { body: JPEG, query: '?model=small' })).json.boxes.length, 2);
  assert.deepEqual((await ask('score', 200, { body: png(0), query: '?model=small&confidence=0.8' })).json.boxes.map((box) => box.class), ['person']);
  assert.deepEqual((await ask('score', 200, { body: png(0), query: '?model=small&object=dog' })).json.boxes.map((box) => box.class), ['dog']);
  const drawn = await ask('annotate', 200, { body: png(120, 64, 64), query: '?model=small' });
  assert.equal(drawn.bytes.readUInt16BE(0), 0xffd8);
  assert.equal(drawn.headers['x-vedette-model-digest'], it.first.digest);
});

// covers: CIR-10
test('broken, lying and enormous pictures get a clear error', async () => {
  const whole = png(50);
  const lying = Buffer.from(whole);
  lying.writeUInt32BE(60000, 16); // says it is 60000 wide; its checksum says otherwise, too
  for (const id of ['score', 'annotate']) {
    await ask(id, 422, { body: whole.subarray(0, whole.length - 30), query: '?model=small' });
    await ask(id, 422, { body: JPEG.subarray(0, 200), query: '?model=small' });
    assert.ok([400, 422].includes((await request('POST', `/api/v1/${id}?model=small`, { body: lying })).status));
    assert.match((await ask(id, 400, { body: Buffer.from('GIF89a'), query: '?model=small' })).json.error.hint, /PNG/);
    await ask(id, 400, { query: '?model=small' });
    await ask(id, 400, { body: whole, query: '?model=small&confidence=2' });
    await ask(id, 400, { body: whole, query: '?model=small&object=cat' });
    await ask(id, 404, { body: whole, query: '?model=nobody' });
  }
  assert.equal((await request('POST', '/api/v1/score', { body: Buffer.alloc((32 << 20) + 1) })).status, 413);
  assert.equal((await request('POST', '/api/v1/score', { body: whole, token: null })).status, 401);
});

// covers: CIR-10
test('more pictures than may wait are told to come back, and those that wait are answered', async () => {
  const large = png(90, 1600, 1200);
  const answers = await Promise.all(Array.from({ length: 40 }, () => request('POST', '/api/v1/score?model=small', { body: large })));
  const statuses = new Set(answers.map((answer) => answer.status));
  assert.ok(statuses.has(200));
  for (const answer of answers.filter((one) => one.status !== 200)) {
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  }
});

// covers: CIR-6
test('the first champion needs no comparison; the next is refused without one, and forced only with a reason', async () => {
  const at = { digest: it.first.digest };
  const viewer = await request('POST', `/api/v1/models/${it.first.digest}/promote`, { json: {}, token: it.olga });
  assert.equal(viewer.status, 403, 'an operator may not promote');
  await ask('promoteModel', 400, { at, json: { name: 'other' } });
  await ask('promoteModel', 404, { at: { digest: '2'.repeat(64) }, json: {} });
  const champion = (await ask('promoteModel', 200, { at, json: { name: 'small', reason: 'the first' } })).json;
  assert.deepEqual([champion.state, champion.approved_by, champion.forced], ['champion', 'admin', false]);
  assert.match((await ask('promoteModel', 409, { at, json: {} })).json.error.fact, /champion already/);

  it.one = (await makeDataset('one', 11)).digest;
  it.second = await push(smallModel({ scores: [0.8, 0.5] }), { name: 'small', parent: it.first.digest, dataset: it.one });
  assert.equal(it.second.version, 2);
  const next = { digest: it.second.digest };
  const refused = (await ask('promoteModel', 409, { at: next, json: {} })).json;
  assert.match(refused.error.fact, /not measured on the same dataset/);
  await ask('promoteModel', 400, { at: next, json: { force: true } });
  const forced = (await ask('promoteModel', 200, { at: next, json: { force: true, reason: 'the site asked for it' } })).json;
  assert.deepEqual([forced.state, forced.forced], ['champion', true]);
  assert.deepEqual(forced.history.map((h) => h.what), ['registered', 'refused', 'forced']);
  assert.equal(forced.history[2].reason, 'the site asked for it');
  const before = (await ask('getModel', 200, { at })).json;
  assert.equal(before.state, 'retired');
  assert.equal(before.history.at(-1).what, 'replaced');
  assert.equal((await ask('score', 200, { body: png(10), query: '?model=small' })).json.model.digest, it.second.digest, 'a name means its champion');

  await ask('compareModels', 400, { at, json: {} });
  await ask('compareModels', 404, { at: { digest: '3'.repeat(64) }, json: { dataset: it.one } });
  await ask('compareModels', 404, { at, json: { dataset: 'b'.repeat(64) } });
  const { runs } = (await ask('compareModels', 202, { at, json: { dataset: it.one } })).json;
  assert.equal(runs.length, 2);
  assert.deepEqual((await ask('compareModels', 202, { at, json: { dataset: it.one } })).json.runs, runs, 'asked again, they wait already');

  await ask('retireModel', 400, { at: next, json: {} });
  await ask('retireModel', 404, { at: { digest: '4'.repeat(64) }, json: { reason: 'x' } });
  assert.equal((await ask('retireModel', 200, { at: next, json: { reason: 'too eager' } })).json.state, 'retired');
});

// ---- a scripted worker ----

async function lease(kinds) {
  const answer = await request('POST', '/api/v1/worker/lease', { json: { worker: 'test', kinds }, token: it.olga });
  return answer.status === 200 ? answer.json : null;
}

async function leave(leased, name, bytes) {
  const run = leased.run.id ?? leased.run;
  const put = await request('PUT', `/api/v1/worker/runs/${run}/files/${name}`, { body: Buffer.from(bytes), headers: { 'x-vedette-lease': leased.lease }, token: it.olga });
  assert.equal(put.status, 200, put.bytes.toString());
}

async function finish(leased) {
  const run = leased.run.id ?? leased.run;
  const done = await request('POST', `/api/v1/worker/runs/${run}/finish`, { json: { lease: leased.lease, state: 'done' }, token: it.olga });
  assert.equal(done.status, 200, done.bytes.toString());
}

// Thirty groups of one picture and one person each; `found` of them are found.
function report(model, dataset, found) {
  const pictures = Array.from({ length: 30 }, (none, n) => ({
    picture: sha256(`picture ${n}`), group: `yard/gate/${String(n).padStart(2, '0')}`, fp: n < found ? 0 : 1, matches: [[0, 1, 0.9, n < found ? 1 : 0]],
  }));
  return JSON.stringify({ format: 'vedette.report/1', model: { name: 'small', digest: model }, dataset, split: 'test', task: 'detection', classes: ['person', 'dog'], map: found / 30, map50: found / 30, false_alarms: { per_picture: 1 - found / 30, at_score: 0.3 }, latency_ms: { median: 1, p95: 2 }, pictures });
}

// covers: CIR-6
test('a model comes from a finished run, with its parent, dataset and name', async () => {
  const parent = it.second.digest;
  const dataset = it.one;
  const run = await request('POST', '/api/v1/runs', { json: { kind: 'train', config: { dataset, model: parent } }, token: it.olga });
  assert.equal(run.status, 201, run.bytes.toString());
  await ask('registerModel', 409, { json: { run: run.json.id } });
  const leased = await lease(['train']);
  const trained = smallModel({ name: 'trained', scores: [0.85, 0.45] });
  await leave(leased, 'model.onnx', trained.onnx);
  await leave(leased, 'model.model.yaml', trained.descriptor.replace('file: trained.onnx', 'file: model.onnx'));
  await leave(leased, 'report.json', report(sha256(trained.onnx), dataset, 20));
  await finish(leased);
  it.third = (await ask('registerModel', 201, { json: { run: run.json.id }, token: it.olga })).json;
  assert.deepEqual([it.third.name, it.third.version, it.third.parent, it.third.dataset, it.third.run, it.third.registered_by], ['small', 3, parent, dataset, run.json.id, 'olga']);
  const { json: manifest } = await request('GET', '/v2/models/small/manifests/v3');
  assert.deepEqual(manifest.annotations, { 'vedette.dataset': `sha256:${dataset}`, 'vedette.name': 'small', 'vedette.parent': `sha256:${parent}`, 'vedette.run': run.json.id, 'vedette.version': '3' });
  const back = (await ask('getLineage', 200, { at: { thing: run.json.id } })).json;
  assert.deepEqual(back.models.map((m) => m.version), [3]);
});

// covers: CIR-5, CIR-6
test('the gate lets pass what is shown to be better, and refuses the rest with its figures', async () => {
  const dataset = it.one;
  const measure = async (found) => {
    for (let leased; (leased = await lease(['evaluate']));) {
      const { config } = leased.run.config ? leased.run : (await request('GET', `/api/v1/runs/${leased.run.id ?? leased.run}`)).json;
      await leave(leased, 'report.json', report(config.model, config.dataset, found(config.model)));
      await finish(leased);
    }
  };
  const champion = { digest: it.first.digest };
  await ask('promoteModel', 200, { at: champion, json: { force: true, reason: 'back to the first' } });
  const third = { digest: it.third.digest };
  await ask('compareModels', 202, { at: third, json: { dataset } });
  await measure((model) => (model === it.third.digest ? 15 : 25));
  const refused = (await ask('promoteModel', 409, { at: third, json: { dataset } })).json;
  assert.match(refused.error.fact, /gate refuses/);
  assert.equal(refused.verdict.promote, false);
  assert.equal(refused.verdict.groups, 30);
  assert.ok(refused.verdict.map50.difference < 0);

  const better = (await makeDataset('two', 31)).digest;
  await ask('compareModels', 202, { at: third, json: { dataset: better } });
  await measure((model) => (model === it.third.digest ? 29 : 12));
  const promoted = (await ask('promoteModel', 200, { at: third, json: { dataset: better } })).json;
  assert.deepEqual([promoted.state, promoted.forced], ['champion', false]);
  assert.deepEqual(promoted.history.map((h) => [h.what, h.verdict?.promote]), [['registered', undefined], ['refused', false], ['promoted', true]]);
});

function vedette(...args) {
  const env = { ...process.env, VEDETTE_CLI_CONFIG: `${folder}/cli.yaml` };
  const run = spawnSync(PROGRAM.cli, args, { encoding: 'utf8', env, timeout: 30000 });
  return { code: run.status, out: run.stdout, error: run.stderr, json: run.status === 0 && args.includes('--json') ? JSON.parse(run.stdout) : undefined };
}

// covers: CIR-6, CIR-10
test('the command line pushes, lists, scores and pulls what it can check', () => {
  fs.writeFileSync(`${folder}/cli.yaml`, `hub: https://localhost:${hub.port.https}\ntoken: ${it.admin}\nca: ${hub.state}/tls/ca.pem\nuser: admin\n`, { mode: 0o600 });
  const local = smallModel({ name: 'yard', scores: [0.95, 0.55] });
  fs.mkdirSync(`${folder}/models`, { recursive: true });
  fs.writeFileSync(`${folder}/models/yard.onnx`, local.onnx);
  fs.writeFileSync(`${folder}/models/yard.model.yaml`, local.descriptor);
  fs.writeFileSync(`${folder}/one.png`, png(30));
  fs.writeFileSync(`${folder}/two.bmp`, bmp(60));
  const pushed = vedette('model', 'push', `${folder}/models/yard.onnx`, '--picture', `${folder}/one.png`, '--picture', `${folder}/two.bmp`, '--note', 'by hand', '--json');
  assert.equal(pushed.code, 0, pushed.error);
  assert.deepEqual([pushed.json.name, pushed.json.version, pushed.json.reference_pictures], ['yard', 1, 2]);
  assert.match(vedette('model', 'list', '--hub').out, /yard +1 +candidate/);
  assert.match(vedette('model', 'list', '--models', `${folder}/models`).out, /yard/, 'folders are listed as before');
  assert.match(vedette('model', 'show', `${folder}/models/yard.onnx`).out, /person, dog/);
  assert.match(vedette('model', 'show', 'yard:v1', '--hub').out, /registered +by hand/);
  assert.match(vedette('model', 'lineage', 'yard').out, /yard +1 +candidate/);

  const pulled = vedette('model', 'pull', 'yard:v1', '--out', `${folder}/pulled`, '--json');
  assert.equal(pulled.code, 0, pulled.error);
  assert.deepEqual(fs.readdirSync(`${folder}/pulled`).sort(), ['yard.labels.txt', 'yard.model.yaml', 'yard.onnx']);
  assert.equal(sha256(fs.readFileSync(`${folder}/pulled/yard.onnx`)), pushed.json.digest);
  assert.equal(vedette('model', 'show', `${folder}/pulled/yard.onnx`).code, 0, 'what was pulled runs');

  const seen = vedette('score', `${folder}/one.png`, '--model', 'yard', '--json');
  assert.deepEqual(seen.json.model, { name: 'yard', digest: pushed.json.digest });
  assert.match(vedette('score', `${folder}/one.png`, '--model', 'yard').out, /person +0\.95/);
  assert.equal(vedette('score', `${folder}/two.bmp`, '--model', 'yard', '--annotate', `${folder}/seen.jpg`).code, 0);
  assert.equal(fs.readFileSync(`${folder}/seen.jpg`).readUInt16BE(0), 0xffd8);
  fs.writeFileSync(`${folder}/three.png`, 'no picture');
  const broken = vedette('score', `${folder}/three.png`);
  assert.notEqual(broken.code, 0);
  assert.match(broken.error, /JPEG, PNG and BMP/);

  assert.equal(vedette('model', 'promote', 'yard', '--reason', 'first of its name').code, 0);
  assert.match(vedette('model', 'show', 'yard', '--hub').out, /state +champion/);
  assert.match(vedette('model', 'promote', 'yard').error, /champion already/);
  assert.match(vedette('model', 'pull', 'nobody').error, /no model 'nobody'/);
  assert.match(vedette('model', 'push', `${folder}/models/nothing.onnx`).error, /no model/);
});

// covers: INF-2
test('an import whose descriptor does not fit is refused, and nothing is written', () => {
  const source = { format: 'graph-model', modelTopology: { node: [{ name: 'in', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim: ['-1', '8', '8', '3'].map((size) => ({ size })) } } } }, { name: 'out', op: 'Relu', input: ['in'] }] }, signature: { outputs: { out: { name: 'out:0' } } }, weightsManifest: [] };
  fs.writeFileSync(`${folder}/relu.json`, JSON.stringify(source));
  const descriptor = smallModel({ name: 'relu' }).descriptor;
  for (const wrong of [descriptor, descriptor.replace('score_min', 'score_mni'), 'name: relu\n']) {
    fs.writeFileSync(`${folder}/relu.yaml`, wrong);
    const refused = vedette('model', 'import', `${folder}/relu.json`, '--descriptor', `${folder}/relu.yaml`, '--out', `${folder}/imported`);
    assert.notEqual(refused.code, 0, wrong);
    assert.ok(refused.error.length > 20);
    assert.deepEqual(fs.readdirSync(`${folder}/imported`), []);
  }
});

// covers: CIR-6
test('a layer that was tampered with at the hub is not pulled, and nothing is written', () => {
  const { json: model } = vedette('model', 'show', 'yard', '--hub', '--json');
  const blob = `${hub.state}/evidence/${model.digest.slice(0, 2)}/${model.digest}`;
  const whole = fs.readFileSync(blob);
  fs.writeFileSync(blob, Buffer.concat([whole.subarray(0, 40), Buffer.from([whole[40] ^ 1]), whole.subarray(41)]));
  const refused = vedette('model', 'pull', 'yard', '--out', `${folder}/refused`);
  fs.writeFileSync(blob, whole);
  assert.notEqual(refused.code, 0);
  assert.match(refused.error, /does not match its digest/);
  assert.deepEqual(fs.readdirSync(`${folder}/refused`), []);
});

// covers: CIR-6
test('lineage leads from a model to its parent, children and runs, and back', async () => {
  const of = async (digest) => (await ask('getModelLineage', 200, { at: { digest } })).json;
  const first = await of(it.first.digest);
  assert.equal(first.kind, 'model');
  assert.deepEqual(first.models.map((m) => m.version).sort(), [1, 2], 'itself and its child');
  assert.ok(first.runs.length >= 1, 'the run that was to measure it');
  const second = await of(it.second.digest);
  assert.equal(second.datasets[0].digest, it.one, 'its own first');
  const run = (await ask('getLineage', 200, { at: { thing: first.runs[0].run } })).json;
  assert.equal(run.kind, 'run');
  await ask('getLineage', 404, { at: { thing: '5'.repeat(64) } });
  await ask('getModelLineage', 404, { at: { digest: '5'.repeat(64) } });
});

// A device that reports a model in use.
async function deviceUses(name, model) {
  await request('POST', '/api/v1/devices', { json: { id: name } });
  const { connection_string: text } = (await request('GET', `/api/v1/devices/${name}/connection-string`)).json;
  const host = /HostName=([^;]+)/.exec(text)[1];
  const sr = encodeURIComponent(`${host.split(':')[0]}/devices/${name}`);
  const se = Math.floor(Date.now() / 1000) + 600;
  const sig = createHmac('sha256', Buffer.from(/SharedAccessKey=(.*)$/.exec(text)[1], 'base64')).update(`${sr}\n${se}`).digest('base64');
  const client = await mqtt.connectAsync({
    host: '127.0.0.1', port: hub.port.mqtt, protocol: 'mqtts', ca: hub.ca, servername: 'localhost', clientId: name, protocolVersion: 4, reconnectPeriod: 0,
    username: `${host.split(':')[0]}/${name}/?api-version=2021-04-12`, password: `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}`,
  });
  await client.subscribeAsync('$iothub/twin/res/#');
  const answered = new Promise((resolve) => client.once('message', resolve));
  await client.publishAsync('$iothub/twin/PATCH/properties/reported/?$rid=1', JSON.stringify({ model: { digest: model.digest, name: model.name, state: 'active' }, cameras: { gate: { state: 'live' } } }), { qos: 1 });
  await answered;
  await client.endAsync(true);
}

// covers: CIR-6
test('from a picture one gets to the devices, and from a device\'s model back to the pictures', async () => {
  const { digest: dataset, pictures } = await makeDataset('dock', 100);
  const run = await request('POST', '/api/v1/runs', { json: { kind: 'train', config: { dataset, model: it.first.digest } } });
  const leased = await lease(['train']);
  const trained = smallModel({ name: 'dock', scores: [0.75, 0.35] });
  await leave(leased, 'model.onnx', trained.onnx);
  await leave(leased, 'model.model.yaml', trained.descriptor.replace('file: dock.onnx', 'file: model.onnx'));
  await leave(leased, 'report.json', report(sha256(trained.onnx), dataset, 20));
  await finish(leased);
  const model = (await ask('registerModel', 201, { json: { run: run.json.id, name: 'dock' } })).json;
  assert.ok(model.reference_pictures >= 1, 'taken from the val split');
  await deviceUses('dock', model);

  const forward = (await ask('getLineage', 200, { at: { thing: pictures[4] } })).json;
  assert.equal(forward.kind, 'picture');
  assert.deepEqual(forward.datasets.map((d) => [d.digest, d.name, d.pictures]), [[dataset, 'dock', 9]]);
  assert.ok(forward.runs.some((one) => one.run === run.json.id));
  assert.ok(forward.models.some((one) => one.digest === model.digest));
  assert.deepEqual(forward.devices.map((d) => [d.device, d.model.digest, d.state, d.cameras]), [['dock', model.digest, 'active', ['gate']]]);
  const back = (await ask('getModelLineage', 200, { at: { digest: model.digest } })).json;
  assert.equal(back.picture_count, 9);
  assert.deepEqual([...back.pictures].sort(), [...pictures].sort());
  assert.equal((await ask('getModel', 200, { at: { digest: model.digest } })).json.devices, 1);
  assert.equal((await ask('getLineage', 200, { at: { thing: dataset } })).json.kind, 'dataset');
});

// covers: CIR-6
test('models, their signatures and decisions outlive a kill', async () => {
  await hub.program.kill();
  hub.program.start();
  await hub.program.says(/hub\.ready/);
  const model = (await ask('getModel', 200, { at: { digest: it.second.digest } })).json;
  assert.deepEqual(model.history.map((h) => h.what), ['registered', 'refused', 'forced', 'retired']);
  assert.equal((await request('GET', `/v2/models/small/manifests/v2`)).status, 200);
  assert.equal((await ask('getReleaseKey', 200)).json.id, model.key);
});

test('every word of the contract on models and scoring was heard', () => {
  assert.deepEqual(unseen(['models', 'score'], hub.called), []);
});
