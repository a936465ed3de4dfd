// npm mqtt and mosquitto_pub, unchanged, against the intake.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import { Hub } from './hub.mjs';

const run = promisify(execFile);
const events = 'devices/dev-1/messages/events/';
let hub;

before(async () => { hub = await Hub.start(); });
after(async () => { assert.equal(await hub.stop(), 0); });

const connect = (extra = {}) =>
  mqtt.connectAsync(`mqtts://localhost:${hub.port}`, { ca: hub.caText, protocolVersion: 4, reconnectPeriod: 0, ...hub.login(), ...extra });

// covers: HUB-1
test('MQTT.js publishes with QoS 0 and 1 and sees its twin', async () => {
  const client = await connect();
  await client.publishAsync(events, 'zero', { qos: 0 });
  await client.publishAsync(events + '%24.mid=one', 'one', { qos: 1 });
  assert.equal((await hub.say('rows', 'message')).rows, 2);
  await client.subscribeAsync('$iothub/twin/res/#');
  const answer = new Promise((done) => client.on('message', (topic, body) => done([topic, JSON.parse(body)])));
  await client.publishAsync('$iothub/twin/GET/?$rid=9', '');
  assert.deepEqual(await answer, ['$iothub/twin/res/200/?$rid=9', { desired: { $version: 1 }, reported: { $version: 1 } }]);
  await client.endAsync();
});

test('a filter for another device is not granted', async () => {
  const client = await connect();
  await assert.rejects(client.subscribeAsync('devices/dev-2/messages/devicebound/#', { qos: 1 }));
  await client.endAsync();
});

// covers: HUB-1
test('mosquitto_pub publishes, and is refused with a wrong key', async () => {
  const login = hub.login();
  const args = ['-h', 'localhost', '-p', String(hub.port), '--cafile', hub.ca, '-V', 'mqttv311', '-q', '1', '-i', login.clientId,
    '-u', login.username, '-t', events + 'from=mosquitto', '-m', 'hello'];
  const before = (await hub.say('counts')).messages;
  await run('mosquitto_pub', [...args, '-P', login.password]);
  assert.equal((await hub.say('counts')).messages, before + 1);
  await assert.rejects(run('mosquitto_pub', [...args, '-P', login.password.replace(/sig=../, 'sig=xx')]));
  assert.equal((await hub.say('counts')).messages, before + 1);
});

// covers: HUB-2
test('killed between commit and PUBACK, the message is there exactly once', async () => {
  const client = await connect();
  client.on('error', () => {});
  const rows = (await hub.say('rows', 'message')).rows;
  let answered = false;
  await hub.say('hold');
  client.publish(events + '%24.mid=crash', 'x', { qos: 1 }, (error) => { answered = answered || !error; });
  await hub.until(['counts'], (counts) => counts.uncommitted > 0);
  await hub.say('freeze');
  await hub.say('release');
  await hub.until(['rows', 'message'], (answer) => answer.rows === rows + 1);
  await hub.kill();
  client.end(true);
  assert.equal(answered, false);
  hub = await Hub.start(hub.folder);
  const again = await connect();
  await again.publishAsync(events + '%24.mid=crash', 'x', { qos: 1, dup: true });
  assert.equal((await hub.say('rows', 'message')).rows, rows + 1);
  assert.equal((await hub.say('counts')).duplicates, 1);
  await again.endAsync();
});

test('killed before the commit, the message is taken once when it comes again', async () => {
  const client = await connect();
  client.on('error', () => {});
  const rows = (await hub.say('rows', 'message')).rows;
  await hub.say('hold');
  client.publish(events + '%24.mid=early', 'x', { qos: 1 }, () => {});
  await hub.until(['counts'], (counts) => counts.uncommitted > 0);
  await hub.kill();
  client.end(true);
  hub = await Hub.start(hub.folder);
  assert.equal((await hub.say('rows', 'message')).rows, rows);
  const again = await connect();
  await again.publishAsync(events + '%24.mid=early', 'x', { qos: 1, dup: true });
  assert.equal((await hub.say('rows', 'message')).rows, rows + 1);
  await again.endAsync();
});
