// The IoT device SDK, unchanged, against the intake.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import azureDevice from 'azure-iot-device';
import azureMqtt from 'azure-iot-device-mqtt';
import { Hub } from './hub.mjs';

const { Client, Message } = azureDevice;
let hub, client;

before(async () => {
  hub = await Hub.start();
  client = Client.fromConnectionString(hub.connection_string, azureMqtt.Mqtt);
  await client.setOptions({ ca: hub.caText });
  await client.open();
});
after(async () => {
  await client.close();
  assert.equal(await hub.stop(), 0);
});

// covers: HUB-1
test('telemetry arrives with its properties', async () => {
  const message = new Message(JSON.stringify({ temperature: 21 }));
  message.messageId = 'm-1';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('alarm', 'a & b');
  await client.sendEvent(message);
  const { bags } = await hub.say('bags');
  assert.equal(bags[1], '{"temperature":21}');
  const bag = new URLSearchParams(bags[0]);
  assert.equal(bag.get('$.mid'), 'm-1');
  assert.equal(bag.get('alarm'), 'a & b');
  assert.equal(bag.get('$.ct'), 'application/json');
  assert.equal(bag.get('$.cdid'), 'dev-1');
});

// covers: HUB-1
test('the twin is read, reported and patched', async () => {
  const twin = await client.getTwin();
  assert.equal(twin.properties.desired.$version, 1);
  await new Promise((done, fail) => twin.properties.reported.update({ cameras: { gate: 'live' } }, (e) => (e ? fail(e) : done())));
  const seen = await hub.say('twin', 'dev-1');
  assert.deepEqual(seen.twin.properties.reported.cameras, { gate: 'live' });
  const patched = new Promise((done) => twin.on('properties.desired', (delta) => delta.fps && done(delta)));
  await new Promise((done) => setImmediate(done));
  await hub.until(['patch', 'dev-1', JSON.stringify({ properties: { desired: { fps: 5 } } })], (a) => a.twin);
  const delta = await Promise.race([patched, later(hub)]);
  assert.equal(delta.fps, 5);
});

// The SDK subscribes without telling when it is done: patch again until it has heard.
async function later(of) {
  for (let n = 0; n < 40; n++) {
    await new Promise((done) => setTimeout(done, 250));
    await of.say('patch', 'dev-1', JSON.stringify({ properties: { desired: { fps: 5, again: n } } }));
  }
  return {};
}

// covers: HUB-1
test('a direct method is answered by the device', async () => {
  client.onDeviceMethod('reboot', (request, response) => response.send(207, { asked: request.payload }));
  const answer = await hub.until(['call', 'dev-1', 'reboot', '{"in":5}'], (a) => a.error !== 'gone');
  assert.deepEqual(answer, { status: 207, payload: { asked: { in: 5 } } });
});

// covers: HUB-1
test('a cloud-to-device message is delivered and completed', async () => {
  const got = new Promise((done) => client.on('message', done));
  await hub.say('send', 'dev-1', 'look', 'here');
  const message = await got;
  assert.equal(message.getData().toString(), 'look here');
  await client.complete(message);
  await hub.until(['rows', 'devicebound'], (a) => a.rows === 0);
});

test('a disabled device is told so', async () => {
  await hub.say('create', 'dev-2');
  const { connection_string } = await hub.say('string', 'dev-2');
  await hub.say('disable', 'dev-2');
  const other = Client.fromConnectionString(connection_string, azureMqtt.Mqtt);
  await other.setOptions({ ca: hub.caText });
  other.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
  await assert.rejects(other.open(), /UnauthorizedError|Not authorized|unauthorized/i);
});
