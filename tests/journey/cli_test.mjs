// The command line against a real house: what operators and scripts type, and what they get.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { FOOTAGE, House, MODEL, PROGRAM, sha256, until } from './house.mjs';

let house;
before(async () => {
  house = await House.build({ cameras: ['yard-1'], mailbox: false });
  await house.startAll();
});
after(() => house?.stop());

const run = (...args) => spawnSync(PROGRAM.cli, args, { encoding: 'utf8', env: { ...process.env, VEDETTE_CLI_CONFIG: house.at('cli.yaml') } });
const json = (...args) => JSON.parse(house.cli(...args, '--json'));

// covers: CLI-1
test('login keeps a token and no password, in a file that only its owner can read', () => {
  fs.writeFileSync(house.at('password'), `${house.password}\n`, { mode: 0o600 });
  fs.writeFileSync(house.at('wrong'), 'not this one\n', { mode: 0o600 });
  const early = run('device', 'list');
  assert.equal(early.status, 1);
  assert.match(early.stderr, /vedette login/);
  const where = ['--hub', `https://localhost:${house.port.hub}`, '--ca', house.at('hub/tls/ca.pem'), '--user', 'admin'];
  const wrong = run('login', ...where, '--password-file', house.at('wrong'));
  assert.equal(wrong.status, 1);
  assert.ok(!fs.existsSync(house.at('cli.yaml')));
  assert.equal(json('login', ...where, '--password-file', house.at('password')).role, 'administrator');
  assert.equal(fs.statSync(house.at('cli.yaml')).mode & 0o777, 0o600);
  assert.ok(!fs.readFileSync(house.at('cli.yaml'), 'utf8').includes(house.password));
});

// covers: CLI-1, HUB-1
test('a device is created, listed, disabled, enabled and deleted', () => {
  assert.equal(json('device', 'create', 'dock-7').id, 'dock-7');
  const again = run('device', 'create', 'dock-7');
  assert.equal(again.status, 1);
  assert.match(again.stderr, /dock-7/);
  assert.deepEqual(json('device', 'list').devices.map((d) => d.id).sort(), ['dock-7', 'yard-agent']);
  assert.match(house.cli('device', 'list'), /^DEVICE .*\n(.*\n)*dock-7 +yes +no/m);
  assert.equal(json('device', 'disable', 'dock-7').enabled, false);
  assert.equal(json('device', 'enable', 'dock-7').enabled, true);
  assert.match(house.cli('connection-string', 'dock-7'), /^HostName=[^;]+;DeviceId=dock-7;SharedAccessKey=[A-Za-z0-9+/]+=*\n$/);
  assert.match(json('connection-string').connection_string, /^HostName=[^;]+;SharedAccessKeyName=iothubowner;SharedAccessKey=/);
  house.cli('device', 'delete', 'dock-7');
  assert.deepEqual(json('device', 'list').devices.map((d) => d.id), ['yard-agent']);
});

// covers: CLI-1
test('cameras show what the agent reports, rules included', async () => {
  const camera = await until('the camera to be live', () => {
    const { cameras } = json('camera', 'list');
    return cameras[0]?.state === 'live' && cameras[0];
  }, 60);
  assert.equal(camera.camera, 'yard-1');
  const one = json('camera', 'show', 'yard-agent', 'yard-1');
  assert.equal(one.model.digest.length, 64);
  assert.equal(one.rules[0].id, 'yard-1-crossing');
  assert.deepEqual(json('camera', 'show', 'yard-agent/yard-1').rules, one.rules);
});

// covers: CLI-1, HUB-2, HUB-3
test('an incident is acknowledged and resolved, a stale resolve says what changed, the labels are exported', async () => {
  await house.programs.agent.says(/"phase":"end"/, 120);
  await house.programs.agent.kill('SIGTERM'); // nothing moves below us
  const listed = json('incident', 'list', '--state', 'open', '--limit', '5');
  const { id } = listed.incidents.at(-1);
  const before = json('incident', 'show', id);
  assert.equal(json('incident', 'acknowledge', id, '--version', String(before.version)).state, 'acknowledged');
  const stale = run('incident', 'resolve', id, '--verdict', 'true', '--version', String(before.version));
  assert.equal(stale.status, 1);
  assert.match(stale.stderr, /acknowledged/);
  const typo = run('incident', 'resolve', id, '--verdict', 'false_alarn');
  assert.equal(typo.status, 2);
  assert.match(typo.stderr, /false_alarm/);
  const resolved = json('incident', 'resolve', id, '--verdict', 'true', '--note', 'seen from the shell');
  assert.equal(resolved.state, 'resolved');
  assert.equal(resolved.verdict, 'true');

  const folder = house.at('labels');
  const told = json('dataset', 'export', '--format', 'coco', folder);
  const coco = JSON.parse(fs.readFileSync(path.join(folder, 'annotations.json'), 'utf8'));
  assert.ok(told.images > 0);
  assert.equal(coco.images.length, told.images);
  for (const image of coco.images) {
    assert.equal(`${sha256(fs.readFileSync(path.join(folder, 'images', image.file_name)))}.jpg`, image.file_name);
    const own = coco.annotations.find((a) => a.image_id === image.id && a.attributes.judged);
    assert.equal(coco.categories.find((c) => c.id === own.category_id).name, 'person');
    assert.equal(own.attributes.verdict, 'true');
    assert.equal(own.attributes.model_digest.length, 64);
    const [x, y, w, h] = own.bbox;
    assert.ok(x >= 0 && y >= 0 && x + w <= image.width + 0.1 && y + h <= image.height + 0.1);
  }
  const second = run('dataset', 'export', '--format', 'coco', folder);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /is there already/);
});

