// make soak, the second half: cameras, agent and hub for SOAK_M minutes with camera faults; memory (PSS) after the first fifth must stay within a quarter.
import fs from 'node:fs';
import { House, until } from '../journey/house.mjs';

const minutes = Number(process.env.SOAK_M ?? 60);
const faults = ['stall', 'disconnect', 'garbage', 'black', 'frozen', 'blurred', 'wrong-clock', 'none'];
const pss = (pid) => Number(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss: +(\d+)/m)[1]) / 1024;

const house = await House.build();
let passed = 0, failed = 0;
const check = (what, good) => {
  console.log(`${good ? 'ok    ' : 'FAILED'} ${what}`);
  if (good) passed += 1; else failed += 1;
};
try {
  await house.startAll();
  await house.signIn();
  const end = Date.now() + minutes * 60000;
  const settle = Date.now() + minutes * 12000;
  const base = {}, most = {};
  for (let turn = 0; Date.now() < end; turn++) {
    house.programs.sim.child.stdin.write(`fault yard-${1 + (turn % 2)} ${faults[turn % faults.length]}\n`);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    for (const name of ['agent', 'hub']) {
      const now = pss(house.programs[name].child.pid);
      if (Date.now() < settle) base[name] = Math.max(base[name] ?? 0, now);
      most[name] = Math.max(most[name] ?? 0, now);
    }
  }
  house.programs.sim.child.stdin.write('fault yard-1 none\nfault yard-2 none\n');
  for (const name of ['agent', 'hub']) check(`${name}: ${base[name].toFixed(1)} MiB at first, ${most[name].toFixed(1)} MiB at most`, most[name] < base[name] * 1.25);
  await until('both cameras live', async () => (await house.get('/api/v1/cameras')).cameras.every((c) => c.state === 'live'), 60);
  check('both cameras are live again', true);
  const accepted = new Set(house.accepted().map((entry) => entry.event));
  const arrived = new Set((await house.events()).map((event) => event.id));
  check(`${accepted.size} events accepted, ${arrived.size} at the hub`, [...accepted].slice(0, -20).every((id) => arrived.has(id)));
} catch (error) {
  check(error.message, false);
} finally {
  await house.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
