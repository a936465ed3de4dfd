// Rubbish from every side: each gets a clear word in the log, the API or on the terminal; nothing crashes, and what is healthy goes on.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import mqtt from 'mqtt';
import { House, MODEL, PROGRAM, until } from '../journey/house.mjs';

let house;
before(async () => {
  house = await House.build({ cameras: ['yard-1'], mailbox: false });
  await house.startCameras();
  await house.startHub();
  await house.signIn();
});
after(() => house?.stop());

const agentCheck = (yaml) => {
  const file = house.at('bad.yaml');
  fs.writeFileSync(file, yaml);
  return spawnSync(PROGRAM.agent, ['--config', file, '--check-config'], { encoding: 'utf8' });
};
const lineOf = (yaml, text) => yaml.slice(0, yaml.indexOf(text)).split('\n').length;

// covers: BASE-4
test('an unknown key is refused with its line and the nearest known key', () => {
  const yaml = house.agentYaml().replace('pre_roll', 'pre_rol');
  const run = agentCheck(yaml);
  assert.notEqual(run.status, 0);
  assert.match(run.stderr, /pre_rol/);
  assert.match(run.stderr, /pre_roll/);
  assert.match(run.stderr, new RegExp(`line ${lineOf(yaml, 'pre_rol')}\\b`));
});

// covers: RULE-1
test('a zone with two points, or outside the picture, is refused with its line', () => {
  for (const points of ['[[0.1, 0.1], [0.2, 0.2]]', '[[0.1, 0.1], [1.2, 0.2], [0.3, 0.9]]', '[[0.1,0.1],[0.9,0.9],[0.9,0.1],[0.1,0.9]]']) {
    const run = agentCheck(house.agentYaml().replace(/points: .*/, `points: ${points}`));
    assert.notEqual(run.status, 0, points);
    assert.match(run.stderr, /line \d+/);
    assert.match(run.stderr, /point|edge|cross/i);
  }
});

// covers: INF-1
test('a model whose shape does not fit its descriptor is refused by name of what does not fit', () => {
  const descriptor = fs.readFileSync(MODEL, 'utf8');
  const onnx = MODEL.replace('.model.yaml', '.onnx');
  fs.copyFileSync(onnx, house.at('wrong.onnx'));
  fs.writeFileSync(house.at('wrong.model.yaml'), descriptor.replaceAll('512', '416').replace(/centernet\.onnx/g, 'wrong.onnx'));
  const run = spawnSync(PROGRAM.cli, ['analyze', '/usr/share/doc/opencv-doc/examples/data/vtest.avi', '--model', house.at('wrong.model.yaml'), '--detections', house.at('d.jsonl')], { encoding: 'utf8' });
  assert.notEqual(run.status, 0);
  assert.match(run.stderr, /512/);
  assert.match(run.stderr, /416/);
});

// covers: CAM-1
test('a URL that is no camera is shown as failed with a reason, and the healthy camera goes on', async () => {
  const yaml = house.agentYaml().replace('\nrules:', `
  - id: nobody
    url: rtsp://127.0.0.1:1/nothing
  - id: text
    file: ${house.at('hub.yaml')}
rules:`);
  fs.writeFileSync(house.at('agent.yaml'), yaml);
  const agent = await house.startAgent();
  const cameras = await until('three cameras with their states', async () => {
    const list = (await house.get('/api/v1/cameras')).cameras;
    const state = (id) => list.find((c) => c.camera === id)?.state;
    return state('yard-1') === 'live' && state('nobody') === 'failed' && state('text') === 'failed' && list;
  }, 60);
  for (const id of ['nobody', 'text']) assert.ok(cameras.find((c) => c.camera === id).why.length > 5, `${id} says why`);
  assert.ok(agent.running);
});

// covers: HUB-1
test('a wrong key is refused, and the log says which device', async () => {
  const bad = fs.readFileSync(house.at('device.connection'), 'utf8').replace(/SharedAccessKey=.*/, `SharedAccessKey=${Buffer.alloc(32, 7).toString('base64')}`);
  fs.writeFileSync(house.at('bad.connection'), bad, { mode: 0o600 });
  const yaml = house.agentYaml().replace(house.at('device.connection'), house.at('bad.connection')).replace(house.at('agent'), house.at('agent-bad'));
  fs.writeFileSync(house.at('agent-bad.yaml'), yaml);
  const before = house.programs.hub.text.length;
  const agent = house.program('agent-bad', PROGRAM.agent, ['--config', house.at('agent-bad.yaml')], { VEDETTE_CAMERA_CHILD: PROGRAM.camera });
  await until('the hub to say so', () => /refused|denied/.test(house.programs.hub.text.slice(before)) && house.programs.hub.text.slice(before).includes('yard-agent'), 30);
  assert.doesNotMatch(house.programs.hub.text, /SharedAccessKey=|sig=[A-Za-z0-9%]{10}/);
  await agent.kill('SIGTERM');
});

function connect() {
  const text = fs.readFileSync(house.at('device.connection'), 'utf8');
  void text;
  const password = execFileSync(process.execPath, ['-e', `
    const crypto = require('node:crypto'); const [, host, device, key] = process.argv.slice(0);
    const sr = encodeURIComponent(host + '/devices/' + device); const se = Math.floor(Date.now() / 1000) + 600;
    const sig = crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(sr + '\\n' + se).digest('base64');
    process.stdout.write('SharedAccessSignature sr=' + sr + '&sig=' + encodeURIComponent(sig) + '&se=' + se);
  `, text.match(/HostName=([^;]+)/)[1], text.match(/DeviceId=([^;]+)/)[1], text.match(/SharedAccessKey=([^;\s]+)/)[1]], { encoding: 'utf8' });
  const host = text.match(/HostName=([^;]+)/)[1];
  return mqtt.connect({ protocol: 'mqtts', host: 'localhost', port: house.port.mqtt, ca: house.ca, clientId: 'rubbish', username: `${host}/rubbish/?api-version=2021-04-12`, password, reconnectPeriod: 0 });
}

