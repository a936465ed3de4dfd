// make soak, the first half: SOAK_H hours of footage (24), as fast as the machine can up to SOAK_SPEED times the real pace, from
// two cameras to the hub's disk. Memory (PSS; in brackets without pages of files, which other programs may share), descriptors
// and threads of every process and the size of each folder are read once a footage hour, as the recording tells it. The last
// quarter's median must not lie above that of the first quarter after the warm-up (the first eighth) by more than is stated.
//
//   film (80 s, looped) -> child, gate -> a small model -> zone and left-behind rules -> events, clips, recording -> outbox
//                                                                     -> hub -> incidents, resolved as they come -> retention
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { FOOTAGE, House, PROGRAM, freePort, until } from '../journey/house.mjs';
import { smallModel } from '../journey/small_model.mjs';

const HOURS = Number(process.env.SOAK_H ?? 24);
const SPEED = Number(process.env.SOAK_SPEED ?? 300);
const ROUND_S = 80;
const CAMERAS = ['yard-1', 'yard-2'];
const MB = 1e6;
// So many MB, and 5 %, may be more at the end. The hub's nine connections fill a page cache of 2 MB each as its database grows.
const MORE_MB = { agent: 1, cameras: 1, hub: 4 };

// People walk for 60 s, 20 of them in a bright light that the model takes for somebody; then nothing moves for 20 s, and the gate sleeps.
function makeFilm(file) {
  const look = "fps=2,scale=384:288,trim=duration";
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-i', FOOTAGE, '-filter_complex',
    `[0:v]${look}=60,eq=brightness='if(between(t,20,40),0.25,-0.2)':eval=frame[a];[0:v]${look}=0.4,loop=39:1:0,setpts=N/(2*TB),eq=brightness=-0.2[b];`
    + '[a][b]concat=n=2,setpts=N/(2*TB)', '-r', '2', '-c:v', 'libx264', '-preset', 'veryfast', '-g', '8', '-bf', '0', '-pix_fmt', 'yuv420p', file]);
}

const read = (file) => fs.readFileSync(file, 'utf8');
const children = (pid) => fs.readdirSync(`/proc/${pid}/task`).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean));

function footprint(pids) {
  const sum = { pss_mb: 0, own_mb: 0, descriptors: 0, threads: 0 };
  for (const pid of pids) {
    const kept = read(`/proc/${pid}/smaps_rollup`);
    const mb = (name) => Number(kept.match(new RegExp(`^${name}: +(\\d+)`, 'm'))[1]) * 1024 / MB;
    sum.pss_mb += mb('Pss');
    sum.own_mb += mb('Pss') - mb('Pss_File');
    sum.descriptors += fs.readdirSync(`/proc/${pid}/fd`).length;
    sum.threads += fs.readdirSync(`/proc/${pid}/task`).length;
  }
  return sum;
}

// Files come and go while we look.
function folderMb(folder) {
  let bytes = 0;
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder, { recursive: true }) : []) {
    const about = fs.statSync(path.join(folder, name), { throwIfNoEntry: false });
    if (about?.isFile()) bytes += about.size;
  }
  return bytes / MB;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

class Footage {
  constructor() {
    this.samples = [];
    this.passed = this.failed = this.resolved = 0;
  }

  check(what, good) {
    console.log(`${good ? 'ok    ' : 'FAILED'} ${what}`);
    if (good) this.passed += 1; else this.failed += 1;
  }

  async build() {
    this.port = await freePort();
    this.house = await House.build({
      hubMore: 'retention: { most_mb: 40, keep_labelled: false }\n',
    });
    const { folder } = this.house;
    makeFilm(path.join(folder, 'film.mp4'));
    const model = smallModel({ boxes: [[2, 2, 8, 10, 0]], scores: [-0.3], gain: 0.006 });
    fs.writeFileSync(path.join(folder, 'small.onnx'), model.onnx);
    fs.writeFileSync(path.join(folder, 'small.model.yaml'), model.descriptor);
    fs.writeFileSync(path.join(folder, 'agent.yaml'), this.agentYaml());
  }

