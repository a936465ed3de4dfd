// A full disk at the hub: evidence is refused clearly, an event is not acknowledged, reading goes on, and once there is room
// everything that waited goes through. Needs a small file system of its own, and so the right to mount one; skipped without.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import mqtt from 'mqtt';
import { House, PROGRAM, sha256, until } from '../journey/house.mjs';

let house, mounted, device, sas;

before(async () => {
  house = await House.build({ mailbox: false });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'vedette-test', house.at('hub')], { stdio: 'ignore' });
    mounted = true;
  } catch {
    return;
  }
  await house.startHub();
  await house.signIn();
  const [, host, id, key] = fs.readFileSync(house.at('device.connection'), 'utf8').match(/HostName=([^;:]+)[^;]*;DeviceId=([^;]+);SharedAccessKey=(.+)\n/);
  const sr = encodeURIComponent(`${host}/devices/${id}`), se = Math.floor(Date.now() / 1000) + 3600;
  const sig = encodeURIComponent(createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${se}`).digest('base64'));
  sas = `SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}`;
  device = mqtt.connect({ host: '127.0.0.1', port: house.port.mqtt, protocol: 'mqtts', ca: house.ca, servername: 'localhost', clientId: id, protocolVersion: 4, reconnectPeriod: 300, username: `${host}/${id}/?api-version=2021-04-12`, password: sas });
  await new Promise((resolve) => device.once('connect', resolve));
});

after(async () => {
  device?.end(true);
  const folder = house?.folder;
  if (house) {
    const keep = process.env.VEDETTE_KEEP;
    process.env.VEDETTE_KEEP = '1';
    await house.stop();
    if (keep === undefined) delete process.env.VEDETTE_KEEP;
  }
  if (mounted) execFileSync('umount', [path.join(folder, 'hub')]);
  if (folder) fs.rmSync(folder, { recursive: true, force: true });
});

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ulid = () => '01' + [...randomBytes(24)].map((byte) => CROCKFORD[byte & 31]).join('');
const now = () => new Date().toISOString().replace('Z', '000Z');
const eventOf = (members) => ({
  id: ulid(), revision: 1, phase: 'start', device: 'yard-agent', camera: 'yard-1', kind: 'zone', severity: 'high', rule_id: 'r', rule_version: '1', zone: 'z', start: now(), update: now(), end: null,
  track: 1, class: 'person', score: 0.9, model: { name: 'm', digest: 'a'.repeat(64) }, boxes: [], inferences: [], evidence: [], ...members,
});
const publish = (event) => device.publishAsync('devices/yard-agent/messages/events/%24.ct=application%2Fjson&%24.ce=utf-8&type=event', JSON.stringify(event), { qos: 1 });

function patch(digest, bytes, offset, total) {
  return house.request('PATCH', `/device/v1/evidence/${digest}`, { bytes, headers: { authorization: sas, 'content-type': 'application/octet-stream', 'upload-offset': offset, 'upload-length': total } });
}

test('a hub without room says so, loses nothing, and goes on when there is room', async (t) => {
  if (!mounted) return t.skip('no right to mount a file system');
  const clip = randomBytes(1 << 20);
  const event = eventOf({ evidence: [{ kind: 'clip', digest: sha256(clip), bytes: clip.length, content_type: 'video/mp4', start: now(), end: now() }] });
  await publish(event);
  const ballast = house.at('hub/ballast');
  try {
    fs.writeFileSync(ballast, Buffer.alloc(12 << 20));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  }

  const refused = await patch(event.evidence[0].digest, clip, 0, clip.length);
  assert.equal(refused.status, 507, refused.bytes.toString());
  assert.equal(refused.json.error.class, 'full');
  let answered = false;
  const second = eventOf({ camera: 'yard-2' });
  const waiting = publish(second).then(() => (answered = true));
  assert.equal((await house.get('/api/v1/incidents')).incidents.length, 1, 'reading goes on');
  await until('the hub to say that there is no room', () => /"level":"(warn|error)"/.test(house.programs.hub.text), 20);
  assert.equal(answered, false, 'what is not on disk is not acknowledged');

  fs.rmSync(ballast);
  await until('the second event', async () => (await house.get('/api/v1/incidents')).incidents.length === 2, 60);
  await waiting;
  const taken = await until('the evidence to be taken', async () => {
    const answer = await patch(event.evidence[0].digest, clip, 0, clip.length);
    return answer.status === 204 && answer;
  }, 20);
  assert.equal(taken.headers['upload-complete'], '?1');
  assert.ok(house.programs.hub.running);
});
