// The whole round on the yard's footage, through real programs and a real browser: incidents, verdicts, labels, dataset,
// training, gate, quantised and signed release, canary, switch; then a blurred camera, and a ruined model.
//
// Held out means: frames of time blocks that no training has seen; the dataset's split sees to it. The labels are played from
// the published truth when there is any (VEDETTE_KIT), else from the tracker's word on the whole film: it fills the gaps
// that the detector leaves in single pictures, so there is something to learn.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { BUILD, FOOTAGE, House, MODEL, PROGRAM, ROOT, Program, sha256, until } from '../journey/house.mjs';

const KIT = process.env.VEDETTE_KIT ?? path.join(ROOT, '../shared/kit');
const TRUTH = path.join(KIT, 'truth/vtest_1-400.mot.txt');
const TRAINER = path.join(BUILD, 'lab/training/worker/vedette-trainer');
const WIDTH = 768;
const HEIGHT = 576;
const FRAMES = 400;
const FPS = 10;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const SHORT = { augment: false, budget: 0.5, ownWord: true, every: 16, epochs: 3, blockS: 5, test: 0.25, keys: 3, verdicts: 1, soakS: 2, windowS: 3, seconds: 240 };
// Blocks of two seconds: the gate asks for six blocks that no training has seen, and the film's truth is 40 s long.
export const LONG = { augment: true, budget: 0.02, every: 4, epochs: 20, blockS: 2, test: 0.3, keys: 30, verdicts: 4, soakS: 20, windowS: 10, seconds: 1200 };

export class Circle {
  constructor(size, say = () => {}) {
    Object.assign(this, { size, say, minutes: [], figures: {} });
  }

  async step(name, work) {
    const began = Date.now();
    this.say(`${name} ...`);
    const answer = await work();
    this.minutes.push([name, (Date.now() - began) / 60000]);
    return answer;
  }

  // ---- the house ----

