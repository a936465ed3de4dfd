// The pool on a real hub: a false alarm and a sample become pictures, people label and review them, a version is frozen,
// goes out as COCO and YOLO and comes back the same. No camera runs: a scripted device speaks for one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import mqtt from 'mqtt';
import { answerFaults, operations, unseen } from './contract.mjs';
import { House, sha256, until } from './house.mjs';

const called = new Map();
const it = {};
let house;

before(async () => {
  house = await House.build({ mailbox: false });
  await house.startHub();
  await house.signIn();
});

after(async () => {
  it.device?.end(true);
  await house?.stop();
});

// A request that must be answered as the contract says.
async function ask(id, want, { at = {}, query = '', type, who, body, bytes } = {}) {
  const operation = operations.find((candidate) => candidate.id === id);
  assert.ok(operation, `${id} is in the contract`);
  const target = operation.template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(at[name])) + query;
  const headers = { ...(type ? { 'content-type': type } : {}), ...(who ? { authorization: `Bearer ${who}` } : {}) };
  const answer = await house.request(operation.method, target, { body, bytes, headers });
  assert.equal(answer.status, want, `${operation.method} ${target}: ${answer.bytes.subarray(0, 500)}`);
  assert.deepEqual(answerFaults(operation, answer), [], `${operation.method} ${target}`);
  if (!called.has(id)) called.set(id, new Set());
  called.get(id).add(want);
  return answer;
}

// A PNG of one colour with a bright square: small, and different for each number.
function png(n, width = 64, height = 48) {
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const out = Buffer.alloc(8 + data.length + 4);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(zlib.crc32 ? zlib.crc32(body) : crc32(body), 8 + data.length);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const raw = Buffer.alloc((width * 3 + 1) * height, n * 7 % 251);
  for (let y = 0; y < height; y++) raw[y * (width * 3 + 1)] = 0;
  raw.fill(255, (width * 3 + 1) * (n % (height - 1)) + 1, (width * 3 + 1) * (n % (height - 1)) + 1 + 3 * (1 + n % 40));
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', zlib.deflateSync(raw)), chunk('IEND', Buffer.alloc(0))]);
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ulid = () => '01' + [...randomBytes(24)].map((byte) => CROCKFORD[byte & 31]).join('');
const time = (ms) => new Date(ms).toISOString().replace('Z', '000Z');
const T0 = Date.parse('2026-11-20T10:00:00Z');
const box = (l, t, w, h, name = 'person', more = {}) => ({ box: { l, t, w, h }, class: name, ...more });

async function connect() {
  const connection = fs.readFileSync(house.at('device.connection'), 'utf8').trim();
  const parts = Object.fromEntries(connection.split(';').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]));
  const host = parts.HostName.split(':')[0];
  const sr = encodeURIComponent(`${host}/devices/${parts.DeviceId}`);
  const se = Math.floor(Date.now() / 1000) + 3600;
  const sig = encodeURIComponent(createHmac('sha256', Buffer.from(parts.SharedAccessKey, 'base64')).update(`${sr}\n${se}`).digest('base64'));
  it.sas = `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}`;
  it.name = parts.DeviceId;
  it.device = mqtt.connect({
    host: '127.0.0.1', port: house.port.mqtt, protocol: 'mqtts', ca: house.ca, servername: 'localhost', clientId: it.name, protocolVersion: 4, reconnectPeriod: 300,
    username: `${host}/${it.name}/?api-version=2021-04-12`, password: it.sas,
  });
  await new Promise((resolve, reject) => {
    it.device.once('connect', resolve);
    it.device.once('error', reject);
  });
}

const say = (type, body) => it.device.publishAsync(`devices/${it.name}/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8&type=${type}`, JSON.stringify(body), { qos: 1 });

async function send(bytes) {
  const answer = await house.request('PATCH', `/device/v1/evidence/${sha256(bytes)}`, {
    bytes, headers: { authorization: it.sas, 'content-type': 'application/octet-stream', 'upload-offset': '0', 'upload-length': String(bytes.length) },
  });
  assert.equal(answer.status, 204, String(answer.bytes));
}

