// What stays at the device until it is asked for, through a real hub and a real agent: evidence that the upload policy holds
// back, and ranges of the continuous recording.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import azureDevice from 'azure-iot-device';
import azureMqtt from 'azure-iot-device-mqtt';
import { unseen } from './contract.mjs';
import { PROGRAM, sha256, until } from './house.mjs';
import { LoneHub } from './lone-hub.mjs';
import { smallModel } from './small_model.mjs';

const NOBODY = '01J00000000000000000000000';
const it = {};
let hub, folder, agent;

before(async () => {
  hub = await LoneHub.start('media');
  folder = hub.folder;
  it.vera = await hub.person('vera', 'viewer');
  await startAgent();
});

after(() => hub?.stop());

const request = (...of) => hub.request(...of);
const ask = async (...of) => (await hub.ask(...of)).json;

// One camera that is recorded, with something in its zone for ever; no evidence of it is worth sending.
async function startAgent() {
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=160x120:rate=10:duration=6', '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', `${folder}/film.mp4`]);
  agent = await hub.startAgent('dock', smallModel({ name: 'own', scores: [0.5, 0.1] }), `
model: { path: ${folder}/own.onnx, threads: 1 }
cameras: [{ id: film, file: ${folder}/film.mp4, recording: { enabled: true } }]
rules: [{ id: all, kind: zone, zone: all, points: [[0, 0], [1, 0], [1, 1], [0, 1]], classes: [person], score_min: 0.35, dwell: 100ms, severity: medium }]
evidence: { pre_roll: 1s, post_roll: 1s, clip_max: 2s }
recording: { fragment: 1s, min_free_gb: 0 }
upload: { severity_min: high }
`);
}

const evidenceOf = async () => {
  const { incidents } = (await request('GET', '/api/v1/incidents')).json;
  if (!incidents.length) return [];
  return (await request('GET', `/api/v1/incidents/${incidents[0].id}`)).json.events[0].evidence;
};

// covers: REC-2
test('evidence that is held is shown as held, and comes when it is asked for', async () => {
  const held = await until('the event with its clip', async () => {
    const list = await evidenceOf();
    return list.some((file) => file.kind === 'clip') && list;
  });
  for (const file of held) assert.deepEqual({ held: file.held, arrived: file.arrived }, { held: true, arrived: false });
  const clip = held.find((file) => file.kind === 'clip');
  await ask('askEvidence', 403, { at: { digest: clip.digest }, token: it.vera });
  await ask('askEvidence', 404, { at: { digest: '0'.repeat(64) } });
  const asked = await ask('askEvidence', 202, { at: { digest: clip.digest } });
  assert.equal(asked.device, 'dock');
  await until('the clip to be here', async () => (await evidenceOf()).find((file) => file.digest === clip.digest).arrived);
  assert.equal((await evidenceOf()).find((file) => file.kind === 'snapshot').arrived, false);
  const bytes = (await request('GET', `/api/v1/evidence/${clip.digest}`)).bytes;
  assert.equal(sha256(bytes), clip.digest);
});

const settled = (id) => until('the recording to be here', async () => {
  const media = await ask('getMedia', 200, { at: { media: id } });
  return !['asked', 'coming'].includes(media.state) && media;
});

// covers: REC-2
test('a range of the recording is cut, sent and played', async () => {
  const to = Date.now() - 500;
  const range = { from: new Date(to - 1000).toISOString(), to: new Date(to).toISOString() };
  const at = { device: 'dock', camera: 'film' };
  await ask('askMedia', 403, { at, json: range, token: it.vera });
  await ask('askMedia', 400, { at, json: { from: range.to, to: range.from } });
  await ask('askMedia', 404, { at: { device: 'dock', camera: 'other' }, json: range });
  const wish = await ask('askMedia', 202, { at, json: range });
  assert.equal(wish.asked_by, 'admin');
  const media = await settled(wish.id);
  assert.equal(media.state, 'here', media.why);
  assert.ok(Date.parse(media.start) <= Date.parse(range.from) && Date.parse(media.end) >= to - 200, JSON.stringify(media));
  const bytes = (await request('GET', `/api/v1/blobs/${media.digest}`)).bytes;
  assert.equal(sha256(bytes), media.digest);
  fs.writeFileSync(`${folder}/range.mp4`, bytes);
  const frames = execFileSync('ffprobe', ['-v', 'error', '-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0', `${folder}/range.mp4`], { encoding: 'utf8' });
  assert.ok(Number(frames) >= 10, frames);
  const { media: list } = await ask('listMedia', 200, { at });
  assert.deepEqual(list.map((each) => each.state), ['here']);
  assert.equal((await ask('listMedia', 200, { at: { device: 'dock', camera: 'other' } })).media[0].state, 'failed');
  await ask('getMedia', 404, { at: { media: NOBODY } });
});

