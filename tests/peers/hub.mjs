// A running intake-server and the words of its command line, for the peers' tests.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createHmac } from 'node:crypto';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Hub {
  static async start(folder = mkdtempSync(join(tmpdir(), 'vd-peers-')), port = 0) {
    const hub = new Hub();
    hub.folder = folder;
    hub.process = spawn(process.env.INTAKE_SERVER, [folder, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    hub.ended = new Promise((done) => hub.process.on('exit', done));
    hub.waiting = [];
    createInterface({ input: hub.process.stdout }).on('line', (line) => hub.waiting.shift()?.(JSON.parse(line)));
    const first = await new Promise((done, fail) => {
      hub.waiting.push(done);
      hub.ended.then((code) => fail(new Error(`intake-server ended with ${code}`)));
    });
    Object.assign(hub, first);
    hub.caText = readFileSync(hub.ca, 'utf8');
    return hub;
  }

  async say(...words) {
    const answer = new Promise((done) => this.waiting.push(done));
    this.process.stdin.write(words.join(' ') + '\n');
    return answer;
  }

  async until(words, good) {
    for (;;) {
      const answer = await this.say(...words);
      if (good(answer)) return answer;
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  async stop() {
    this.process.stdin.end();
    const code = await this.ended;
    rmSync(this.folder, { recursive: true });
    return code;
  }

  // What any MQTT client needs to connect as `device`.
  login(device = 'dev-1', seconds = 3600) {
    const key = /SharedAccessKey=(.*)$/.exec(this.connection_string)[1];
    const sr = encodeURIComponent(`localhost/devices/${device}`);
    const se = Math.floor(Date.now() / 1000) + seconds;
    const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${se}`).digest('base64');
    return {
      clientId: device,
      username: `localhost/${device}/?api-version=2021-04-12`,
      password: `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}`,
    };
  }
}