// covers: HUB-1
test('a message of 300 KB, and bytes that are no MQTT, end that connection and nothing else', async () => {
  const answer = await house.request('POST', '/api/v1/devices', { body: { id: 'rubbish' } });
  assert.equal(answer.status, 201);
  const { connection_string: text } = await house.get('/api/v1/devices/rubbish/connection-string');
  const mine = house.at('device.connection');
  const kept = fs.readFileSync(mine);
  fs.writeFileSync(mine, text);
  const client = connect();
  fs.writeFileSync(mine, kept);
  await new Promise((resolve, reject) => { client.once('connect', resolve); client.once('error', reject); });
  const closed = new Promise((resolve) => client.once('close', resolve));
  client.on('error', () => {});
  client.publish('devices/rubbish/messages/events/', Buffer.alloc(300 * 1024, 'x'), { qos: 1 });
  await closed;
  client.end(true);
  const raw = tls.connect({ host: '127.0.0.1', port: house.port.mqtt, ca: house.ca, servername: 'localhost' });
  const over = new Promise((resolve) => { raw.once('close', resolve); raw.on('error', () => {}); });
  raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0xc3, 0x28]));
  await over;
  assert.ok(house.programs.hub.running);
  await house.get('/api/v1/devices');
});

// covers: API-1
test('the API answers rubbish with a fact and never with a crash', async () => {
  const bad = await house.request('POST', '/api/v1/devices', { body: { id: '../../etc' + '\u0000' } });
  assert.equal(bad.status, 400);
  assert.ok(bad.json.error.fact.length > 5);
  const raw = await house.request('POST', '/api/v1/devices', { headers: { 'content-type': 'application/json' } });
  assert.equal(raw.status, 400);
  const lost = await house.request('GET', '/api/v1/incidents/01ARZ3NDEKTSV4RRFFQ69G5FAV');
  assert.equal(lost.status, 404);
  for (const target of ['/api/v1/incidents?limit=-1', '/api/v1/incidents?since=yesterday', '/api/v1/incidents?state=asleep', '/api/v1/incidents?cursor=%00%ff']) {
    const answer = await house.request('GET', target);
    assert.equal(answer.status, 400, target);
  }
  for (const target of ['/%2e%2e/%2e%2e/etc/passwd', '/../../etc/passwd', '/assets/..%2f..%2fhub.db']) {
    const answer = await house.request('GET', target);
    assert.doesNotMatch(answer.bytes.toString(), /root:|SQLite/);
  }
});

// covers: CAM-1
test('a stream that changes its size goes on with the new one', async () => {
  const { sim } = house.programs;
  await sim.kill('SIGTERM');
  const small = house.at('small.mp4');
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', '/usr/share/doc/opencv-doc/examples/data/vtest.avi', '-t', '10', '-vf', 'scale=320:240', '-c:v', 'libx264', '-pix_fmt', 'yuv420p', small]);
  const other = house.program('sim-small', PROGRAM.sim, ['--port', house.port.rtsp, '--cache', house.at('cache'), '--loop', '--camera', `yard-1=${small}`]);
  await other.says(/camera-sim: ready/, 120);
  const camera = await until('the camera to be live at 320x240', async () => {
    const list = (await house.get('/api/v1/cameras')).cameras;
    const one = list.find((c) => c.camera === 'yard-1');
    return one?.state === 'live' && one.width === 320 && one.height === 240 && one;
  }, 90);
  assert.equal(camera.height, 240);
  await other.kill('SIGTERM');
});

// covers: QUE-1
test('a full disk at the agent is said and survived; nothing half-done is left', { skip: process.getuid() !== 0 && 'needs root to mount a small disk' }, async (t) => {
  const disk = house.at('small-disk');
  fs.mkdirSync(disk);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk]).status !== 0) return t.skip('mounting is not allowed here');
  try {
    await house.programs.agent.kill('SIGTERM');
    house.programs.sim.start();
    await house.programs.sim.says(/camera-sim: ready/, 120);
    fs.writeFileSync(house.at('agent-small.yaml'), house.agentYaml().replace(`state_dir: ${house.at('agent')}`, `state_dir: ${disk}/agent`));
    fs.mkdirSync(path.join(disk, 'agent'));
    fs.writeFileSync(path.join(disk, 'ballast'), Buffer.alloc(5 * 1024 * 1024));
    const agent = house.program('agent-small', PROGRAM.agent, ['--config', house.at('agent-small.yaml')], { VEDETTE_CAMERA_CHILD: PROGRAM.camera });
    await agent.says(/full|No space/i, 90);
    assert.ok(agent.running);
    fs.rmSync(path.join(disk, 'ballast'));
    const mark = agent.text.length;
    await until('events to be accepted again', () => agent.text.slice(mark).includes('event.accepted'), 90);
    await agent.kill('SIGTERM');
  } finally {
    await house.programs['agent-small']?.kill('SIGKILL');
    spawnSync('umount', ['-l', disk]);
  }
  return undefined;
});