async function user(name) {
  const made = await house.request('POST', '/api/v1/users', { body: { name, role: 'operator', password: `${name}-password` } });
  assert.equal(made.status, 201);
  const answer = await house.request('POST', '/api/v1/session', { body: { name, password: `${name}-password`, token: true } });
  return answer.json.token;
}

const tarNames = (bytes) => execFileSync('tar', ['-tf', '-'], { input: bytes, encoding: 'utf8' }).trim().split('\n');
const tarText = (bytes, name) => execFileSync('tar', ['-xOf', '-', name], { input: bytes, encoding: 'utf8' });

// covers: CIR-1
test('a false alarm and a sample become pictures of the pool, and their device may send them', async () => {
  await connect();
  const alarm = png(1);
  const event = {
    id: ulid(), revision: 1, phase: 'end', device: it.name, camera: 'gate-1', kind: 'zone', severity: 'high', rule_id: 'people-gate', rule_version: '1', zone: 'gate',
    rule: { id: 'people-gate', kind: 'zone', zone: 'gate', points: [{ x: 0.1, y: 0.1 }, { x: 0.9, y: 0.1 }, { x: 0.5, y: 0.9 }] },
    start: time(T0), update: time(T0 + 1000), end: time(T0 + 2000), time_source: 'rtcp', track: 7, class: 'person', score: 0.6, score_min: 0.4,
    model: { name: 'm', digest: 'a'.repeat(64) }, boxes: [{ ...box(0.1, 0.2, 0.3, 0.4), score: 0.6, track: 7 }, { ...box(0.6, 0.2, 0.2, 0.4, 'bicycle'), score: 0.5 }], inferences: [],
    evidence: [{ kind: 'snapshot', digest: sha256(alarm), bytes: alarm.length, content_type: 'image/jpeg', start: time(T0), end: time(T0), width: 64, height: 48 }],
  };
  await say('event', event);
  const [incident] = await until('the incident', async () => (await house.incidents()).length && house.incidents(), 10);
  const resolved = await house.request('POST', `/api/v1/incidents/${incident.id}/resolve`, { body: { version: incident.version, verdict: 'false_alarm' } });
  assert.equal(resolved.status, 200);

  const negative = (await ask('getPoolPicture', 200, { at: { picture: sha256(alarm) } })).json;
  assert.equal(negative.reason, 'false_alarm');
  assert.equal(negative.label_state, 'proposed');
  assert.deepEqual(negative.wrong.map((one) => one.class), ['person']);
  assert.deepEqual(negative.proposals.map((one) => one.class), ['bicycle'], 'what was refused is not proposed');
  assert.equal(negative.here, false);
  await ask('getBlob', 404, { at: { digest: sha256(alarm) } });
  await send(alarm);
  assert.equal((await ask('getPoolPicture', 200, { at: { picture: sha256(alarm) } })).json.here, true);

  const picture = png(2);
  const sample = { id: ulid(), camera: 'gate-1', captured_at: time(T0 + 3600e3), reason: 'uncertain', picture: { digest: sha256(picture), bytes: picture.length, width: 64, height: 48 }, boxes: [{ ...box(0.2, 0.2, 0.2, 0.2), score: 0.41 }, { box: { l: 2, t: 0, w: 1, h: 1 }, score: 0.9, class: 'ghost' }], model: { name: 'm', digest: 'a'.repeat(64) } };
  await say('sample', sample);
  await say('sample', sample);
  const told = [];
  const stream = https.get({ host: '127.0.0.1', port: house.port.hub, servername: 'localhost', path: '/api/v1/stream', ca: house.ca, headers: { authorization: `Bearer ${house.token}` } }, (response) => response.on('data', (chunk) => told.push(String(chunk))));
  stream.on('error', () => {});
  await until('the stream to greet', () => told.length, 10);
  await send(picture);
  await until('the page to be told that the picture is here', () => told.join('').includes(`event: pool\ndata: {"type":"pool","id":"${sha256(picture)}"`), 10);
  stream.destroy();
  const page = (await ask('listPool', 200, { query: '?source=sample' })).json;
  assert.deepEqual(page.pictures.map((one) => [one.picture, one.reason, one.proposals.length]), [[sha256(picture), 'uncertain', 1]]);
  assert.deepEqual(page.counts, { none: 0, proposed: 2, labelled: 0, reviewed: 0 });
  assert.deepEqual((await ask('getBlob', 200, { at: { digest: sha256(picture) } })).bytes, picture);

  const reopened = await house.request('POST', `/api/v1/incidents/${incident.id}/reopen`, { body: { version: resolved.json.version } });
  assert.equal(reopened.status, 200);
  await ask('getPoolPicture', 404, { at: { picture: sha256(alarm) } });
  const again = await house.request('POST', `/api/v1/incidents/${incident.id}/resolve`, { body: { version: reopened.json.version, verdict: 'false_alarm' } });
  assert.equal(again.status, 200);
  it.alarm = sha256(alarm);
  it.sample = sha256(picture);
});

