// A whole house for tests: simulated cameras, a mailbox, the hub and an agent, each a real process, in a
// folder of their own and on free ports. Nothing here sleeps for luck: everything waits for a line in a log or an answer.
import { spawn, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const ROOT = process.env.VEDETTE_SOURCE_ROOT ?? path.resolve(import.meta.dirname, '../..');
export const BUILD = process.env.VEDETTE_TEST_BUILD ?? path.join(ROOT, 'build/release');
export const FOOTAGE = '/usr/share/doc/opencv-doc/examples/data/vtest.avi';
export const MODEL = path.join(ROOT, 'var/models/centernet.model.yaml');
const PROGRAM = {
  sim: path.join(BUILD, 'tools/camera-sim/camera-sim'),
  mailbox: path.join(BUILD, 'tools/mailbox/vedette-mailbox'),
  hub: path.join(BUILD, 'vedette-hub'),
  agent: path.join(BUILD, 'agent/vedette-agent'),
  camera: path.join(BUILD, 'agent/camera/vedette-camera'),
  cli: path.join(BUILD, 'cli/vedette'),
};
export { PROGRAM };

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// Asks again and again until `ask` gives something truthy; fails with the last thing seen.
export async function until(what, ask, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${seconds} s for: ${what}${last ? ` (${last.message})` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// One program: its whole output is kept in memory and in a file.
export class Program {
  constructor(name, command, args, folder, env = {}) {
    Object.assign(this, { name, command, args, env });
    this.log = path.join(folder, `${name}.log`);
    this.text = '';
    this.starts = 0;
  }

  start() {
    this.mark = this.text.length;
    this.starts += 1;
    this.child = spawn(this.command, this.args, { env: { ...process.env, ...this.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.running = true;
    const take = (chunk) => {
      this.text += chunk;
      fs.appendFileSync(this.log, chunk);
    };
    this.child.stdout.on('data', take);
    this.child.stderr.on('data', take);
    this.child.stdin.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        this.running = false;
        resolve({ code, signal });
      });
    });
    return this;
  }

  // Text since the last start.
  get fresh() {
    return this.text.slice(this.mark);
  }

  async says(pattern, seconds = 60) {
    return until(`${this.name} to say ${pattern}; it said:\n${this.fresh.slice(-1500)}`, () => {
      const match = this.fresh.match(pattern);
      if (!match && !this.running) throw new Error(`${this.name} ended:\n${this.fresh.slice(-1500)}`);
      return match;
    }, seconds);
  }

  async kill(signal = 'SIGKILL') {
    if (this.running) this.child.kill(signal);
    return this.ended;
  }
}

const RULES = {
  'yard-1': { zone: 'crossing', points: [[0.44, 0.36], [0.74, 0.36], [0.93, 0.62], [0.60, 0.68]] },
  'yard-2': { zone: 'path', points: [[0.05, 0.36], [0.32, 0.36], [0.34, 0.5], [0.05, 0.45]] },
};

export class House {
  static async build(options = {}) {
    const house = new House();
    house.options = { cameras: ['yard-1', 'yard-2'], mailbox: true, ...options };
    house.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-house-'));
    house.port = {};
    for (const name of ['hub', 'mqtt', 'rtsp', 'smtp']) house.port[name] = await freePort();
    house.programs = {};
    house.write();
    return house;
  }

  at(...names) {
    return path.join(this.folder, ...names);
  }

  write() {
    for (const name of ['hub', 'agent', 'mail']) fs.mkdirSync(this.at(name), { recursive: true });
    fs.writeFileSync(this.at('hub.yaml'), this.hubYaml());
    fs.writeFileSync(this.at('agent.yaml'), this.agentYaml());
  }

  hubYaml() {
    return `
state_dir: ${this.at('hub')}
site: Test yard
time_zone: Europe/London
public_url: https://localhost:${this.port.hub}
https: { address: 127.0.0.1, port: ${this.port.hub} }
mqtt: { address: 127.0.0.1, port: ${this.port.mqtt} }
web_dir: ${path.join(ROOT, 'web/dist')}
mailbox_dir: ${this.at('mail')}
incident_gap: ${this.options.incidentGap ?? '5s'}
notify:
  smtp: { host: 127.0.0.1, port: ${this.port.smtp}, from: vedette@localhost, tls: none }
  rules:
    - { rule: "*", email: [safety@localhost], cool_down: 1s }
${this.options.hubMore ?? ''}`;
  }

  rule(camera) {
    const { zone, points } = RULES[camera];
    return `
  - id: ${camera}-${zone}
    kind: zone
    camera: ${camera}
    zone: ${zone}
    points: ${JSON.stringify(points)}
    classes: [person]
    score_min: 0.35
    dwell: ${this.options.dwell ?? '500ms'}
    leave: 1s
    severity: high`;
  }

  agentYaml() {
    const camera = (id) => `
  - id: ${id}
    url: rtsp://127.0.0.1:${this.port.rtsp}/${id}
    transport: tcp`;
    return `
state_dir: ${this.at('agent')}
hub:
  connection_string_file: ${this.at('device.connection')}
  ca_file: ${this.at('hub/tls/ca.pem')}
  https_port: ${this.port.hub}
model:
  path: ${MODEL}
evidence: { pre_roll: 3s, post_roll: 1s, clip_max: 8s }
cameras:${this.options.cameras.map(camera).join('')}
rules:${this.options.cameras.map((id) => this.rule(id)).join('')}
${this.options.agentMore ?? ''}`;
  }

  program(name, command, args, env) {
    this.programs[name] ??= new Program(name, command, args, this.folder, env);
    return this.programs[name].start();
  }

  async startCameras() {
    const cameras = this.options.cameras.flatMap((id, i) => ['--camera', `${id}=${FOOTAGE}${i ? `@${i * 40}` : ''}`]);
    const sim = this.program('sim', PROGRAM.sim, ['--port', this.port.rtsp, '--cache', path.join(ROOT, 'var/cache'), '--loop', ...cameras]);
    await sim.says(/camera-sim: ready/, 180);
    return sim;
  }

  // Makes the administrator and the device's identity before the first start, as make run does.
  prepareHub() {
    const hub = (...args) => execFileSync(PROGRAM.hub, ['--config', this.at('hub.yaml'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    this.password = hub('--reset-password', 'admin').trim().split(/\s+/).pop();
    hub('--add-device', 'yard-agent', '--connection-file', this.at('device.connection'));
  }

  async startHub() {
    if (!this.password) this.prepareHub();
    if (this.options.mailbox && !this.programs.mailbox) this.program('mailbox', PROGRAM.mailbox, ['--port', this.port.smtp, '--dir', this.at('mail')]);
    const hub = this.program('hub', PROGRAM.hub, ['--config', this.at('hub.yaml')]);
    await hub.says(/hub\.ready/);
    this.ca ??= fs.readFileSync(this.at('hub/tls/ca.pem'));
    return hub;
  }

  async startAgent() {
    const agent = this.program('agent', PROGRAM.agent, ['--config', this.at('agent.yaml')], { VEDETTE_CAMERA_CHILD: PROGRAM.camera });
    await agent.says(/agent\.ready/);
    return agent;
  }

  async startAll() {
    await this.startCameras();
    await this.startHub();
    await this.startAgent();
    return this;
  }

  // One HTTPS request; JSON is decoded, other bodies come as bytes.
  request(method, target, { body, bytes: raw, headers = {} } = {}) {
    const text = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const request = https.request({
        host: '127.0.0.1', port: this.port.hub, servername: 'localhost', path: target, method, ca: this.ca, agent: false, timeout: 20000,
        headers: {
          ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
          ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers,
        },
      }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const json = /json/.test(response.headers['content-type'] ?? '') ? JSON.parse(bytes) : undefined;
          resolve({ status: response.statusCode, headers: response.headers, bytes, json });
        });
      });
      request.on('timeout', () => request.destroy(new Error('no answer in 20 s')));
      request.on('error', reject);
      request.end(text);
    });
  }

  async signIn() {
    const answer = await this.request('POST', '/api/v1/session', { body: { name: 'admin', password: this.password, token: true } });
    if (answer.status !== 200) throw new Error(`sign-in gave ${answer.status}: ${answer.bytes}`);
    this.token = answer.json.token;
  }

  async get(target) {
    if (!this.token) await this.signIn();
    const answer = await this.request('GET', target);
    if (answer.status !== 200) throw new Error(`GET ${target} gave ${answer.status}: ${answer.bytes.subarray(0, 300)}`);
    return answer.json ?? answer.bytes;
  }

  async incidents() {
    const all = [];
    for (let next = ''; next !== undefined;) {
      const page = await this.get(`/api/v1/incidents?limit=200${next ? `&cursor=${encodeURIComponent(next)}` : ''}`);
      all.push(...page.incidents);
      next = page.next;
    }
    return all;
  }

  // Every event the hub holds, from every incident.
  async events() {
    const events = [];
    for (const incident of await this.incidents()) {
      events.push(...(await this.get(`/api/v1/incidents/${incident.id}`)).events);
    }
    return events;
  }

  // What the agent logged after each commit: event, revision, phase, in order.
  accepted() {
    return this.programs.agent.text.split('\n').filter((line) => line.includes('event.accepted')).map((line) => JSON.parse(line));
  }

  // Process ids of the agent's camera children.
  cameraChildren() {
    const tasks = `/proc/${this.programs.agent.child.pid}/task`;
    return fs.readdirSync(tasks).flatMap((task) => fs.readFileSync(`${tasks}/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
  }

  cli(...args) {
    return execFileSync(PROGRAM.cli, args, {
      encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, VEDETTE_CLI_CONFIG: this.at('cli.yaml') },
    });
  }

  async stop() {
    for (const name of ['agent', 'hub', 'mailbox', 'sim']) {
      const program = this.programs[name];
      if (!program?.running) continue;
      program.child.kill('SIGTERM');
      const late = setTimeout(() => program.child.kill('SIGKILL'), 20000);
      await program.ended;
      clearTimeout(late);
    }
    if (!process.env.VEDETTE_KEEP) fs.rmSync(this.folder, { recursive: true, force: true });
  }
}