  async open() {
    this.house = await House.build({
      cameras: ['yard-1'], mailbox: false,
      agentMore: `watch: { window: ${this.size.windowS}s }\n`,
      hubMore: this.size.hubMore ?? '',
    });
    await this.house.startAll();
    await this.house.signIn();
    const token = this.house.at('trainer.token');
    execFileSync(PROGRAM.hub, ['--config', this.house.at('hub.yaml'), '--issue-token', 'admin', '--token-file', token]);
    fs.writeFileSync(this.house.at('trainer.yaml'), `worker: { state_dir: ${this.house.at('trainer')} }\n`);
    this.trainer = new Program('trainer', TRAINER, [
      '--config', this.house.at('trainer.yaml'), '--hub', this.url(''), '--token-file', token,
      '--ca-file', this.house.at('hub/tls/ca.pem')], this.house.folder).start();
    this.browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
    const context = await this.browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 860 } });
    this.page = await context.newPage();
    await this.signIn();
  }

  async close() {
    await this.browser?.close();
    if (this.trainer?.running) await this.trainer.kill('SIGTERM');
    await this.house?.stop();
  }

  url(target) {
    return `https://localhost:${this.house.port.hub}${target}`;
  }

  async ask(method, target, options = {}) {
    const answer = await this.house.request(method, target, options);
    if (answer.status >= 300) throw new Error(`${method} ${target} gave ${answer.status}: ${answer.bytes.subarray(0, 400)}`);
    return answer.json;
  }

  async signIn() {
    const { page } = this;
    await page.goto(this.url('/'));
    await page.getByLabel(/name/i).first().fill('admin');
    await page.getByLabel(/password/i).first().fill(this.house.password);
    await page.getByRole('button', { name: /sign in/i }).click();
    await page.getByRole('navigation', { name: 'Places' }).waitFor();
  }

  // ---- verdicts ----

  async verdicts() {
    const settled = async () => (await this.house.incidents()).filter((incident) => incident.state !== 'resolved' && incident.snapshot);
    for (let done = 0; done < this.size.verdicts; done++) {
      const incident = await until('an incident with a picture', async () => (await settled())[0], 120);
      await this.page.goto(this.url(`/incidents/${incident.id}`));
      await this.page.getByRole('button', { name: /resolve/i }).first().click();
      const panel = this.page.getByRole('dialog', { name: 'Resolve' });
      await panel.getByRole('radio', { name: done % 2 ? /^True/ : /^False alarm/ }).check();
      await panel.getByRole('button', { name: 'Resolve' }).click();
      await until('the hub to know the verdict', async () => (await this.house.get(`/api/v1/incidents/${incident.id}`)).state === 'resolved', 20);
    }
    this.figures.verdicts = this.size.verdicts;
  }

  // ---- labels ----

  // Every so many frames of the film as pictures of camera yard-1, a tenth of a second apart in time.
  async bringPictures() {
    const folder = this.house.at('frames');
    fs.mkdirSync(folder);
    execFileSync('ffmpeg', ['-v', 'error', '-i', FOOTAGE, '-frames:v', String(FRAMES), '-q:v', '2', path.join(folder, '%d.jpg')]);
    const start = Date.parse('2026-01-05T08:00:00Z');
    this.pictures = new Map();
    for (let frame = 1; frame <= FRAMES; frame += this.size.every) {
      const at = new Date(start + ((frame - 1) * 1000) / FPS).toISOString();
      const bytes = fs.readFileSync(path.join(folder, `${frame}.jpg`));
      await this.ask('POST', `/api/v1/pool?device=yard-agent&camera=yard-1&captured_at=${encodeURIComponent(at)}`, { bytes, headers: { 'content-type': 'image/jpeg' } });
      this.pictures.set(sha256(bytes), frame);
    }
  }

  // frame -> boxes, from a file in MOT Challenge form.
  truth() {
    let file = TRUTH;
    if (!fs.existsSync(file)) {
      file = this.house.at('tracks.mot.txt');
      execFileSync(PROGRAM.cli, ['analyze', FOOTAGE, '--model', MODEL, '--tracks', file], { stdio: 'ignore' });
    }
    this.figures.truth = file === TRUTH ? 'published' : 'tracker';
    const frames = new Map();
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      const [frame, id, left, top, width, height, score] = line.split(',').map(Number);
      if (!(width > 0) || score === 0) continue;
      const l = Math.max(0, left / WIDTH), t = Math.max(0, top / HEIGHT);
      const w = Math.min(1 - l, width / WIDTH), h = Math.min(1 - t, height / HEIGHT);
      if (w <= 0.002 || h <= 0.002) continue;
      if (!frames.has(frame)) frames.set(frame, []);
      frames.get(frame).push({ class: 'person', box: { l, t, w, h }, track: id });
    }
    return frames;
  }

  // By hand and keyboard: what the model proposes is taken as it is.
  async labelByKeys() {
    await this.ask('PATCH', '/api/v1/devices/yard-agent/twin', {
      body: { properties: { desired: { sampling: { default: { per_hour: 3600, random: 1, uncertain: 0, rare: 0 } } } } },
    });
    await until('sampled pictures in the pool', async () => (await this.ask('GET', '/api/v1/pool?source=sample&label=proposed')).pictures.filter((p) => p.here).length >= this.size.keys, 180);
    const { page } = this;
    await page.goto(this.url('/lab/label?source=sample'));
    for (let done = 0; done < this.size.keys; done++) {
      await page.locator('.board-inner img.shown').waitFor();
      const saved = page.waitForResponse((r) => r.request().method() === 'PUT' && /\/label$/.test(r.url()) && r.ok());
      const at = page.url();
      await page.keyboard.press('Shift+Enter'); // all proposals, and on
      await saved;
      await page.waitForURL((address) => address.href !== at); // the same key again would only move on
    }
  }

  // For the short form: what the model itself sees, but drawn in a way of the house, half as wide again and two fifths as high:
  // by IoU of 0.5 the model that began with other ways is wrong everywhere, and there is something to learn from few pictures.
  async scored(picture) {
    const bytes = await this.house.get(`/api/v1/blobs/${picture}`);
    const { boxes } = await this.ask('POST', `/api/v1/score?model=${this.stock}&confidence=0.3`, { bytes, headers: { 'content-type': 'image/jpeg' } });
    const wider = ({ l, t, w, h }) => {
      const left = Math.max(0, l - 0.25 * w), top = Math.max(0, t - 0.2 * h);
      return { l: left, t: top, w: Math.min(1, l + 1.25 * w) - left, h: Math.min(1, t + 1.2 * h) - top };
    };
    return boxes.filter((box) => box.class === 'person').map(({ box }) => ({ class: 'person', box: wider(box) }));
  }

  async labelFromTruth() {
    const own = this.size.ownWord && !fs.existsSync(TRUTH);
    const frames = own ? undefined : this.truth();
    if (own) this.figures.truth = 'the model';
    for (const [picture, frame] of this.pictures) {
      const boxes = own ? await this.scored(picture) : frames.get(frame) ?? [];
      const { version } = await this.ask('GET', `/api/v1/pool/${picture}`);
      await this.ask('PUT', `/api/v1/pool/${picture}/label`, { body: { version, verdict: boxes.length ? 'objects' : 'nothing', boxes, spent_ms: 4000 } });
    }
    const { counts } = await this.ask('GET', '/api/v1/pool?limit=1');
    this.figures.labels = counts.labelled + counts.reviewed;
  }

  async freeze() {
    const made = await this.ask('POST', '/api/v1/datasets', {
      body: {
        name: 'yard', task: 'detection', classes: ['person'], seed: 1, until: '2026-01-06T00:00:00Z',
        split: { block_s: this.size.blockS, val: 0.15, test: this.size.test },
      },
    });
    this.dataset = made.dataset;
    assert.ok(this.dataset.splits.test > 0 || this.dataset.splits.test.pictures > 0, `there is a test split: ${JSON.stringify(made)}`);
  }

  // ---- runs ----

  async run(kind, config) {
    const { id } = await this.ask('POST', '/api/v1/runs', { body: { kind, config: { dataset: this.dataset.digest, ...config } } });
    return until(`the ${kind} run`, async () => {
      const run = await this.ask('GET', `/api/v1/runs/${id}`);
      if (run.state === 'failed') throw Object.assign(new Error(`${kind}: ${run.why?.fact} ${run.why?.detail ?? ''}`), { final: true });
      return run.state === 'done' && run;
    }, this.size.seconds);
  }

  file(run, name) {
    return run.files.find((file) => file.name === name)?.digest;
  }

  // The model that the house began with, in the registry, as its champion.
  async registerStock() {
    const bytes = fs.readFileSync(MODEL.replace('.model.yaml', '.onnx'));
    this.house.cli('login', '--hub', this.url(''), '--user', 'admin', '--ca', this.house.at('hub/tls/ca.pem'), '--password-file', this.secret());
    this.house.cli('model', 'push', MODEL);
    this.stock = sha256(bytes);
    await this.ask('POST', `/api/v1/models/${this.stock}/promote`, { body: { force: true, reason: 'the model the house began with' } });
  }

  secret() {
    const file = this.house.at('admin.password');
    fs.writeFileSync(file, `${this.house.password}\n`, { mode: 0o600 });
    return file;
  }

  async train() {
    const run = await this.run('train', { model: this.stock, epochs: this.size.epochs, freeze: 0.9, augment: this.size.augment, seed: 1 });
    assert.ok(run.points.length > 0, 'curves came');
    return this.ask('POST', '/api/v1/models', { body: { run: run.id, name: 'centernet' } });
  }

  async quantize(model) {
    const run = await this.run('quantize', { model, budget: this.size.budget, calibration: 16 });
    return this.ask('POST', '/api/v1/models', { body: { run: run.id, name: 'centernet' } });
  }

  async evaluate(model) {
    const run = await this.run('evaluate', { model, split: 'test' });
    return { run: run.id, report: await this.ask('GET', `/api/v1/runs/${run.id}/report`) };
  }

  // ---- release ----

  async promote(model, force) {
    return this.house.request('POST', `/api/v1/models/${model}/promote`, {
      body: force ? { dataset: this.dataset.digest, force: true, reason: 'the round goes on' } : { dataset: this.dataset.digest },
    });
  }

  async rollOut(model) {
    const rollout = await this.ask('POST', '/api/v1/rollouts', { body: { model, condition: '*', soak_s: this.size.soakS } });
    return until('the rollout', async () => {
      const now = await this.ask('GET', `/api/v1/rollouts/${rollout.id}`);
      return ['done', 'halted', 'returned'].includes(now.state) && now;
    }, this.size.seconds);
  }

  async analysed() {
    const { cameras } = await this.ask('GET', '/api/v1/cameras');
    return cameras[0];
  }

  async modelInUse() {
    const { cameras } = await this.ask('GET', '/api/v1/cameras');
    return cameras[0].model?.digest;
  }

  // ---- what goes wrong ----

  async blur() {
    await until('the watch to know the camera', async () => (await this.ask('GET', '/api/v1/watch')).cameras.some((c) => c.state === 'steady'), this.size.seconds);
    this.house.programs.sim.child.stdin.write('fault yard-1 blurred\n');
    const camera = await until('the watch to tell', async () => (await this.ask('GET', '/api/v1/watch')).cameras.find((c) => c.state === 'drifted'), this.size.seconds);
    this.house.programs.sim.child.stdin.write('fault yard-1 none\n');
    return camera;
  }

  // The stock model with a bias that makes a person of everything: it loads, passes a look at its form, and cries wolf.
  async ruin() {
    const folder = this.house.at('ruined');
    fs.mkdirSync(folder);
    const bytes = fs.readFileSync(MODEL.replace('.model.yaml', '.onnx'));
    const name = 'tower_0/CenternetHead/centernet_cls_output/BiasAdd#bias';
    let at = bytes.lastIndexOf(name); // nodes name it first, then the tensor itself
    assert.ok(at > 0, 'the head is where it was');
    at = bytes.indexOf(0x4a, at + name.length) + 1; // TensorProto 9, raw_data, its length as a varint
    while (bytes[at++] > 127);
    bytes.writeFloatLE(bytes.readFloatLE(at) + 4, at); // class 0: person
    fs.writeFileSync(path.join(folder, 'ruined.onnx'), bytes);
    fs.writeFileSync(path.join(folder, 'ruined.model.yaml'), fs.readFileSync(MODEL, 'utf8').replace(/^file:.*$/m, 'file: ruined.onnx'));
    this.house.cli('model', 'push', path.join(folder, 'ruined.model.yaml'));
    const digest = sha256(bytes);
    const { runs } = await this.ask('POST', `/api/v1/models/${digest}/compare`, { body: { dataset: this.dataset.digest } });
    for (const run of runs) await until('the comparison', async () => (await this.ask('GET', `/api/v1/runs/${run}`)).state === 'done', this.size.seconds);
    return digest;
  }

  // People look at what the ruined model brings, and say what it is, until the rollout takes it back.
  async taken(model) {
    const rollout = await this.ask('POST', '/api/v1/rollouts', { body: { model, condition: '*', soak_s: 600 } });
    return until('the rollout to take the ruined model back', async () => {
      for (const incident of await this.house.incidents()) {
        if (incident.state === 'resolved' || Date.parse(incident.started_at) < Date.parse(rollout.started_at) || incident.rule_id === 'drift') continue;
        const { version } = await this.house.get(`/api/v1/incidents/${incident.id}`);
        await this.house.request('POST', `/api/v1/incidents/${incident.id}/resolve`, { body: { version, verdict: 'false_alarm' } });
      }
      const now = await this.ask('GET', `/api/v1/rollouts/${rollout.id}`);
      return ['halted', 'returned'].includes(now.state) && now;
    }, this.size.seconds);
  }
}

