// A lens is smeared: the watch says which camera, what, since when, with pictures; and says when it is over.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { answerFaults, operations } from './contract.mjs';
import { House, until } from './house.mjs';
import { readMetrics } from './prometheus.mjs';

const LEARN = 8;
let house;
before(async () => {
  house = await House.build({
    cameras: ['yard-1', 'yard-2'], mailbox: false,
    hubMore: `watch: { learn: ${LEARN} }\nlake: { path: lake, every: 1s }\n`,
    agentMore: 'watch: { window: 2s }\nlocal: { port: 0 }\n',
  });
  fs.writeFileSync(house.at('scrape.token'), 'a token that opens only figures\n');
  fs.appendFileSync(house.at('hub.yaml'), `metrics: { token_file: ${house.at('scrape.token')} }\n`);
  await house.startAll();
  await house.signIn();
});
after(() => house?.stop());

// Asks an operation of the contract and holds the answer against it.
async function ask(id, { at = {}, query = '', want = 200, ...rest } = {}) {
  const operation = operations.find((candidate) => candidate.id === id);
  const target = operation.template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(at[name])) + query;
  const answer = await house.request(operation.method, target, rest);
  assert.equal(answer.status, want, `${operation.method} ${target}: ${answer.bytes.subarray(0, 400)}`);
  assert.deepEqual(answerFaults(operation, answer), [], target);
  return answer.json ?? answer.bytes.toString();
}

const DEVICE = 'yard-agent';
const at = { device: DEVICE, camera: 'yard-1' };
const camera = async (id) => (await ask('listWatch')).cameras.find((c) => c.camera === id);
const fault = (words) => house.programs.sim.child.stdin.write(`fault ${words}\n`);
const sampling = async () => (await ask('getTwin', { at })).properties.desired.sampling?.cameras?.['yard-1'];
let incident;

// covers: CIR-9
test('a blurred camera is named in an incident with pictures before and after, the other one is not', async () => {
  await until('both references', async () => {
    const { cameras } = await ask('listWatch');
    return cameras.length === 2 && cameras.every((c) => c.state === 'steady');
  }, 60);
  fault('yard-1 blurred');
  const drifted = await until('the watch to tell', async () => {
    const c = await camera('yard-1');
    return c.state === 'drifted' && c;
  }, 40);
  assert.match(drifted.text, /^lens of yard-1 less sharp since \d\d:\d\d: sharpness \d+ -> [\d.]+$/);
  assert.equal(drifted.changes[0].series, 'sharpness');
  assert.ok(drifted.changes[0].now < drifted.changes[0].was / 2);
  const seen = await until('pictures before and after', async () => {
    const detail = await ask('getIncident', { at: { incident: drifted.incident } });
    return detail.events[0].evidence.length === 2 && detail.events[0].evidence.every((e) => e.arrived) && detail;
  }, 30);
  incident = seen.id;
  assert.equal(seen.title, drifted.text);
  assert.equal(seen.camera, 'yard-1');
  assert.equal(seen.severity, 'high');
  assert.equal(seen.rule_id, 'drift');
  const [first, second] = seen.events[0].evidence;
  assert.ok(Date.parse(first.start) < Date.parse(second.start));
  assert.equal((await camera('yard-2')).state, 'steady');
});

// covers: CIR-9
test('its statistics are shown beside the reference, and its sampling budget is raised', async () => {
  const detail = await ask('getWatch', { at });
  const sharpness = detail.series.find((s) => s.name === 'sharpness');
  assert.ok(sharpness.points.length >= LEARN + 2);
  assert.ok(sharpness.points.some((p) => p.differs));
  assert.ok(sharpness.points.at(-1).mean < sharpness.low);
  assert.equal(sharpness.counts.length, sharpness.edges.length + 1);
  await ask('getWatch', { at: { ...at, camera: 'none' }, want: 404 });
  await ask('getWatch', { at, query: '?from=yesterday', want: 400 });
  await until('the budget', async () => (await sampling())?.per_hour === 60, 30);
});

// covers: CIR-9
test('when the lens is clean again the drift ends, and the budget is as before', async () => {
  fault('yard-1 none');
  await until('the end', async () => (await camera('yard-1')).state === 'steady', 40);
  const detail = await ask('getIncident', { at: { incident } });
  assert.equal(detail.ongoing, false);
  assert.equal(detail.events[0].phase, 'end');
  await until('the budget', async () => (await sampling()) === undefined, 30);
});

test('what a camera shows now can be taken as its reference', async () => {
  const accepted = await ask('acceptReference', { at, body: {} });
  assert.equal(accepted.state, 'learning');
  assert.equal(accepted.reference.accepted_by, 'admin');
  await ask('acceptReference', { at: { ...at, camera: 'none' }, body: {}, want: 404 });
});

