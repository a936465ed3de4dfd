// `vedette model evaluate` and `report compare` without a hub: a hand-written model over pictures of a folder, its report
// beside figures worked out by hand, and the verdict between two reports.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { faults, resolve, strangers } from './contract.mjs';
import { PROGRAM, sha256 } from './house.mjs';
import { grey } from './pictures.mjs';
import { SIDE, smallModel } from './small_model.mjs';

let folder;
const at = (...names) => path.join(folder, ...names);
const schema = (name) => resolve({ $ref: `#/components/schemas/${name}` });

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-evaluate-'));
  fs.mkdirSync(at('pictures'));
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

function vedette(...args) {
  const done = spawnSync(PROGRAM.cli, args, { encoding: 'utf8' });
  return { status: done.status, out: done.stdout, err: done.stderr };
}

function json(...args) {
  const done = vedette(...args, '--json');
  assert.equal(done.status, 0, done.err);
  return JSON.parse(done.out);
}

function model(name, options) {
  const made = smallModel({ name, ...options });
  fs.writeFileSync(at(`${name}.onnx`), made.onnx);
  fs.writeFileSync(at(`${name}.model.yaml`), made.descriptor);
  return at(`${name}.model.yaml`);
}

// 24 pictures in 8 groups; in each stands the first box of the small model, in every third also the second.
function dataset() {
  const share = (l, t, r, b) => [l / SIDE, t / SIDE, (r - l) / SIDE, (b - t) / SIDE];
  const pictures = Array.from({ length: 24 }, (_, n) => {
    const bytes = grey(n);
    const picture = sha256(bytes);
    fs.writeFileSync(at('pictures', `${picture}${n % 2 ? '.png' : ''}`), bytes);
    const boxes = [{ class: 'person', box: share(2, 2, 8, 10) }, ...(n % 3 ? [] : [{ class: 'dog', box: share(9, 4, 15, 12) }])];
    return { picture, width: 64, height: 48, device: 'yard', camera: n % 4 ? 'gate' : 'door', captured_at: `2026-01-01T${String(n).padStart(2, '0')}:00:00.000000Z`,
      group: `yard/gate/${Math.floor(n / 3)}`, split: 'test', source: 'import', boxes, class: null };
  });
  const text = JSON.stringify({ format: 'vedette.dataset/1', name: 'small', task: 'detection', classes: ['dog', 'person'], seed: 1, split: { block_s: 3600, val: 0, test: 1 }, made_at: '2026-01-02T00:00:00.000000Z', pictures });
  fs.writeFileSync(at('dataset.json'), text);
  return { digest: sha256(text), pictures };
}

// covers: CIR-5
test('a model is measured over the pictures of a folder, and the report is what the contract says', () => {
  const { digest, pictures } = dataset();
  const good = model('good', { scores: [0.9, 0.6] });
  const report = json('model', 'evaluate', '--model', good, '--dataset', at('dataset.json'), '--pictures', at('pictures'), '--threads', '1',
    '--out', at('good.json'), '--detections', at('good.jsonl'));
  assert.deepEqual(faults(report, schema('Report')), []);
  assert.deepEqual(strangers(report, schema('Report')), []);
  assert.deepEqual([report.dataset, report.split, report.model.name, report.model.digest], [digest, 'test', 'good', sha256(fs.readFileSync(at('good.onnx')))]);
  // Persons: all 24 found, all right. Dogs: 24 found with one score, 8 right; the first picture has one.
  const [dog, person] = report.per_class;
  assert.deepEqual([person.truths, person.ap50, person.tp, person.fp, person.fn], [24, 1, 24, 0, 0]);
  assert.deepEqual([dog.truths, dog.tp, dog.fp, dog.fn], [8, 8, 16, 0]);
  assert.ok(dog.ap50 > 0.3 && dog.ap50 < 0.6, `${dog.ap50}`);
  assert.ok(Math.abs(report.map50 - (1 + dog.ap50) / 2) < 1e-5);
  assert.equal(report.false_alarms.per_picture.toFixed(4), (16 / 24).toFixed(4));
  assert.deepEqual(report.per_camera.map((c) => [c.name, c.pictures]), [['yard/door', 6], ['yard/gate', 18]]);
  assert.equal(report.per_hour.length, 24);
  assert.ok(report.latency_ms.median > 0);
  assert.equal(report.worst[0].why, '1 false alarm, the surest 0.60 (dog)');

  const lines = fs.readFileSync(at('good.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((line) => line.picture), pictures.map((p) => p.picture));
  const again = json('model', 'evaluate', '--from', at('good.jsonl'), '--dataset', at('dataset.json'), '--score', '0.3');
  assert.deepEqual([again.map, again.map50, again.per_class], [report.map, report.map50, report.per_class], 'the detections alone say the same');
});

// covers: CIR-5
test('a challenger without the false alarms is promoted; the way back is refused', () => {
  const careful = model('careful', { scores: [0.9, 0.1] });
  json('model', 'evaluate', '--model', careful, '--dataset', at('dataset.json'), '--pictures', at('pictures'), '--out', at('careful.json'));
  const verdict = json('report', 'compare', at('good.json'), at('careful.json'));
  assert.deepEqual(faults(verdict, schema('GateVerdict')), []);
  assert.deepEqual([verdict.promote, verdict.outcome, verdict.groups], [true, 'fewer_false_alarms', 8]);
  assert.match(verdict.why, /^mAP50 .*, false alarms per picture 0\.667 -> 0\.000 .*: as good, with fewer false alarms$/);
  const back = json('report', 'compare', at('careful.json'), at('good.json'));
  assert.equal(back.promote, false);
  const text = vedette('report', 'compare', at('careful.json'), at('good.json'));
  assert.match(text.out, /promote +no/);
});

test('what cannot be measured is said, and nothing is written', () => {
  const { pictures } = dataset();
  const evaluate = (...args) => vedette('model', 'evaluate', '--model', at('good.model.yaml'), '--dataset', at('dataset.json'), '--pictures', at('pictures'), '--out', at('none.json'), ...args);
  fs.writeFileSync(at('pictures', pictures[0].picture), 'no picture at all');
  fs.rmSync(at('pictures', `${pictures[1].picture}.png`));
  const words = json('model', 'evaluate', '--model', at('good.model.yaml'), '--dataset', at('dataset.json'), '--pictures', at('pictures'), '--out', at('two-less.json')).words;
  assert.ok(words.some((word) => word.startsWith(`picture ${pictures[0].picture.slice(0, 12)} was left out: `)), words.join('\n'));
  assert.ok(words.some((word) => word.startsWith(`picture ${pictures[1].picture.slice(0, 12)} was left out: it is not in `)), words.join('\n'));
  const other = json('report', 'compare', at('good.json'), at('two-less.json'));
  assert.deepEqual([other.promote, other.outcome], [false, 'not_comparable']);
  assert.match(other.why, /one report measures 24 pictures, the other 22/);

  assert.match(evaluate('--split', 'val').err, /the dataset's split 'val' has no picture/);
  assert.match(evaluate('--split', 'best').err, /'best' is no split/);
  assert.match(evaluate('--score', '7').err, /--score must be 0 to 1/);
  fs.writeFileSync(at('lies.json'), fs.readFileSync(at('dataset.json'), 'utf8').replace('"class":"person"', '"class":"horse"'));
  assert.match(vedette('model', 'evaluate', '--model', at('good.model.yaml'), '--dataset', at('lies.json'), '--pictures', at('pictures'), '--out', at('none.json')).err, /class that is not in 'classes'/);
  assert.ok(!fs.existsSync(at('none.json')));
});
