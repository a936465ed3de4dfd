// Cameras come and go while the agent runs: by the hub's word and by a change of the agent's file. What did not change is not touched.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { FOOTAGE, House, until } from './house.mjs';

let house;
let first;
before(async () => {
  house = await House.build({ cameras: ['yard-1'], mailbox: false });
  await house.startHub();
  await house.signIn();
  writeFile(['yard-1']);
  await house.startAgent();
  first = await live('yard-1');
});
after(() => house?.stop());

// As an editor does it: another file takes the place of the old one.
function writeFile(ids, more = '') {
  const yaml = house.agentYaml().replace(/model:\n.*\n/, 'model: { path: /nowhere.onnx }\n').replace(/cameras:[^]*$/, '');
  const entries = ids.map((id) => `\n  - { id: ${id}, file: ${FOOTAGE}, max_fps: 2 }`).join('');
  fs.writeFileSync(house.at('new.yaml'), `${yaml}cameras:${entries || ' []'}\n${more}`);
  fs.renameSync(house.at('new.yaml'), house.at('agent.yaml'));
}
const cameras = async () => (await house.get('/api/v1/cameras')).cameras;
const camera = async (id) => (await cameras()).find((c) => c.camera === id);
const live = (id) => until(`camera ${id} to be live`, async () => {
  const one = await camera(id);
  return one?.state === 'live' && one;
}, 60);
const gone = (id) => until(`camera ${id} to be gone`, async () => !(await camera(id)), 60);
const reported = async () => (await house.get('/api/v1/devices/yard-agent/twin')).properties.reported;
const desire = async (desired) => {
  const answer = await house.request('PATCH', '/api/v1/devices/yard-agent/twin', { body: { properties: { desired } } });
  assert.equal(answer.status, 200);
};

// covers: CAM-4
test('cameras of the hub come, and a wrong entry is refused alone, with its reason', async () => {
  await desire({
    templates: { slow: { parameters: { film: '', fps: 2 }, file: '${film}', max_fps: '${fps}' } },
    cameras: {
      'gate-2': { template: 'slow', with: { film: FOOTAGE } },
      'gate-3': { template: 'slow', with: { flim: FOOTAGE } },
    },
  });
  await live('gate-2');
  const bad = await until('the word on gate-3', () => camera('gate-3'));
  assert.equal(bad.state, 'failed');
  assert.match(bad.why, /no parameter 'flim'/);
  assert.match(bad.hint, /'film'/);
  const told = (await reported()).cameras;
  assert.equal(told['gate-2'].source, 'hub');
  assert.equal(told['yard-1'].source, 'file');
  assert.equal(told['gate-3'].entry.state, 'refused');
});

// covers: CAM-4
test('cameras of a changed file come and go, a wrong file changes nothing, and settings that wait are named', async () => {
  writeFile(['yard-1', 'dock'], 'watch: { window: 30m }\n');
  await live('dock');
  assert.equal(await until('the setting that waits', async () => (await reported()).agent.needs_restart), 'watch.window');
  writeFile(['yard-1'], 'cameras: again\n');
  const refused = await until('the file to be refused', async () => (await reported()).agent.file);
  assert.match(refused.why, /'cameras' is given twice/);
  await live('dock');
  writeFile(['yard-1']);
  await gone('dock');
  await until('all to be well with the file', async () => !(await reported()).agent.file && !(await reported()).agent.needs_restart);
});

// covers: CAM-4
test('what the hub takes back goes, and nobody touched the camera that did not change', async () => {
  await desire({ cameras: null, templates: null });
  await gone('gate-2');
  await gone('gate-3');
  const now = await live('yard-1');
  assert.equal(now.since, first.since);
  assert.equal(now.restarts ?? 0, 0);
  assert.deepEqual((await cameras()).map((c) => c.camera), ['yard-1']);
  await house.programs.agent.kill('SIGTERM');
});