// covers: REC-2
test('what was never recorded is told, and vedette media get brings what was', async () => {
  const long_ago = { from: '2020-01-01T00:00:00Z', to: '2020-01-01T00:01:00Z' };
  const wish = await ask('askMedia', 202, { at: { device: 'dock', camera: 'film' }, json: long_ago });
  const media = await settled(wish.id);
  assert.equal(media.state, 'failed');
  assert.match(media.why, /nothing is recorded/);
  const env = { ...process.env, VEDETTE_CLI_CONFIG: `${folder}/cli.yaml` };
  const cli = (...args) => execFileSync(PROGRAM.cli, args, { encoding: 'utf8', env });
  fs.writeFileSync(`${folder}/password`, `${hub.password}\n`, { mode: 0o600 });
  cli('login', '--hub', `https://localhost:${hub.port.https}`, '--ca', `${hub.state}/tls/ca.pem`, '--user', 'admin', '--password-file', `${folder}/password`);
  const to = Date.now();
  cli('media', 'get', 'dock', 'film', new Date(to - 1000).toISOString(), new Date(to).toISOString(), '--out', `${folder}/cli.mp4`);
  assert.match(execFileSync('ffprobe', ['-v', 'error', '-show_entries', 'stream=codec_name', '-of', 'csv=p=0', `${folder}/cli.mp4`], { encoding: 'utf8' }), /h264/);
  assert.match(cli('media', 'list', 'dock', 'film'), /here[\s\S]*failed[\s\S]*here/);
  const snapshot = (await evidenceOf()).find((file) => file.kind === 'snapshot');
  assert.match(cli('evidence', 'ask', snapshot.digest), /dock sends it/);
});

// covers: REC-2
test('a device that refuses, or is away, is told, and no word of the contract is left out', async () => {
  const snapshot = (await evidenceOf()).find((file) => file.kind === 'snapshot');
  agent.child.kill('SIGTERM');
  await agent.ended;
  const range = { from: new Date(Date.now() - 2000).toISOString(), to: new Date().toISOString() };
  const busy = azureDevice.Client.fromConnectionString(fs.readFileSync(`${folder}/dock.connection`, 'utf8').trim(), azureMqtt.Mqtt);
  await busy.setOptions({ ca: hub.ca.toString() });
  await busy.open();
  const refuse = (status, error) => (call, answer) => answer.send(status, { error, hint: 'wait for some of them' }, () => {});
  busy.onDeviceMethod('media', refuse(429, 'too many recordings are asked for'));
  busy.onDeviceMethod('evidence', refuse(500, 'the disk does not answer'));
  const refused = await until('the device to have subscribed', async () => {
    const answer = await request('POST', '/api/v1/cameras/dock/film/media', { json: range });
    return answer.status !== 504 && answer;
  }, 30);
  assert.equal(refused.json.error.hint, 'wait for some of them');
  assert.match((await ask('askMedia', 409, { at: { device: 'dock', camera: 'film' }, json: range })).error.fact, /too many/);
  assert.match((await ask('askEvidence', 409, { at: { digest: snapshot.digest } })).error.fact, /disk/);
  await busy.close();
  await ask('askMedia', 504, { at: { device: 'dock', camera: 'film' }, json: range });
  await ask('askEvidence', 504, { at: { digest: snapshot.digest } });
  assert.deepEqual(unseen(['media'], hub.called), []);
});
