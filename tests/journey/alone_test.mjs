// An agent with no hub at all: one YAML, a camera, somebody else's model behind HTTP, and whoever is told beside the cameras:
// a web server, a real MQTT broker, a file like a GPIO's.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import mqtt from 'mqtt';
import { FOOTAGE, freePort, PROGRAM, Program, sha256, until } from './house.mjs';
import { openBrowser, openPage } from '../browser/browser.mjs';
import { readMetrics } from './prometheus.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-alone-'));
const at = (...names) => path.join(folder, ...names);
const SECRET = 'a secret of the desk';
const hooks = [];
const told = [];
const looked = [];
const scorer = { answer: 'person' };
let web, broker, client, agent, local, token, browser;

function body(request) {
  return new Promise((resolve) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => resolve(Buffer.concat(chunks)));
  });
}

const person = (l) => ({ type: 'entity', entity: { tag: { value: 'person', confidence: 0.875 }, box: { l, t: 0.25, w: 0.125, h: 0.5 } } });

async function score(request, response) {
  looked.push({ jpeg: await body(request), type: request.headers['content-type'], accept: request.headers.accept });
  if (scorer.answer === 'busy') response.writeHead(503, { 'retry-after': '1' }).end();
  else if (scorer.answer === 'html') response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>It works!');
  else if (scorer.answer === 'nothing') response.writeHead(204).end();
  else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ inferences: [person(0.25)] }));
}

async function hook(request, response) {
  const text = (await body(request)).toString();
  hooks.push({ text, signature: request.headers['x-vedette-signature'] });
  response.writeHead(204).end();
}

