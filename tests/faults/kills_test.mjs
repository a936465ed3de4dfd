// kill -9 at ten random moments each: agent, hub, camera child. Afterwards every event the agent accepted is at the hub
// exactly once, and every evidence file matches its digest.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { House, sha256, until } from '../journey/house.mjs';

// Random moments, but the same ones when a run is repeated with the printed seed.
const seed = Number(process.env.SEED ?? Date.now() % 100000);
let state = seed;
const random = () => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state / 2147483648;
};
const moment = () => new Promise((resolve) => setTimeout(resolve, 200 + random() * 1800));

let house;
before(async () => {
  house = await House.build({ mailbox: false });
  await house.startAll();
});
after(() => house?.stop());

// covers: RUN-2, QUE-1, HUB-2, CAM-1
test(`nothing is lost or doubled when everything is killed at random moments (SEED=${seed})`, async () => {
  const { agent, hub, sim } = house.programs;
  await until('a first accepted event', () => house.accepted().length > 0, 60);
  for (let round = 0; round < 10; round++) {
    await moment();
    process.kill(await until('a camera child to kill', () => house.cameraChildren()[0], 30), 'SIGKILL');
    await moment();
    await hub.kill('SIGKILL');
    await moment();
    hub.start();
    await hub.says(/hub\.ready/);
    await moment();
    await agent.kill('SIGKILL');
    agent.start();
    await agent.says(/agent\.ready/);
  }
  // A clean end: the agent closes what is open; started again it only delivers.
  await agent.kill('SIGTERM');
  await sim.kill('SIGTERM');
  agent.start();
  const revisions = new Map();
  for (const entry of house.accepted()) revisions.set(entry.event, Math.max(revisions.get(entry.event) ?? 0, Number(entry.revision)));
  assert.ok(revisions.size >= 10, `${revisions.size} events were accepted`);
  let events;
  const refused = () => hub.text.split('\n').filter((line) => line.includes('intake.bad_event'));
  await until('every accepted event to arrive', async () => {
    events = await house.events();
    assert.deepEqual(refused(), [], 'the hub reads every event');
    const have = new Map(events.map((event) => [event.id, event.revision]));
    const missing = [...revisions].filter(([id, revision]) => !(have.get(id) >= revision));
    if (missing.length) throw new Error(`${missing.length} of ${revisions.size} missing, such as ${missing[0]}`);
    return true;
  }, 120);
  const ids = events.map((event) => event.id);
  assert.equal(new Set(ids).size, ids.length, 'each event is there once');
  await until('all evidence to arrive', async () => {
    events = await house.events();
    const waiting = events.flatMap((event) => event.evidence).filter((e) => !e.arrived);
    if (waiting.length) throw new Error(`${waiting.length} files have not arrived, such as ${JSON.stringify(waiting[0])}`);
    return true;
  }, 120);
  for (const evidence of events.flatMap((event) => event.evidence)) {
    assert.equal(sha256(await house.get(`/api/v1/evidence/${evidence.digest}`)), evidence.digest);
  }
  assert.deepEqual(fs.readdirSync(house.at('hub')).filter((name) => name.includes('.tmp')), []);
});