  agentYaml() {
    const { house } = this;
    this.from = Date.now() - 2 * HOURS * 3600000;
    const from = new Date(this.from).toISOString();
    const zone = (id) => `  - { id: ${id}-zone, kind: zone, camera: ${id}, points: [[0, 0], [1, 0], [1, 1], [0, 1]], classes: [person], dwell: 2s, leave: 4s, severity: high }\n`;
    return `state_dir: ${house.at('agent')}
hub: { connection_string_file: ${house.at('device.connection')}, ca_file: ${house.at('hub/tls/ca.pem')}, https_port: ${house.port.hub} }
model: { path: ${house.at('small.model.yaml')} }
evidence: { pre_roll: 10s, post_roll: 2s, clip_max: 30s }
detections: { quota_mb: 2 }
recording: { enabled: true, max_age: 30s, min_free_gb: 1, fragment: 20s }
queue: { quota_mb: 64 }
local: { port: ${this.port} }
cameras:
${CAMERAS.map((id) => `  - { id: ${id}, file: ${house.at('film.mp4')}, speed: ${SPEED}, from: "${from}" }\n`).join('')}rules:
${CAMERAS.map(zone).join('')}  - { id: yard-2-left, kind: object, camera: yard-2, points: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]], dwell: 5s }
`;
  }

  async start() {
    await this.house.startHub();
    await this.house.signIn();
    await this.house.startAgent();
    await until('events', () => this.house.accepted().length > 0, 60);
  }

  // Seconds of footage that the slower camera has recorded: segments are named by the capture time of their first picture.
  seconds() {
    const newest = CAMERAS.map((id) => fs.readdirSync(this.house.at('agent/recording', id)).filter((name) => name.endsWith('.vdr')).sort().at(-1));
    return Math.min(...newest.map((name) => (name ? parseInt(name, 10) / 1e6 - this.from / 1e3 : 0)));
  }

  // People decide, so that retention may delete.
  async resolveAll() {
    const { incidents } = await this.house.get('/api/v1/incidents?state=open,acknowledged&limit=200');
    for (const incident of incidents) {
      const answer = await this.house.request('POST', `/api/v1/incidents/${incident.id}/resolve`, { body: { version: incident.version, verdict: 'true' } });
      if (answer.status === 200) this.resolved += 1;
    }
    return incidents.length;
  }

  sample(hour) {
    const agent = this.house.programs.agent.child.pid, hub = this.house.programs.hub.child.pid;
    const seen = {
      agent: footprint([agent]), cameras: footprint(children(agent)), hub: footprint([hub]),
      disk: { recording: folderMb(this.house.at('agent/recording')), detections: folderMb(this.house.at('agent/detections')),
        outbox: folderMb(this.house.at('agent/outbox')), clips: folderMb(this.house.at('agent/clips')), evidence: folderMb(this.house.at('hub/evidence')) },
    };
    this.samples.push(seen);
    const mb = (value) => value.toFixed(1).padStart(6);
    const of = (name) => `${mb(seen[name].pss_mb)} (${mb(seen[name].own_mb)}) MB ${seen[name].descriptors} fd ${seen[name].threads} thr`;
    console.log(`hour ${String(hour).padStart(3)}: agent ${of('agent')} | cameras ${of('cameras')} | hub ${of('hub')} | MB on disk: `
      + Object.entries(seen.disk).map(([name, value]) => `${name} ${value.toFixed(1)}`).join(', '));
  }

  async play() {
    const begun = Date.now();
    for (let hour = 1, moved = begun, before = 0; hour <= HOURS;) {
      await this.resolveAll();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const seconds = this.seconds();
      if (seconds > before) moved = Date.now();
      if (Date.now() - moved > 60000) throw new Error(`no footage for a minute, ${seconds} s have been played`);
      before = seconds;
      for (; hour <= HOURS && seconds >= hour * 3600; hour++) this.sample(hour);
    }
    console.log(`${HOURS} h of footage in ${((Date.now() - begun) / 60000).toFixed(1)} min`);
  }

