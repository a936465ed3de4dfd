// The way from labels to a decision, with every program real: pictures are labelled, frozen into a version, two models are
// pushed, vedette-trainer measures both over HTTPS, and the gate lets the better one pass and refuses the ruined one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { BUILD, House, sha256, until } from './house.mjs';
import { grey } from './pictures.mjs';
import { SIDE, smallModel } from './small_model.mjs';

const TRAINER = path.join(BUILD, 'lab/training/worker/vedette-trainer');
const skip = fs.existsSync(TRAINER) ? false : 'vedette-trainer is not built (no libtorch)';
let house, worker, dataset;

before(async () => {
  if (skip) return;
  house = await House.build({ mailbox: false });
  await house.startHub();
  await house.signIn();
  fs.writeFileSync(house.at('password'), house.password);
  house.cli('login', '--hub', `https://localhost:${house.port.hub}`, '--ca', house.at('hub/tls/ca.pem'), '--user', 'admin', '--password-file', house.at('password'));
  dataset = await makeDataset();
  fs.writeFileSync(house.at('token'), house.token, { mode: 0o600 });
  fs.writeFileSync(house.at('trainer.yaml'), 'worker: { poll: 1s }\n');
  worker = spawn(TRAINER, ['--config', house.at('trainer.yaml'), '--hub', `https://localhost:${house.port.hub}`, '--token-file', house.at('token'), '--ca-file', house.at('hub/tls/ca.pem'), '--state-dir', house.at('worker')], { stdio: 'ignore' });
});

after(async () => {
  worker?.kill('SIGTERM');
  await house?.stop();
});

async function must(...args) {
  const answer = await house.request(...args);
  assert.ok(answer.status < 300, `${args[0]} ${args[1]}: ${answer.bytes.subarray(0, 300)}`);
  return answer.json;
}

// 40 pictures, an hour apart; in each stands the small model's first box.
async function makeDataset() {
  await must('POST', '/api/v1/pool/classes', { body: { name: 'person' } });
  for (let n = 0; n < 40; n++) {
    const time = new Date(Date.UTC(2026, 0, 1, n)).toISOString();
    const { picture } = await must('POST', `/api/v1/pool?device=yard&camera=gate&captured_at=${time}`, { bytes: grey(n), headers: { 'content-type': 'image/png' } });
    const box = { l: 2 / SIDE, t: 2 / SIDE, w: 6 / SIDE, h: 8 / SIDE };
    await must('PUT', `/api/v1/pool/${picture}/label`, { body: { version: 1, verdict: 'objects', boxes: [{ class: 'person', box }] } });
  }
  return (await must('POST', '/api/v1/datasets', { body: { name: 'yard', split: { test: 0.4, val: 0.1 } } })).dataset.digest;
}

function push(file, options) {
  const made = smallModel({ name: file, ...options });
  fs.writeFileSync(house.at(`${file}.onnx`), made.onnx);
  fs.writeFileSync(house.at(`${file}.model.yaml`), made.descriptor);
  house.cli('model', 'push', house.at(`${file}.onnx`), '--name', 'small');
  return sha256(made.onnx);
}

async function compared(model) {
  const { runs } = await must('POST', `/api/v1/models/${model}/compare`, { body: { dataset } });
  for (const run of runs) {
    const ended = await until(`run ${run} to end`, async () => {
      const seen = await house.get(`/api/v1/runs/${run}`);
      return ['done', 'failed'].includes(seen.state) && seen;
    }, 60);
    assert.equal(ended.state, 'done', JSON.stringify(ended.why));
  }
  return runs;
}

const promote = (model) => house.request('POST', `/api/v1/models/${model}/promote`, { body: { name: 'small', dataset } });

// covers: CIR-5
test('the gate lets a better model pass, and refuses a ruined one with the reason', { skip }, async () => {
  const champion = push('champion', { scores: [0.9, 0.1], boxes: [[5, 2, 11, 10, 0], [9, 4, 15, 12, 1]] }); // beside every person
  const better = push('better', { scores: [0.9, 0.1] });
  const ruined = push('ruined', { scores: [0.9, 0.6], boxes: [[2, 2, 8, 10, 1], [9, 4, 15, 12, 0]] });
  assert.equal((await promote(champion)).status, 200, 'the first champion needs no comparison');

  await compared(better);
  assert.equal((await promote(better)).status, 200);

  const [challenger, standing] = await compared(ruined);
  const refused = await promote(ruined);
  assert.equal(refused.status, 409, `${refused.bytes}`);
  assert.match(`${refused.bytes}`, /mAP50 1\.000 -> 0\.\d+, 95 % interval -\d\.\d+\.\.-\d\.\d+: worse/);
  const verdict = await house.get(`/api/v1/runs/${challenger}/against/${standing}`);
  assert.deepEqual([verdict.promote, verdict.outcome, verdict.groups], [false, 'worse', 16]);
  const { splits } = await house.get(`/api/v1/datasets/${dataset}/report`);
  assert.equal(splits.find((split) => split.split === 'test').uses, 3, 'every look at the test split is counted');
  assert.equal((await house.get(`/api/v1/models/${better}`)).state, 'champion', 'it stands');
});