test('pictures are put in by people, and what is no picture is refused with the reason', async () => {
  const one = png(3);
  const made = (await ask('addPicture', 201, { query: `?camera=gate-2&captured_at=${time(T0)}`, type: 'image/png', bytes: one })).json;
  assert.deepEqual([made.width, made.height, made.camera, made.label_state, made.here], [64, 48, 'gate-2', 'none', true]);
  await ask('addPicture', 200, { type: 'image/png', bytes: one });
  assert.match((await ask('addPicture', 400, { type: 'image/png', bytes: Buffer.from('GIF89a') })).json.error.fact, /neither a JPEG nor a PNG/);
  assert.match((await ask('addPicture', 422, { type: 'image/png', bytes: one.subarray(0, 90) })).json.error.fact, /broken or cut/);
  const huge = Buffer.from(one);
  huge.writeUInt32BE(30000, 16);
  huge.writeUInt32BE(30000, 20);
  huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
  assert.match((await ask('addPicture', 400, { type: 'image/png', bytes: huge })).json.error.fact, /30000 x 30000/);
  const part = await house.request('GET', `/api/v1/blobs/${made.picture}`, { headers: { range: 'bytes=0-3' } });
  assert.deepEqual([part.status, part.bytes.toString('hex')], [206, '89504e47']);
  called.get('getBlob').add(206);
  const out = await house.request('GET', `/api/v1/blobs/${made.picture}`, { headers: { range: 'bytes=999999-' } });
  assert.equal(out.status, 416);
  called.get('getBlob').add(416);
  const small = await ask('getBlob', 200, { at: { digest: made.picture }, query: '?width=32' });
  assert.equal(small.headers['content-type'], 'image/jpeg');
  it.upload = made.picture;
});

