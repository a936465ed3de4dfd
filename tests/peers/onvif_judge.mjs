// npm onvif, unchanged, against our simulated camera; and our command line against the same: what the one
// sees the other sees too, so neither is true only to itself.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

const { Cam } = createRequire(`${process.env.NODE_PATH}/`)('onvif/promises');
const run = promisify(execFile);
let folder, password;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vedette-onvif-'));
  password = join(folder, 'password');
  await writeFile(password, 's3cret\n', { mode: 0o600 });
});
after(() => rm(folder, { recursive: true }));

class Sim {
  static async start(...options) {
    const sim = new Sim();
    sim.child = spawn(process.env.ONVIF_SIM, ['--user', 'viewer', '--password', 's3cret', ...options],
      { stdio: ['pipe', 'pipe', 'inherit'] });
    sim.lines = createInterface({ input: sim.child.stdout })[Symbol.asyncIterator]();
    const ready = (await sim.lines.next()).value.split(' ');
    sim.port = Number(ready[2]);
    sim.probePort = Number(ready[3]);
    return sim;
  }
  async turned() {
    this.child.stdin.write('?\n');
    return (await this.lines.next()).value;
  }
  async stop() {
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.stdin.end();
    assert.equal(await ended, 0);
  }
}

const vedette = (...words) => run(process.env.VEDETTE_CLI, words);
const asked = (sim, verb, ...more) => vedette('camera', verb, `127.0.0.1:${sim.port}`, ...more,
  '--user', 'viewer', '--password-file', password);

for (const [name, options] of [
  ['WS-Security', []],
  ['WS-Security by a clock an hour ahead', ['--clock-ahead', '3600']],
  ['HTTP digest', ['--http-digest']],
]) {
  // covers: CAM-3
  test(`npm onvif and ours see the same camera, signed in by ${name}`, async () => {
    const sim = await Sim.start(...options);
    const cam = new Cam({ hostname: '127.0.0.1', port: sim.port, username: 'viewer', password: 's3cret', timeout: 10000 });
    await cam.connect();
    const ours = JSON.parse((await asked(sim, 'show', '--json')).stdout);
    const about = await cam.getDeviceInformation();
    assert.deepEqual([about.manufacturer, about.model, String(about.firmwareVersion)], [ours.manufacturer, ours.model, ours.firmware]);
    assert.deepEqual(cam.profiles.map((p) => p.$.token), ours.streams.map((s) => s.profile));
    assert.equal(ours.streams.length, 4);
    assert.equal(ours.streams.find((s) => s.use === '*').profile, 'main_1');
    for (const stream of ours.streams) {
      const { uri } = await cam.getStreamUri({ protocol: 'RTSP', profileToken: stream.profile });
      assert.equal(uri, stream.url);
    }
    const theirs = await cam.getPresets({ profileToken: 'main_1' });
    const presets = JSON.parse((await asked(sim, 'preset', '--json')).stdout).presets;
    assert.deepEqual(Object.values(theirs).map((p) => [p.name, String(p.$.token)]), presets.map((p) => [p.name, p.token]));
    await cam.gotoPreset({ profileToken: 'main_1', preset: '1' });
    assert.equal(await sim.turned(), '1');
    await asked(sim, 'preset', 'Loading ramp');
    assert.equal(await sim.turned(), '2');
    await sim.stop();
  });
}

// covers: CAM-3
test('npm onvif is refused with a wrong password, and so are we, with a reason', async () => {
  const sim = await Sim.start();
  const cam = new Cam({ hostname: '127.0.0.1', port: sim.port, username: 'viewer', password: 'wrong', timeout: 10000 });
  await assert.rejects(cam.connect());
  await writeFile(password + '.wrong', 'wrong\n', { mode: 0o600 });
  await assert.rejects(
    vedette('camera', 'show', `127.0.0.1:${sim.port}`, '--user', 'viewer', '--password-file', password + '.wrong'),
    (e) => /refuses user or password/.test(e.stderr) && !/s3cret|wrong\n/.test(e.stdout));
  await sim.stop();
});

// covers: CAM-3
test('a camera that answers a probe is listed, and a preset that is none is told', async () => {
  const sim = await Sim.start();
  const { cameras } = JSON.parse((await vedette('camera', 'discover', `127.0.0.1:${sim.probePort}`, '--wait', '1', '--json')).stdout);
  assert.deepEqual(cameras.map((c) => [c.address, c.name]), [[`http://127.0.0.1:${sim.port}/onvif/device_service`, 'Yard North']]);
  await assert.rejects(asked(sim, 'preset', 'Gaet'), (e) => /no preset 'Gaet'/.test(e.stderr) && /did you mean 'Gate'/.test(e.stderr));
  await sim.stop();
});