// covers: CLI-1
test('analyze gives every frame once, boxes in pixels, tracks in MOT form and events as the hub gets them', () => {
  const video = house.at('short.avi');
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', FOOTAGE, '-t', '6', '-c', 'copy', video]);
  fs.writeFileSync(house.at('rules.yaml'), `rules:${house.rule('yard-1')}\n`);
  const out = (name) => house.at(name);
  const summary = json('analyze', video, '--model', MODEL, '--rules', house.at('rules.yaml'), '--detections', out('d.jsonl'), '--tracks', out('t.mot.txt'), '--events', out('e.jsonl'));
  const frames = fs.readFileSync(out('d.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(summary.frames, frames.length);
  assert.deepEqual(frames.map((f) => f.frame), frames.map((_, i) => i + 1));
  assert.equal(frames[0].time_s, 0);
  assert.ok(Math.abs(frames[10].time_s - 1) < 0.11, 'ten frames a second');
  const seen = frames.flatMap((f) => f.detections);
  assert.ok(seen.some((d) => d.class === 'person' && d.score > 0.5 && d.track > 0));
  assert.ok(seen.some((d) => d.score < 0.3), "below the rule's and the model's threshold too");
  for (const d of seen) {
    assert.ok(d.score >= 0.05);
    assert.ok(d.box[0] >= -1 && d.box[0] + d.box[2] <= 769 && d.box[1] >= -1 && d.box[1] + d.box[3] <= 577);
  }
  assert.ok(seen.some((d) => d.box[2] > 10));
  const tracks = fs.readFileSync(out('t.mot.txt'), 'utf8').trim().split('\n');
  for (const line of tracks) assert.match(line, /^\d+,\d+(,-?\d+\.\d\d){4},[01]\.\d+,-1,-1,-1$/);
  const events = fs.readFileSync(out('e.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(events[0].revision, 1);
  assert.equal(events[0].rule_id, 'yard-1-crossing');
  assert.equal(events[0].inferences[0].type, 'entity');
});

// covers: CLI-1
test('analyze of what is no video, or stopped early, leaves no file behind', () => {
  const bad = run('analyze', house.at('hub.yaml'), '--model', MODEL, '--detections', house.at('none.jsonl'));
  assert.notEqual(bad.status, 0);
  assert.ok(bad.stderr.length > 20);
  assert.ok(!fs.existsSync(house.at('none.jsonl')));
  const absent = run('analyze', house.at('nothing.mp4'), '--model', MODEL);
  assert.match(absent.stderr, /nothing\.mp4/);
  assert.deepEqual(fs.readdirSync(house.folder).filter((name) => name.includes('none.jsonl')), []);
});

// covers: CLI-1, BASE-4
test('help, man page and completion know every verb; a typing error gets the nearest', () => {
  const verbs = ['device create', 'device list', 'device disable', 'device delete', 'connection-string', 'incident list', 'incident show', 'incident acknowledge', 'incident resolve',
    'camera list', 'camera show', 'model import', 'model list', 'model show', 'dataset export', 'analyze'];
  const help = house.cli('--help');
  const man = house.cli('--man').replaceAll('\\-', '-');
  for (const verb of verbs) {
    assert.ok(help.includes(`vedette ${verb}`), verb);
    assert.ok(man.includes(`vedette ${verb}`), verb);
    assert.match(house.cli(...verb.split(' '), '--help'), /--json/);
  }
  const complete = (...words) => execFileSync('bash', ['-c', `source <("$0" completion bash); COMP_WORDS=(${words.join(' ')} ''); COMP_CWORD=${words.length}; _vedette; echo "\${COMPREPLY[@]}"`, PROGRAM.cli], { encoding: 'utf8' });
  assert.match(complete('vedette', 'incident'), /acknowledge/);
  assert.match(complete('vedette'), /connection-string/);
  assert.match(house.cli('completion', 'zsh'), /#compdef vedette/);
  assert.match(house.cli('completion', 'fish'), /complete -c vedette/);
  const typo = run('incident', 'resove', 'x');
  assert.equal(typo.status, 2);
  assert.match(typo.stderr, /incident resolve/);
  assert.match(run('incident', 'list', '--sate', 'open').stderr, /--state/);
});

// covers: CLI-1, INF-2
test('models are listed and shown with what they are', () => {
  const folder = path.dirname(MODEL);
  const { models } = json('model', 'list', '--models', folder);
  const model = models.find((m) => m.name === 'centernet');
  assert.equal(model.digest, sha256(fs.readFileSync(path.join(folder, 'centernet.onnx'))));
  const shown = json('model', 'show', 'centernet', '--models', folder);
  assert.equal(shown.digest, model.digest);
  assert.ok(shown.classes.includes('person'));
  assert.equal(run('model', 'show', 'nothing', '--models', folder).status, 1);
});