// covers: CIR-2
test('a label names the version it saw, is refused when it cannot be, is undone and reviewed by somebody else', async () => {
  const at = { picture: it.upload };
  const put = (want, body, who) => ask('putLabel', want, { at, body, who });
  const label = { version: 1, verdict: 'objects', boxes: [box(0.25, 0.25, 0.5, 0.5, 'person', { track: 3 })], spent_ms: 4200 };
  for (const [bad, pattern] of [
    [{ ...label, boxes: [box(0.8, 0.1, 0.5, 0.1)] }, /does not lie in the picture/],
    [{ ...label, boxes: [box(0.1, 0.1, 0, 0.1)] }, /has no area/],
    [{ ...label, boxes: [box(0.1, 0.1, 0.1, 0.1, 'unicorn')] }, /'unicorn' is not known/],
    [{ ...label, boxes: [{ class: 'person', box: { l: null, t: 0, w: 1, h: 1 } }] }, /l, t, w, h/],
    [{ ...label, boxes: [] }, /needs a box/], [{ ...label, verdict: 'maybe' }, /no verdict/], [{ ...label, version: 7 }, /does not exist/],
  ]) assert.match((await put(400, bad)).json.error.fact, pattern);
  await ask('putLabel', 404, { at: { picture: 'f'.repeat(64) }, body: label });

  const labelled = (await put(200, label)).json;
  assert.deepEqual([labelled.version, labelled.label_state, labelled.label.by, labelled.label.spent_ms], [2, 'labelled', 'admin', 4200]);
  assert.deepEqual(labelled.label.boxes, label.boxes);
  const conflict = (await put(409, { ...label, verdict: 'nothing', boxes: [] })).json;
  assert.deepEqual(conflict.changes.map((entry) => [entry.version, entry.what, entry.who]), [[2, 'labelled', 'admin']]);
  assert.equal(conflict.picture.version, 2);

  assert.equal((await put(200, { version: 2, verdict: 'nothing' })).json.label.verdict, 'nothing');
  const undone = (await ask('undoLabel', 200, { at, body: { version: 3 } })).json;
  assert.deepEqual([undone.version, undone.label.boxes, undone.label_state], [4, label.boxes, 'labelled']);
  await ask('undoLabel', 409, { at, body: { version: 3 } });
  await ask('undoLabel', 400, { at, body: { version: 4, to: 99 } });
  await ask('undoLabel', 404, { at: { picture: 'f'.repeat(64) }, body: { version: 1 } });

  it.olga = await user('olga');
  const review = (want, body, who = it.olga) => ask('reviewLabel', want, { at, body, who });
  await review(403, { version: 4, agree: true }, house.token);
  await review(409, { version: 3, agree: true });
  await review(400, { version: 4 });
  await ask('reviewLabel', 404, { at: { picture: 'f'.repeat(64) }, body: { version: 1, agree: true } });
  const refused = (await review(200, { version: 4, agree: false, note: 'too wide' })).json;
  assert.deepEqual([refused.label_state, refused.review.agree, refused.review.note], ['proposed', false, 'too wide']);
  const next = (await ask('nextPicture', 200)).json;
  assert.equal(next.picture, it.upload, 'what a reviewer refused comes first');
  await ask('putLabel', 200, { at, body: { ...label, version: 5 } });
  assert.equal((await review(200, { version: 6, agree: true })).json.label_state, 'reviewed');
  const history = (await ask('getPoolHistory', 200, { at })).json.entries;
  assert.deepEqual(history.map((entry) => entry.what), ['proposed', 'labelled', 'labelled', 'undone', 'disagreed', 'labelled', 'agreed']);
  await ask('getPoolHistory', 404, { at: { picture: 'f'.repeat(64) } });
});

test('the next picture is the one that teaches most, and no neighbour of the last', async () => {
  const first = (await ask('nextPicture', 200)).json;
  assert.equal(first.picture, it.alarm, 'a hard negative goes before an unsure sample');
  assert.ok(first.teach > 3 && first.teach_why.length, JSON.stringify(first.teach_why));
  for (const n of [4, 5]) await ask('addPicture', 201, { query: `?camera=gate-3&captured_at=${time(T0 + n * 1000)}`, type: 'image/png', bytes: png(n) });
  const skip = `&skip=${it.alarm},${it.sample}`;
  const next = (await ask('nextPicture', 200, { query: `?after=${sha256(png(4))}${skip}` })).json;
  assert.equal(next.picture, sha256(png(5)), 'when only a neighbour is left, it comes all the same');
  assert.notEqual((await ask('nextPicture', 200, { query: `?after=${sha256(png(4))}` })).json.camera, 'gate-3');
  await ask('nextPicture', 400, { query: '?after=x' });
  await ask('nextPicture', 204, { query: '?camera=nowhere' });
  await ask('listPool', 400, { query: '?order=best' });
  await ask('listPool', 400, { query: '?label=some' });
  const page = (await ask('listPool', 200, { query: '?limit=2' })).json;
  const rest = (await ask('listPool', 200, { query: `?limit=200&cursor=${page.next}` })).json;
  const all = [...page.pictures, ...rest.pictures];
  assert.equal(new Set(all.map((one) => one.picture)).size, 5);
  assert.deepEqual(all.map((one) => one.teach), all.map((one) => one.teach).sort((a, b) => b - a));
  assert.deepEqual((await ask('addPoolClass', 200, { body: { name: 'forklift' } })).json.classes.map((one) => one.name), ['bicycle', 'forklift', 'person']);
  await ask('addPoolClass', 400, { body: { name: '' } });
  await ask('listPoolClasses', 200);
});