  // [first quarter after the warm-up, last quarter] as medians.
  quarters(pick) {
    const warm = this.samples.slice(Math.floor(this.samples.length / 8)).map(pick);
    const quarter = Math.max(1, Math.floor(warm.length / 4));
    return [median(warm.slice(0, quarter)), median(warm.slice(-quarter))];
  }

  flat() {
    for (const name of ['agent', 'cameras', 'hub']) {
      const [first, last] = this.quarters((seen) => seen[name].own_mb);
      this.check(`${name}: ${first.toFixed(1)} MB in the first quarter, ${last.toFixed(1)} MB in the last (at most 5 % and ${MORE_MB[name]} MB more)`, last <= first * 1.05 + MORE_MB[name]);
      for (const kind of ['descriptors', 'threads']) {
        const [before, after] = this.quarters((seen) => seen[name][kind]);
        this.check(`${name}: ${before} ${kind} in the first quarter, ${after} in the last (at most 2 more)`, after <= before + 2);
      }
    }
    const most = (kind) => Math.max(...this.samples.map((seen) => seen.disk[kind]));
    for (const [kind, cap] of [['detections', 2.2], ['outbox', 72], ['clips', 20], ['recording', 1.4 * SPEED]])
      this.check(`${kind}: ${most(kind).toFixed(1)} MB on disk at most (cap ${cap})`, most(kind) <= cap);
  }

  async figures() {
    const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
    const sum = (name) => [...text.matchAll(new RegExp(`^vedette_agent_${name}(?:\\{[^}]*\\})? (\\d+)`, 'gm'))].reduce((total, match) => total + Number(match[1]), 0);
    console.log(`pictures: ${sum('camera_pictures_total')} handed out, ${sum('camera_skipped_total')} never decoded, ${sum('camera_analysed_total')} looked at, ${sum('camera_stale_total')} passed over`);
    this.check('no camera was started again', sum('camera_restarts_total') === 0);
    this.check('nothing was lost', sum('queue_lost_total') === 0);
  }

  // Every event that was accepted is at the hub, and there is one for each round of the film, or nearly.
  async complete() {
    const zones = new Set(this.house.accepted().filter((entry) => /-zone$/.test(entry.rule ?? '')).map((entry) => entry.event));
    const all = new Set(this.house.accepted().map((entry) => entry.event));
    const wanted = CAMERAS.length * HOURS * 3600 / ROUND_S;
    this.check(`${zones.size} visits in ${wanted} rounds of the film, ${all.size} events in all`, zones.size >= 0.9 * wanted);
    this.house.programs.agent.child.kill('SIGTERM');
    await this.house.programs.agent.ended;
    await this.house.startAgent();
    const missing = [...all];
    await until('every event to be at the hub', async () => {
      const here = new Set((await this.house.events()).map((event) => event.id));
      return missing.every((id) => here.has(id));
    }, 600);
    this.check(`all ${all.size} events are at the hub, ${this.resolved} incidents were resolved`, true);
  }

  // Retention deletes as much as it must, not a few files at a time.
  async swept() {
    await this.house.programs.agent.kill('SIGTERM');
    while (await this.resolveAll()) continue;
    const before = folderMb(this.house.at('hub/evidence'));
    await this.house.programs.hub.kill('SIGTERM');
    await this.house.startHub();
    await until('retention', () => folderMb(this.house.at('hub/evidence')) < 44, 60);
    this.check(`evidence: ${before.toFixed(1)} MB, ${folderMb(this.house.at('hub/evidence')).toFixed(1)} after retention (most_mb: 40)`, true);
  }
}

const footage = new Footage();
console.log(`${HOURS} h of footage from ${CAMERAS.length} cameras at ${SPEED} times the real pace: ${Math.ceil(HOURS * 60 / SPEED)} min or more`);
try {
  await footage.build();
  await footage.start();
  await footage.play();
  footage.flat();
  await footage.figures();
  await footage.complete();
  await footage.swept();
} catch (error) {
  footage.check(error.stack, false);
} finally {
  await footage.house.stop();
}
console.log(`${footage.passed} passed, ${footage.failed} failed`);
process.exit(footage.failed ? 1 : 0);
