// One hub alone, asked over HTTPS as its clients do, each answer held against the contract; agents with a model of their own
// on a film may join. For tests that need no whole house.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { answerFaults, operations } from './contract.mjs';
import { PROGRAM, Program, freePort, sha256 } from './house.mjs';

export class LoneHub {
  // `name` is part of the folder's name; `configure(folder)` may put files there and gives further lines of the hub's configuration.
  static async start(name, configure = () => '') {
    const self = new LoneHub();
    self.folder = fs.mkdtempSync(path.join(os.tmpdir(), `vedette-${name}-`));
    self.port = { https: await freePort(), mqtt: await freePort() };
    self.state = path.join(self.folder, 'hub');
    self.called = new Map(); // operation id -> statuses seen
    self.agents = [];
    fs.writeFileSync(path.join(self.folder, 'hub.yaml'), `
state_dir: ${self.state}
https: { address: 127.0.0.1, port: ${self.port.https} }
mqtt: { address: 127.0.0.1, port: ${self.port.mqtt} }
web_dir: ""
${configure(self.folder)}`);
    self.program = new Program('hub', PROGRAM.hub, ['--config', path.join(self.folder, 'hub.yaml')], self.folder).start();
    await self.program.says(/hub\.ready/);
    self.ca = fs.readFileSync(path.join(self.state, 'tls/ca.pem'));
    self.password = self.program.text.match(/first administrator: admin, password: (\S+)/)[1];
    self.admin = await self.tokenOf('admin', self.password);
    return self;
  }

  async stop() {
    for (const program of [...this.agents, this.program]) {
      if (program.running) program.child.kill('SIGTERM');
      await program.ended;
    }
    if (!process.env.VEDETTE_KEEP) fs.rmSync(this.folder, { recursive: true, force: true });
  }

  async tokenOf(name, password) {
    return (await this.request('POST', '/api/v1/session', { json: { name, password, token: true }, token: null })).json.token;
  }

  // Makes a person (password NAME-secret-1) and gives a token.
  async person(name, role) {
    await this.request('POST', '/api/v1/users', { json: { name, role, password: `${name}-secret-1` } });
    return this.tokenOf(name, `${name}-secret-1`);
  }

  // `authorization` is the whole header's text, in place of a token (null: nobody); the administrator asks otherwise.
  request(method, target, { json, body, headers = {}, token = this.admin, authorization = token && `Bearer ${token}` } = {}) {
    const bytes = json ? Buffer.from(JSON.stringify(json)) : body;
    const all = { ...(json && { 'content-type': 'application/json' }), ...(authorization && { authorization }), ...(bytes && { 'content-length': bytes.length }), ...headers };
    return new Promise((resolve, reject) => {
      const asked = https.request({ host: 'localhost', port: this.port.https, path: target, method, ca: this.ca, headers: all, agent: false }, (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => {
          const content = Buffer.concat(parts);
          const isJson = /json/.test(answer.headers['content-type'] ?? '') && content.length;
          resolve({ status: answer.statusCode, headers: answer.headers, bytes: content, json: isJson ? JSON.parse(content) : undefined });
        });
      });
      asked.on('error', reject);
      asked.end(bytes);
    });
  }

  // Asks an operation of the contract, expects a status, and holds the answer against its schema.
  async ask(id, status, { at = {}, query = '', ...rest } = {}) {
    const operation = operations.find((one) => one.id === id);
    assert.ok(operation, `${id} is in the contract`);
    const target = operation.template.replace(/\{(\w+)\}/g, (all, name) => encodeURIComponent(at[name])) + query;
    const answer = await this.request(operation.method, target, rest);
    assert.equal(answer.status, status, `${id}: ${answer.bytes.toString().slice(0, 300)}`);
    assert.deepEqual(answerFaults(operation, answer), []);
    this.called.set(id, (this.called.get(id) ?? new Set()).add(status));
    return answer;
  }

  // A new device whose agent runs `model` (small_model.mjs); `more` are the lines of its configuration after state_dir and hub.
  async startAgent(device, model, more) {
    const at = (name) => path.join(this.folder, name);
    await this.request('POST', '/api/v1/devices', { json: { id: device } });
    const { connection_string: secret } = (await this.request('GET', `/api/v1/devices/${device}/connection-string`)).json;
    fs.writeFileSync(at(`${device}.connection`), `${secret}\n`, { mode: 0o600 });
    fs.writeFileSync(at('own.onnx'), model.onnx);
    fs.writeFileSync(at('own.model.yaml'), model.descriptor);
    fs.writeFileSync(at(`${device}.yaml`), `
state_dir: ${at(device)}
hub: { connection_string_file: ${at(`${device}.connection`)}, ca_file: ${this.state}/tls/ca.pem, https_port: ${this.port.https} }
${more}`);
    const agent = new Program(device, PROGRAM.agent, ['--config', at(`${device}.yaml`)], this.folder, { VEDETTE_CAMERA_CHILD: PROGRAM.camera }).start();
    this.agents.push(agent);
    await agent.says(/agent\.ready/);
    return agent;
  }

  // A blob of an OCI repository; gives its digest without the algorithm.
  async pushBlob(repository, bytes) {
    const digest = sha256(bytes);
    const made = await this.request('POST', `/v2/${repository}/blobs/uploads/?digest=sha256:${digest}`, { body: bytes });
    assert.equal(made.status, 201, made.bytes.toString());
    return digest;
  }
}