// covers: CIR-3
test('a version is frozen with whole groups, says what is weak, and goes out and comes back the same', async () => {
  await ask('createDataset', 400, { body: { name: 'yard' } });
  for (let n = 10; n < 58; n++) {
    const camera = n % 2 ? 'gate-4' : 'gate-5';
    const made = (await ask('addPicture', 201, { query: `?device=yard&camera=${camera}&captured_at=${time(T0 + Math.floor(n / 4) * 60e3 + (n % 4) * 9e3)}`, type: 'image/png', bytes: png(n) })).json;
    const boxes = n % 5 ? [box(0.1 + n / 1000, 0.123456, 0.3, 0.333333, n % 3 ? 'person' : 'bicycle', n % 7 ? {} : { track: n })] : [];
    await ask('putLabel', 200, { at: { picture: made.picture }, body: { version: 1, verdict: boxes.length ? 'objects' : 'nothing', boxes } });
  }
  const wish = { name: 'yard', seed: 3 };
  const made = (await ask('createDataset', 201, { body: wish })).json;
  assert.equal((await ask('createDataset', 200, { body: wish })).json.dataset.digest, made.dataset.digest, 'the same selection is the same version');
  await ask('createDataset', 400, { body: { name: 'Yard 1' } });
  await ask('createDataset', 400, { body: { ...wish, split: { val: 0.6, test: 0.6 } } });
  const at = { digest: made.dataset.digest };
  const answer = await ask('getDataset', 200, { at });
  assert.equal(sha256(answer.bytes), made.dataset.digest);
  const manifest = answer.json;
  const splitOf = new Map();
  for (const picture of manifest.pictures) {
    assert.equal(splitOf.get(picture.group) ?? picture.split, picture.split, `${picture.group} lies in one split`);
    splitOf.set(picture.group, picture.split);
  }
  for (const split of ['train', 'val', 'test']) assert.ok(made.dataset.splits[split] > 0, split);
  assert.equal(JSON.stringify(manifest), JSON.stringify(JSON.parse(answer.bytes)));
  const report = (await ask('getDatasetReport', 200, { at })).json;
  assert.equal(report.splits.reduce((sum, split) => sum + split.pictures, 0), manifest.pictures.length);
  assert.equal(report.splits.find((split) => split.split === 'test').uses, 0);
  assert.deepEqual(report.cameras.map((one) => one.camera), ['gate-2', 'gate-4', 'gate-5']);
  const odd = (await ask('createDataset', 201, { body: { name: 'few', cameras: ['import/gate-2', 'yard/gate-4'], classes: ['bicycle'], split: { block_s: 86400 } } })).json;
  assert.ok(odd.warnings.some((warning) => /'bicycle' is missing in|the split test has/.test(warning.fact)), JSON.stringify(odd.warnings));
  const diff = (await ask('diffDatasets', 200, { at: { ...at, other: odd.dataset.digest } })).json;
  assert.equal(diff.added.length, 0);
  assert.equal(diff.removed.length + diff.relabelled.length + diff.moved.length + diff.same, manifest.pictures.length);
  const none = 'f'.repeat(64);
  for (const id of ['getDataset', 'getDatasetReport']) await ask(id, 404, { at: { digest: none } });
  await ask('getDataset', 404, { at: { digest: it.upload } });
  await ask('diffDatasets', 404, { at: { ...at, other: none } });
  await ask('exportDataset', 404, { at: { digest: none }, query: '?format=coco' });
  await ask('exportDataset', 400, { at, query: '?format=voc' });
  const coco = (await ask('exportDataset', 200, { at, query: '?format=coco' })).bytes;
  const yolo = (await ask('exportDataset', 200, { at, query: '?format=yolo' })).bytes;
  assert.equal(tarNames(coco).filter((name) => name.startsWith('images/')).length, manifest.pictures.length);
  assert.match(tarText(yolo, 'README.txt'), /lost/);
  const list = (await ask('listDatasets', 200, { query: '?limit=1' })).json;
  assert.equal((await ask('listDatasets', 200, { query: `?cursor=${list.next}` })).json.datasets.length, 1);
  await ask('listDatasets', 400, { query: '?cursor=x' });
  Object.assign(it, { manifest, coco, yolo, digest: made.dataset.digest });
});