async function startBroker() {
  const port = await freePort();
  fs.writeFileSync(at('mosquitto.conf'), `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
  broker = spawn('mosquitto', ['-c', at('mosquitto.conf')], { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  client = await until('the broker', () => mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 }));
  client.on('message', (topic, bytes) => told.push({ topic, body: JSON.parse(bytes) }));
  await client.subscribeAsync('site/#', { qos: 1 });
  return port;
}

before(async () => {
  web = http.createServer((request, response) => (request.url === '/score' ? score : hook)(request, response));
  await new Promise((ready) => web.listen(0, '127.0.0.1', ready));
  const { port } = web.address();
  fs.writeFileSync(at('desk.secret'), `${SECRET}\n`, { mode: 0o600 });
  fs.writeFileSync(at('agent.yaml'), `
device: lone-sentry
state_dir: ${at('state')}
model: { scorer: { url: 'http://127.0.0.1:${port}/score', name: next-door, classes: [person], width: 320, height: 320 } }
cameras:
  - { id: gate, file: ${FOOTAGE}, max_fps: 5 }
  - { id: roof, file: ${at('not-there.mp4')} }
  - { id: dome, url: 'ftp://10.0.0.9/main' }
rules:
  - { id: gate-person, kind: zone, cameras: [gate], points: [[0, 0], [1, 0], [1, 1], [0, 1]], classes: [person], dwell: 200ms, leave: 1s, severity: high }
evidence: { pre_roll: 1s, post_roll: 1s, clip_max: 4s }
local: { port: 0, token_file: ${at('local.token')} }
alerts:
  - { id: desk, webhook: 'http://127.0.0.1:${port}/hook', secret_file: ${at('desk.secret')}, severity: medium }
  - { id: plc, mqtt: 'mqtt://127.0.0.1:${await startBroker()}', topic: 'site/{device}/{camera}/{rule}', when: all }
  - { id: siren, output: ${at('gpio-value')}, hold: 1h }
  - { id: other, output: ${at('gpio-other')}, cameras: [roof] }
log: { format: json }
`);
  agent = new Program('agent', PROGRAM.agent, ['--config', at('agent.yaml')], folder, { VEDETTE_CAMERA_CHILD: PROGRAM.camera }).start();
  local = Number((await agent.says(/local\.ready.*?"port":"?(\d+)/))[1]);
  token = fs.readFileSync(at('local.token'), 'utf8').trim();
});

after(async () => {
  await browser?.close();
  await agent?.kill('SIGKILL');
  await client?.endAsync(true);
  broker?.kill();
  web?.close();
  web?.closeAllConnections();
  if (!process.env.VEDETTE_KEEP) fs.rmSync(folder, { recursive: true, force: true });
});

function ask(method, target, { bytes, type, headers = { authorization: `Bearer ${token}` } } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: local, path: target, method, agent: false, headers: { ...headers, ...(type ? { 'content-type': type } : {}) } },
      async (response) => {
        const answer = await body(response);
        const json = /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(answer) : undefined;
        resolve({ status: response.statusCode, headers: response.headers, bytes: answer, json });
      });
    request.on('error', reject);
    request.end(bytes);
  });
}
const status = async () => (await ask('GET', '/status')).json;

// covers: AGT-1
test('without a hub an event is told at once: signed webhook, MQTT message, output', async () => {
  const first = await until('a webhook', () => hooks[0], 60);
  const [, when, mac] = first.signature.match(/^t=(\d+),v1=([0-9a-f]{64})$/);
  assert.equal(mac, createHmac('sha256', SECRET).update(`${when}.${first.text}`).digest('hex'));
  const { type, alert, device, event } = JSON.parse(first.text);
  assert.deepEqual([type, alert, device, event.camera, event.severity], ['event.start', 'desk', 'lone-sentry', 'gate', 'high']);
  assert.equal(event.model.name, 'next-door');
  const message = await until('a message', () => told.find((m) => m.body.event.id === event.id), 30);
  assert.equal(message.topic, 'site/lone-sentry/gate/gate-person');
  await until('the output', () => fs.readFileSync(at('gpio-value'), 'utf8') === '1', 30);
  assert.equal(fs.readFileSync(at('gpio-other'), 'utf8'), '0');
});

// covers: INF-5
test('the scorer gets letterboxed JPEGs, and its boxes are mapped back to the picture', async () => {
  const { jpeg, type, accept } = looked[0];
  assert.deepEqual([type, accept], ['image/jpeg', 'application/json']);
  const size = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  assert.deepEqual([jpeg.readUInt16BE(size + 5), jpeg.readUInt16BE(size + 7)], [320, 320]);
  // 768x576 in a square: three quarters of its height, from an eighth on.
  const { box } = JSON.parse(hooks[0].text).event.boxes[0];
  assert.ok(Math.abs(box.l - 0.25) < 0.001 && Math.abs(box.t - (0.25 - 0.125) / 0.75) < 0.001, JSON.stringify(box));
  assert.ok(Math.abs(box.h - 0.5 / 0.75) < 0.001);
});

// covers: AGT-1
test('the port tells status and figures, shows the newest picture, and asks for its token', async () => {
  for (const target of ['/', '/status', '/cameras/gate/picture']) assert.equal((await ask('GET', target, { headers: {} })).status, 401, target);
  assert.equal((await ask('GET', '/health', { headers: {} })).bytes.toString(), 'ok\n');
  const now = await status();
  assert.equal(now.device, 'lone-sentry');
  assert.equal(now.hub, null);
  assert.equal(now.model.name, 'next-door');
  const [gate, roof] = now.cameras;
  assert.deepEqual([gate.id, gate.state, roof.id], ['gate', 'live', 'roof']);
  assert.ok(roof.why, 'a camera that is not there says why');
  assert.deepEqual(now.alerts.map((a) => [a.id, a.kind, a.on]), [['desk', 'webhook', false], ['plc', 'mqtt', false], ['siren', 'output', true], ['other', 'output', false]]);
  const picture = await ask('GET', '/cameras/gate/picture');
  assert.equal(picture.headers['content-type'], 'image/jpeg');
  assert.equal((await ask('GET', '/cameras/none/picture')).status, 404);
  const figures = readMetrics((await ask('GET', '/metrics', { headers: {} })).bytes.toString());
  const sent = figures.vedette_agent_alerts_total.samples.find((s) => s.labels.alert === 'desk' && s.labels.what === 'sent');
  assert.ok(sent.value >= 1);
  const main = (name) => figures[name].samples.find((s) => s.labels.model === 'main');
  assert.ok(main('vedette_agent_model_runs_total').value >= 1, 'models have figures of their own');
  assert.ok(main('vedette_agent_model_seconds_total').value > 0);
  assert.equal(main('vedette_agent_model_info').labels.name, 'next-door');
});

// covers: INF-5
test('others have their pictures scored and annotated by the agent', async () => {
  const { bytes } = await ask('GET', '/cameras/gate/picture');
  const before = looked.length;
  const found = await ask('POST', '/score?object=person&stream=gate', { bytes, type: 'image/jpeg' });
  assert.equal(found.status, 200, found.bytes.toString());
  assert.equal(found.json.inferences[0].entity.tag.value, 'person');
  assert.equal(found.headers['x-vedette-model'], 'next-door');
  assert.ok(looked.length > before);
  const drawn = await ask('POST', '/annotate', { bytes, type: 'image/jpeg' });
  assert.deepEqual([drawn.status, drawn.headers['content-type']], [200, 'image/jpeg']);
  assert.notEqual(sha256(drawn.bytes), sha256(bytes));
  assert.equal((await ask('POST', '/score?confidence=0.9', { bytes })).status, 204);
  assert.equal((await ask('POST', '/score?object=unicorn', { bytes })).status, 400);
  assert.equal((await ask('POST', '/score?stream=none', { bytes })).status, 404);
  assert.equal((await ask('POST', '/score', { bytes: 'no picture' })).status, 400);
});

// covers: INF-5
test('a scorer that is busy or answers a web page is named, the camera stays live, and work goes on when it is back', async () => {
  scorer.answer = 'html';
  const wrong = await until('the reason', async () => { const [gate] = (await status()).cameras; return /text\/html instead of JSON/.test(gate.why) && gate; });
  assert.deepEqual([wrong.state, wrong.hint], ['live', 'is this the address of a scorer, or of a web page?']);
  scorer.answer = 'busy';
  await until('the reason', async () => /the scorer is busy/.test((await status()).cameras[0].why));
  scorer.answer = 'nothing';
  const { length } = looked;
  await until('looks that go on', () => looked.length > length + 3);
  await until('nothing amiss', async () => (await status()).cameras[0].why === undefined);
  await until('the end of the visit', () => told.some((m) => m.body.type === 'event.end'), 30);
});

// covers: AGT-1, CAM-4
test('what the file says wrongly, and what waits for a restart, is told without any hub', async () => {
  const file = fs.readFileSync(at('agent.yaml'), 'utf8');
  const dome = (await status()).cameras.find((camera) => camera.id === 'dome');
  assert.equal(dome.state, 'refused');
  assert.match(dome.why, /neither an rtsp:.* line 8/);
  assert.match(dome.hint, /file:/);
  assert.deepEqual((await status()).config, { needs_restart: null, entries: [] });
  fs.writeFileSync(at('agent.yaml'), 'cameras: [');
  const wrong = await until('the file to be refused', async () => { const { config } = await status(); return config.why && config; });
  assert.match(wrong.why, /not valid YAML/);
  fs.writeFileSync(at('agent.yaml'), file.replace('max_fps: 5', 'max_fsp: 5'));
  const [gate] = await until('the entry to be refused', async () => { const { entries } = (await status()).config; return entries.length && entries; });
  assert.equal(gate.id, 'gate');
  assert.match(gate.hint, /max_fps/);
  assert.equal((await status()).cameras.find((camera) => camera.id === 'gate').state, 'live');
  fs.writeFileSync(at('agent.yaml'), file.replace('pre_roll: 1s', 'pre_roll: 2s'));
  await until('what waits for a restart', async () => (await status()).config.needs_restart === 'evidence.pre_roll');
});

// covers: AGT-1
test('the status page shows all of it in a browser, and says when it is stale', async () => {
  browser = await openBrowser();
  for (const [name, viewport, scheme] of [['desk', { width: 1280, height: 900 }, 'dark'], ['phone', { width: 320, height: 720 }, 'light']]) {
    const { page, context, complaints } = await openPage(browser, { viewport, scheme });
    await page.setExtraHTTPHeaders({ authorization: `Basic ${Buffer.from(`me:${token}`).toString('base64')}` });
    await page.goto(`http://127.0.0.1:${local}/`);
    await page.locator('[data-camera=gate] img').waitFor();
    const text = await page.innerText('body');
    for (const word of ['lone-sentry', 'No hub', 'next-door', 'gate', 'roof', 'desk', 'siren', 'on now', 'dome', 'refused', 'Restart needed', 'evidence.pre_roll']) assert.ok(text.includes(word), `${word} in ${text}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} does not scroll sideways`);
    if (process.env.VEDETTE_SHOTS) await page.screenshot({ path: path.join(process.env.VEDETTE_SHOTS, `agent-${name}.png`), fullPage: true });
    if (name === 'phone') {
      await agent.kill('SIGTERM');
      await page.locator('body.stale').waitFor();
      assert.match(await page.innerText('#stale'), /no answer for/);
    }
    assert.deepEqual(complaints, []);
    await context.close();
  }
  assert.equal(fs.readFileSync(at('gpio-value'), 'utf8'), '0', 'an agent that ends leaves its outputs off');
});

// covers: AGT-2
test('an agent without model and cameras keeps to 15 MB, and leaves the decoders and ONNX Runtime on the disk', async () => {
  fs.writeFileSync(at('bare.yaml'), `state_dir: ${at('bare')}\nmodel: { path: ${at('none.onnx')} }\nlocal: { port: 0 }\nlog: { format: json }\n`);
  const bare = new Program('bare', PROGRAM.agent, ['--config', at('bare.yaml')], folder).start();
  await bare.says(/agent\.ready/);
  const maps = fs.readFileSync(`/proc/${bare.child.pid}/maps`, 'utf8');
  const rollup = fs.readFileSync(`/proc/${bare.child.pid}/smaps_rollup`, 'utf8');
  await bare.kill('SIGTERM');
  for (const library of ['libavformat', 'libavcodec', 'libonnxruntime']) assert.ok(!maps.includes(library), library);
  const pss = Number(rollup.match(/^Pss:\s+(\d+) kB/m)[1]);
  if (!maps.includes('libasan')) assert.ok(pss <= 15000, `${pss} kB`);
});
