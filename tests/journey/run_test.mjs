// make run as a newcomer meets it: one address and a sign-in, a first incident within a minute, a clean stop, and the history there
// the next time. And its plain words when something is in the way.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { House, ROOT, freePort, until } from './house.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-run-'));
const state = path.join(folder, 'run');
const ports = { HUB_PORT: await freePort(), MQTT_PORT: await freePort(), RTSP_PORT: await freePort(), SMTP_PORT: await freePort() };
const env = { ...process.env, RUN_STATE: state, ...Object.fromEntries(Object.entries(ports).map(([k, v]) => [k, String(v)])) };
let run;

function start() {
  const child = spawn(path.join(ROOT, 'tools/run'), { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const me = { child, text: '', over: false };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { me.text += chunk; });
  me.ended = new Promise((resolve) => child.on('close', (code) => { me.over = true; resolve(code); }));
  return me;
}

// As Ctrl-C does: the whole foreground group gets SIGINT.
function interrupt(me) {
  process.kill(-me.child.pid, 'SIGINT');
  return me.ended;
}

const address = (me, seconds) => until('the address', () => {
  if (me.over) throw new Error(`make run ended: ${me.text}`);
  return me.text.match(/Open +(https:\S+)/)?.[1];
}, seconds);

async function visitor(password) {
  const house = new House();
  house.port = { hub: ports.HUB_PORT };
  house.ca = fs.readFileSync(path.join(state, 'hub/tls/ca.pem'));
  house.password = password;
  await house.signIn();
  return house;
}

let password, firstIncident;

// covers: RUN-1
test('it prints an address and a sign-in, and the first incident comes within a minute', async () => {
  run = start();
  assert.equal(await address(run, 240), `https://localhost:${ports.HUB_PORT}`);
  password = run.text.match(/Password +(\S+)/)[1];
  const house = await visitor(password);
  firstIncident = await until('the first incident', async () => (await house.incidents())[0], 60);
});

// covers: RUN-1
test('Ctrl-C stops everything cleanly', async () => {
  assert.equal(await interrupt(run), 0, run.text);
  for (const [name, port] of Object.entries(ports)) {
    const free = await new Promise((resolve) => {
      const server = net.createServer().once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    assert.ok(free, `${name} is free again`);
  }
});

// covers: RUN-1
test('a second start has the history, and does not print a password again', async () => {
  run = start();
  await address(run, 60);
  assert.doesNotMatch(run.text, new RegExp(password.replace(/[^\w]/g, '\\$&')));
  const house = await visitor(password);
  assert.ok((await house.incidents()).some((incident) => incident.id === firstIncident.id));
});

// covers: RUN-1
test('while it runs, a second make run in the same folder says so', () => {
  const second = spawnSync(path.join(ROOT, 'tools/run'), { env, encoding: 'utf8', timeout: 30000 });
  assert.notEqual(second.status, 0);
  assert.match(second.stderr, /already running/);
});

// covers: RUN-1
test('the password stands in no file under the state folder', () => {
  const search = spawnSync('grep', ['-rlF', password, state], { encoding: 'utf8' });
  assert.equal(search.stdout, '');
});

// covers: RUN-1
test('a taken port is named, with what to do', async () => {
  await interrupt(run);
  run = undefined;
  const server = net.createServer();
  await new Promise((resolve) => server.listen(ports.HUB_PORT, '127.0.0.1', resolve));
  const blocked = spawnSync(path.join(ROOT, 'tools/run'), { env, encoding: 'utf8', timeout: 30000 });
  await new Promise((resolve) => server.close(resolve));
  assert.equal(blocked.status, 1);
  assert.match(blocked.stderr, new RegExp(`port ${ports.HUB_PORT} is taken`));
  assert.match(blocked.stderr, /HUB_PORT=/);
  assert.ok(blocked.stderr.trim().split('\n').length <= 3, 'a message, not a stack of noise');
});

// covers: RUN-1
test('without npm, or without room on the disk, set-up says so in a line or two', () => {
  const bare = fs.mkdtempSync(path.join(folder, 'bin-'));
  const fake = (name, script) => fs.writeFileSync(path.join(bare, name), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  fake('df', 'echo head; echo "/dev/x 100 95 5 95% /"');
  const full = spawnSync(path.join(ROOT, 'tools/setup'), { env: { ...env, PATH: `${bare}:${process.env.PATH}` }, encoding: 'utf8' });
  assert.equal(full.status, 1);
  assert.match(full.stderr, /only 5 MiB are free/);
  const noNpm = fs.mkdtempSync(path.join(folder, 'bin-'));
  for (const name of ['bash', 'env', 'dirname', 'awk', 'df', 'mkdir', 'cat', 'sha256sum', 'wc', 'tr', 'id', 'grep', 'head', 'tail']) {
    fs.symlinkSync(spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim(), path.join(noNpm, name));
  }
  fs.writeFileSync(path.join(noNpm, 'apt-get'), '#!/bin/bash\necho "E: Unable to locate package npm" >&2; exit 100\n', { mode: 0o755 });
  fs.writeFileSync(path.join(noNpm, 'dpkg-query'), '#!/bin/bash\necho installed\n', { mode: 0o755 });
  const without = spawnSync('/bin/bash', [path.join(ROOT, 'tools/setup')], { env: { ...env, PATH: noNpm }, encoding: 'utf8' });
  assert.equal(without.status, 1);
  assert.match(without.stderr, /npm/);
  assert.ok(without.stderr.trim().split('\n').length <= 4, without.stderr);
});

after(async () => {
  if (run && !run.over) await interrupt(run);
  fs.rmSync(folder, { recursive: true, force: true });
});