test('the command line lists, labels, freezes, compares and carries datasets', () => {
  const cli = (...args) => JSON.parse(house.cli(...args, '--json'));
  fs.writeFileSync(house.at('password'), house.password, { mode: 0o600 });
  house.cli('login', '--hub', `https://localhost:${house.port.hub}`, '--ca', house.at('hub/tls/ca.pem'), '--user', 'admin', '--password-file', house.at('password'));
  const [best] = cli('pool', 'list', '--label', 'proposed', '--limit', '1').pictures;
  assert.equal(best.picture, it.alarm);
  const labelled = cli('pool', 'label', best.picture, 'objects', '--boxes', 'bicycle:0.1,0.2,0.3,0.4;forklift:0.5,0.5,0.25,0.25');
  assert.deepEqual(labelled.label.boxes.map((one) => one.class), ['bicycle', 'forklift']);
  assert.throws(() => house.cli('pool', 'label', best.picture, 'objects', '--boxes', 'bicycle'), /is no box/);
  const made = cli('dataset', 'create', 'yard', '--seed', '3').dataset;
  assert.equal(cli('dataset', 'list', '--name', 'yard').datasets.length, 2);
  assert.deepEqual(cli('dataset', 'diff', it.digest, made.digest).added, [best.picture]);
  assert.match(house.cli('dataset', 'show', made.digest), /forklift[\s\S]*warning: the class 'forklift' is missing in/);
  house.cli('dataset', 'export', house.at('yard.tar'), '--dataset', it.digest, '--format', 'yolo');
  assert.deepEqual(fs.readFileSync(house.at('yard.tar')), it.yolo, 'the same dataset is the same tar');
  const back = cli('dataset', 'import', house.at('yard.tar'), '--format', 'yolo');
  assert.deepEqual([back.pictures, back.added, back.known, back.labels], [it.manifest.pictures.length, 0, it.manifest.pictures.length, 0], "people's labels stay");
});