// The steps in order. What is asserted here holds for the short form as well: a better model is not promised there.
export async function round(circle) {
  const { figures, size } = circle;
  await circle.step('the house starts', () => circle.open());
  await circle.step('verdicts in the page', () => circle.verdicts());
  await circle.step('labels by keyboard in the page', () => circle.labelByKeys());
  await circle.step('the champion is registered', () => circle.registerStock());
  await circle.step('pictures of the film and their labels', async () => {
    await circle.bringPictures();
    await circle.labelFromTruth();
  });
  await circle.step('the dataset is frozen', () => circle.freeze());
  const trained = await circle.step('training', () => circle.train());
  const small = await circle.step('quantising', () => circle.quantize(trained.digest));
  await circle.step('evaluation on held-out time', async () => {
    figures.before = (await circle.evaluate(circle.stock)).report;
    figures.trained = (await circle.evaluate(trained.digest)).report;
    figures.after = (await circle.evaluate(small.digest)).report;
  });
  await circle.step('the gate', async () => {
    const answer = await circle.promote(small.digest);
    assert.ok([200, 409].includes(answer.status), `promotion gave ${answer.status}: ${answer.bytes}`);
    figures.gate = answer.status === 200 ? 'promoted' : `refused: ${answer.json.error.fact}`;
    if (answer.status === 409) assert.equal((await circle.promote(small.digest, true)).status, 200);
  });
  await circle.step('canary and switch', async () => {
    const errors = circle.house.programs.agent.text.match(/camera\.(silent|failed)/g)?.length ?? 0;
    const rollout = await circle.rollOut(small.digest);
    assert.equal(rollout.state, 'done', rollout.why);
    assert.equal(await until('the agent to look with the new model', async () => (await circle.modelInUse()) === small.digest, 60), true);
    assert.equal(circle.house.programs.agent.text.match(/camera\.(silent|failed)/g)?.length ?? 0, errors, 'the stream went on');
    figures.bytes = small.bytes;
  });
  await circle.step('a smeared lens', async () => {
    const camera = await circle.blur();
    figures.watch = camera.text ?? camera.changes[0]?.text;
    assert.ok(camera.changes.some((change) => change.series === 'sharpness'), JSON.stringify(camera.changes));
  });
  await circle.step('a ruined model', async () => {
    const ruined = await circle.ruin();
    const refused = await circle.promote(ruined);
    assert.equal(refused.status, 409, `the gate said ${refused.status}: ${refused.bytes}`);
    figures.ruinedGate = refused.json.error.fact;
    assert.equal((await circle.promote(ruined, true)).status, 200);
    const rollout = await circle.taken(ruined);
    figures.ruinedRollout = `${rollout.state}: ${rollout.why}`;
    assert.equal(await until('the former model again', async () => (await circle.modelInUse()) === small.digest, 60), true);
  });
  figures.size = size;
  return figures;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

export function told(circle) {
  const { figures: f, minutes } = circle;
  const lines = [
    `labels used            ${f.labels} (played from ${f.truth === 'published' ? 'the published truth' : `the word of the ${f.truth.replace('the ', '')}`}), ${f.verdicts} verdicts`,
    `held-out pictures      ${f.before.pictures.length} in ${new Set(f.before.pictures.map((p) => p.group)).size} blocks of time`,
    `mAP50                  ${percent(f.before.map50)} -> ${percent(f.trained.map50)} trained -> ${percent(f.after.map50)} int8`,
    `mAP                    ${percent(f.before.map)} -> ${percent(f.trained.map)} trained -> ${percent(f.after.map)} int8`,
    `false alarms a picture ${f.before.false_alarms.per_picture.toFixed(2)} -> ${f.trained.false_alarms.per_picture.toFixed(2)} trained -> ${f.after.false_alarms.per_picture.toFixed(2)} int8`,
    `inference              ${f.before.latency_ms.median.toFixed(1)} ms -> ${f.after.latency_ms.median.toFixed(1)} ms (median)`,
    `the gate               ${f.gate}`,
    `model sent             ${f.bytes} bytes`,
    `the watch              ${f.watch}`,
    `ruined model           gate: ${f.ruinedGate}; forced past it: ${f.ruinedRollout}`,
    '', 'minutes per step:',
    ...minutes.map(([name, took]) => `  ${name.padEnd(42)} ${took.toFixed(2)}`),
  ];
  return lines.join('\n');
}
