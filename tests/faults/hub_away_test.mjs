// The agent runs with the hub away; when the hub returns everything arrives, in order per camera, nothing twice.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { House, until } from '../journey/house.mjs';

let house;
before(async () => {
  house = await House.build({ mailbox: false });
  await house.startCameras();
});
after(() => house?.stop());

// covers: RUN-3, QUE-1
test('what happened while the hub was away arrives when it is back, in order and once', async () => {
  const hub = await house.startHub(); // makes the certificate that the agent trusts
  await hub.kill('SIGTERM');
  await house.startAgent();
  await until('six finished events with the hub away', () => new Set(house.accepted().filter((e) => e.phase === 'end').map((e) => e.event)).size >= 6, 120);
  hub.start();
  await hub.says(/hub\.ready/);
  const want = house.accepted();
  await until('all of them at the hub', async () => {
    const have = new Map((await house.events()).map((event) => [event.id, event]));
    return want.every((entry) => have.get(entry.event)?.revision >= Number(entry.revision));
  }, 90);
  const events = await house.events();
  assert.equal(new Set(events.map((e) => e.id)).size, events.length);
  for (const incident of await house.incidents()) {
    // Two who were seen entering one after the other may be told together: what counts is when it happened.
    const starts = (await house.get(`/api/v1/incidents/${incident.id}`)).events.map((e) => Date.parse(e.start));
    assert.deepEqual(starts, [...starts].sort((a, b) => a - b), `events of ${incident.id} are in order`);
  }
});

// covers: RUN-3
test('after the hub vanishes for a moment the line comes back by itself', async () => {
  const { hub } = house.programs;
  await hub.kill('SIGKILL');
  hub.start();
  await hub.says(/hub\.ready/);
  await until('the device to be connected again', async () => {
    const { devices } = await house.get('/api/v1/devices');
    return devices.find((d) => d.id === 'yard-agent')?.connected;
  }, 90);
});