// covers: CIR-2
test('COCO and YOLO come into an empty hub exactly as they went out', async () => {
  const other = await House.build({ mailbox: false });
  const mine = house;
  try {
    await other.startHub();
    await other.signIn();
    house = other;
    await ask('importPool', 400, { query: '?format=yolo', type: 'application/x-tar', bytes: it.coco });
    await ask('importPool', 400, { query: '?format=voc', type: 'application/x-tar', bytes: it.coco });
    await ask('importPool', 422, { query: '?format=coco', type: 'application/x-tar', bytes: zlib.gzipSync(it.coco).subarray(0, 5000) });
    const result = (await ask('importPool', 200, { query: '?format=coco', type: 'application/x-tar', bytes: it.coco })).json;
    assert.deepEqual([result.pictures, result.added, result.labels, result.refused], [it.manifest.pictures.length, it.manifest.pictures.length, it.manifest.pictures.length, []]);
    const made = (await ask('createDataset', 201, { body: { name: 'yard', seed: 3 } })).json;
    const back = (await ask('getDataset', 200, { at: { digest: made.dataset.digest } })).json;
    const plain = (manifest) => manifest.pictures.map(({ source, ...picture }) => picture);
    assert.deepEqual(plain(back), plain(it.manifest));
    const boxes = (manifest) => manifest.pictures.map((one) => [one.picture, one.boxes.map(({ track, ...rest }) => rest)]);
    const again = (await ask('exportDataset', 200, { at: { digest: made.dataset.digest }, query: '?format=coco' })).bytes;
    const bboxes = (tar) => JSON.parse(tarText(tar, 'annotations.json')).annotations.map((one) => one.bbox);
    assert.deepEqual(bboxes(again), bboxes(it.coco));
    it.boxes = boxes(it.manifest);
  } finally {
    house = mine;
    await other.stop();
  }
  const third = await House.build({ mailbox: false });
  try {
    await third.startHub();
    await third.signIn();
    house = third;
    const result = (await ask('importPool', 200, { query: '?format=yolo&camera=film', type: 'application/x-tar', bytes: zlib.gzipSync(it.yolo) })).json;
    assert.equal(result.labels, it.manifest.pictures.length);
    const made = (await ask('createDataset', 201, { body: { name: 'yard' } })).json;
    assert.ok(made.warnings.some((warning) => /no known time/.test(warning.fact)));
    const back = (await ask('getDataset', 200, { at: { digest: made.dataset.digest } })).json;
    assert.deepEqual(back.pictures.map((one) => [one.picture, one.boxes]), it.boxes);
  } finally {
    house = mine;
    await third.stop();
  }
});

// covers: CIR-2
test('of an archive what is broken, lies or leads elsewhere is named, and the rest comes in', async () => {
  const lying = { file_name: 'images/lying.png', width: 640, height: 480 };
  const files = { 'images/good.png': png(60), 'images/outside.png': png(61), 'images/broken.png': png(62).subarray(0, 80), 'images/lying.png': png(63), '../../escape.png': png(64), 'notes.txt': 'x' };
  const images = ['good', 'outside', 'broken', 'lying'].map((name, i) => ({ id: i + 1, file_name: `${name}.png`, width: 64, height: 48, ...(name === 'lying' ? lying : {}) }));
  const annotations = [{ id: 1, image_id: 1, category_id: 9, bbox: [1, 2, 3, 4], iscrowd: 0 }, { id: 2, image_id: 2, category_id: 9, bbox: [60, 2, 30, 4], iscrowd: 0 }];
  files['annotations.json'] = JSON.stringify({ images, annotations, categories: [{ id: 9, name: 'van' }] });
  fs.mkdirSync(house.at('zip'));
  const names = Object.keys(files).map((name, i) => {
    fs.writeFileSync(house.at('zip', String(i)), files[name]);
    return [house.at('zip', String(i)), name];
  });
  execFileSync('python3', ['-c', 'import json,sys,zipfile\nz = zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED)\nfor path, name in json.loads(sys.argv[2]): z.write(path, name)\nz.close()', house.at('labels.zip'), JSON.stringify(names)]);
  const result = (await ask('importPool', 200, { query: '?format=coco', type: 'application/zip', bytes: fs.readFileSync(house.at('labels.zip')) })).json;
  assert.deepEqual([result.pictures, result.added, result.labels, result.refused_count, result.classes_added], [5, 2, 1, 3, ['van']]);
  const why = Object.fromEntries(result.refused.map((one) => [one.name, one.why]));
  assert.match(why['images/outside.png'], /annotation 2 does not lie in the picture/);
  assert.match(why['images/broken.png'], /broken or cut/);
  assert.match(why['images/lying.png'], /says 640 x 480 pixels, the picture has 64 x 48/);
});

test('every path of the pool and the datasets was asked, with every answer that is promised', () => {
  assert.deepEqual(unseen(['pool', 'datasets'], called), []);
});
