// Rules travel from the hub to the agent: they hold at once, survive a restart without the hub, and wrong ones change nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { House, until } from './house.mjs';

let house;
before(async () => {
  house = await House.build({ cameras: ['yard-1'], mailbox: false });
  await house.startAll();
  await house.signIn();
});
after(() => house?.stop());

const rule = (id, points) => ({ id, kind: 'zone', zone: 'sent', points, classes: ['person'], score_min: 0.4, dwell: '500ms', leave: '1s' });
const whole = [[0.05, 0.05], [0.95, 0.05], [0.95, 0.95], [0.05, 0.95]];
const desire = async (rules) => {
  const answer = await house.request('PATCH', '/api/v1/devices/yard-agent/twin', { body: { properties: { desired: { rules } } } });
  assert.equal(answer.status, 200);
  return answer.json.properties.desired.$version;
};
const reported = async () => (await house.get('/api/v1/devices/yard-agent/twin')).properties.reported;
const answered = (version) => until(`the agent's word on version ${version}`, async () => {
  const { rules } = await reported();
  return rules?.desired_version === version && rules;
}, 30);
const holds = (id) => until(`rule ${id} to be reported`, async () => (await reported()).cameras?.['yard-1']?.rules?.map((r) => r.id).join() === id, 30);

// covers: RULE-1, HUB-1
test('rules sent by the hub replace those of the file and make events', async () => {
  await holds('yard-1-crossing');
  const answer = await answered(await desire({ 'yard-1': [rule('sent-one', whole)] }));
  assert.equal(answer.state, 'accepted');
  await holds('sent-one');
  await until('an event of the new rule', async () => (await house.incidents()).some((i) => i.rule_id === 'sent-one'), 60);
});

// covers: RULE-1
test('wrong rules are refused with their reason, and the old ones hold', async () => {
  const answer = await answered(await desire({ 'yard-1': [rule('sent-two', [[0.1, 0.1], [0.9, 0.9]])] }));
  assert.equal(answer.state, 'refused');
  assert.match(answer.why, /2 points/);
  assert.match(answer.hint, /3 to/);
  await holds('sent-one');
  const stranger = await answered(await desire({ 'yard-1': [rule('sent-one', whole)], 'yard-9': [rule('x', whole)] }));
  assert.equal(stranger.state, 'refused');
  assert.match(stranger.why, /yard-9/);
});

// covers: RUN-3
test("the hub's last good rules hold after a restart with the hub away", async () => {
  await answered(await desire({ 'yard-1': [rule('sent-three', whole)], 'yard-9': null }));
  await holds('sent-three');
  const { agent, hub } = house.programs;
  await agent.kill('SIGTERM');
  await hub.kill('SIGTERM');
  await house.startAgent();
  await agent.says(/"rule":"sent-three"/, 60);
});

// covers: RUN-3
test('after the hub takes its rules back the file holds again', async () => {
  const { hub } = house.programs;
  hub.start();
  await hub.says(/hub\.ready/);
  await desire(null);
  await holds('yard-1-crossing');
});
