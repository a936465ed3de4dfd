// A lens is smeared: the watch says which camera, what, since when, with pictures; and says when it is over.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answerFaults, operations } from './contract.mjs';
import { House, until } from './house.mjs';

const LEARN = 8;
let house;
before(async () => {
  house = await House.build({
    cameras: ['yard-1', 'yard-2'], mailbox: false,
    hubMore: `watch: { learn: ${LEARN} }\n`,
    agentMore: 'watch: { window: 2s }\nlocal: { port: 0 }\n',
  });
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