// covers: CIR-9
test('the fleet says what is known of each device, and what is not as it should be', async () => {
  await house.request('POST', '/api/v1/devices', { body: { id: 'spare' } });
  const device = await until('figures of the device', async () => {
    const found = (await ask('getFleet')).devices.find((d) => d.id === DEVICE);
    return found.cameras_live === 2 && found.clock_skew_ms !== undefined && found.disk_free_bytes > 0 && found;
  }, 30);
  assert.match(device.version, /^\d/);
  assert.equal(device.queue_dropped, 0);
  assert.ok(Math.abs(device.clock_skew_ms) < 2000);
  assert.deepEqual(device.reasons.filter((r) => !['disk', 'model'].includes(r.what)), []);
  const fleet = await ask('getFleet');
  const spare = fleet.devices.find((d) => d.id === 'spare');
  assert.deepEqual(spare.reasons.map((r) => r.what), ['never_seen']);
  await until('frames a second', async () => (await ask('listCameras')).cameras.every((c) => c.fps > 0), 20);
});

const scrape = (port, target) => new Promise((resolve, reject) => {
  http.get({ host: '127.0.0.1', port, path: target }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk));
    response.on('end', () => resolve({ status: response.statusCode, type: response.headers['content-type'], text }));
  }).on('error', reject);
});
const value = (families, name, labels = {}) =>
  families[name].samples.find((s) => Object.entries(labels).every(([key, text]) => s.labels[key] === text))?.value;

// Prometheus' own judge, where it is installed; the reader beside this file is as strict.
function promtool(text) {
  const judged = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (judged.error) return text;
  assert.equal(judged.status, 0, judged.stderr + judged.stdout);
  return text;
}

// covers: CIR-9
test('Prometheus reads the figures of the hub with a token, and of the agent on its own port', async () => {
  await ask('getMetrics', { headers: { authorization: '' }, want: 401 });
  await ask('getMetrics', { headers: { authorization: 'Bearer a token that opens only figured' }, want: 401 });
  const token = { authorization: 'Bearer a token that opens only figures' };
  const hub = readMetrics(promtool(await ask('getMetrics', { headers: token })));
  assert.equal((await house.request('GET', '/api/v1/fleet', { headers: token })).status, 401);
  assert.equal(value(hub, 'vedette_build_info', { program: 'hub' }), 1);
  assert.equal(value(hub, 'vedette_hub_devices_connected'), 1);
  assert.ok(value(hub, 'vedette_hub_messages_total', { what: 'other' }) > 2 * LEARN);
  assert.ok(value(hub, 'vedette_hub_requests_total', { status: '2xx' }) > 10);
  const incidents = hub.vedette_hub_incidents.samples.reduce((sum, s) => sum + s.value, 0);
  assert.ok(incidents >= 1 && incidents <= (await house.incidents()).length);
  const [, port] = await house.programs.agent.says(/local\.ready.*?"port":"?(\d+)/);
  const answer = await scrape(port, '/metrics');
  assert.match(answer.type, /^text\/plain; version=0\.0\.4/);
  const agent = readMetrics(promtool(answer.text));
  assert.equal(value(agent, 'vedette_agent_camera_up', { camera: 'yard-1' }), 1);
  assert.ok(value(agent, 'vedette_agent_camera_fps', { camera: 'yard-2' }) > 1);
  assert.equal(value(agent, 'vedette_agent_hub_connected'), 1);
  assert.equal(agent.vedette_agent_inference_seconds.type, 'histogram');
  assert.equal((await scrape(port, '/etc/passwd')).status, 404);
});

function lake(kind) {
  const folder = house.at('hub/lake', `kind=${kind}`);
  const files = fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true }).filter((name) => path.basename(name).startsWith('part-')) : [];
  for (const name of files) assert.match(name, /^site=Test%20yard\/date=\d{4}-\d\d-\d\d\/part-\d{12}\.jsonl\.gz$/);
  return files.flatMap((name) => gunzipSync(fs.readFileSync(path.join(folder, name))).toString().trim().split('\n').map((line) => JSON.parse(line)));
}

// covers: CIR-11
test('insights tell incidents, false alarms and uptime, as JSON and CSV, and the lake holds every event', async () => {
  const { version } = await ask('getIncident', { at: { incident } });
  await ask('resolveIncident', { at: { incident }, body: { version, verdict: 'true' } });
  const told = await ask('getInsights');
  assert.ok(told.hours.some((hour) => hour.kind === 'drift' && hour.incidents >= 1));
  assert.ok(told.acknowledge.acknowledged >= 1 && told.acknowledge.median_s > 0);
  assert.equal(told.uptime.length, 2);
  assert.ok(told.uptime.every((camera) => camera.rate > 0.3 && camera.rate <= 1));
  const csv = await ask('getInsights', { query: '?format=csv&table=uptime' });
  assert.equal(csv.split('\r\n')[0], 'device,camera,live_s,known_s,rate');
  assert.equal(csv.trim().split('\r\n').length, 3);
  await ask('getInsights', { query: '?format=xml', want: 400 });
  await ask('getInsights', { query: '?format=csv&table=users', want: 400 });
  await ask('getInsights', { query: '?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', want: 400 });
  await house.programs.agent.kill('SIGTERM');
  await until('the lake to hold what the hub holds', async () => {
    const events = await house.events();
    const ids = new Set(lake('event').map((event) => event.id));
    const resolved = lake('incident').some((row) => row.id === incident && row.verdict === 'true');
    return resolved && ids.size === events.length && events.every((event) => ids.has(event.id));
  }, 30);
  assert.ok(lake('window').length > 2 * LEARN);
  assert.equal((await ask('getInsights')).lake.enabled, true);
});
