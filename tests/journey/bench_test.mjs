// make bench as a reader of the README meets it: rows beside their peers, in turns, as a table, as JSON and in the README; and what
// it says when a peer is missing. Each test works on a copy of bench/ in a folder of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { BUILD, ROOT } from './house.mjs';

const folders = [];

// A checkout with nothing but the bench, the two texts it writes to, and the named built programs.
function checkout(programs, rows) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vedette-bench-'));
  folders.push(folder);
  fs.cpSync(path.join(ROOT, 'bench'), path.join(folder, 'bench'), { recursive: true });
  fs.mkdirSync(path.join(folder, 'build/release/bench'), { recursive: true });
  fs.mkdirSync(path.join(folder, 'docs'));
  for (const name of ['README.md', 'docs/performance.md']) fs.copyFileSync(path.join(ROOT, name), path.join(folder, name));
  for (const name of programs) fs.symlinkSync(path.join(BUILD, 'bench', name), path.join(folder, 'build/release/bench', name));
  if (rows) fs.writeFileSync(path.join(folder, 'bench/rows.py'), rows);
  return folder;
}

function bench(folder, ...args) {
  const run = spawnSync(path.join(folder, 'bench/run'), args, { encoding: 'utf8', timeout: 240000 });
  const file = path.join(folder, 'build/bench/results.json');
  return { ...run, results: fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined };
}

const cells = (table, row) => table.split('\n').find((line) => line.startsWith(`| ${row} |`))?.split('|').slice(1, -1).map((cell) => cell.trim());
const between = (text) => text.split('<!-- bench:begin -->')[1].split('<!-- bench:end -->')[0].trim();
const around = (text) => text.replace(/<!-- bench:begin -->[^]*<!-- bench:end -->/, '');

// Rows whose figures are known beforehand; each call leaves a letter in `calls`.
const TOYS = `
import pathlib
class Missing(Exception): pass
CALLS = pathlib.Path(__file__).with_name("calls")
class Row:
    beside, unit, note, hold, more_is_better = "a toy", "things", "", 2, True
    what = "nothing"
    def __enter__(self):
        self.left = [90, 3, 10, 5]
        return self
    def __exit__(self, *_): self.say(".")
    def say(self, letter):
        with CALLS.open("a") as f: f.write(letter)
    def product(self):
        self.say("A")
        return self.left.pop(0)
    def peer(self):
        self.say("B")
        return 1
    def ratio(self, product, peer): return product / peer
class More(Row): name = "T1"
class Less(Row): name, hold, more_is_better = "T2/less", 2, False
class Lonely(Row):
    name = "T2/lonely"
    def peer(self): raise Missing("the peer is not there")
ROWS = [More, Less, Lonely]
`;

// covers: RUN-4
test('a real row is measured beside its peer, printed as a table and written as JSON with date and machine', () => {
  const folder = checkout(['g10_outbox', 'peer_sqlite']);
  const run = bench(folder, 'G10/one', '--pairs', '1');
  assert.equal(run.status, 0, run.stderr);
  const [row] = run.results.rows;
  assert.equal(run.results.rows.length, 1);
  assert.match(run.results.date, /^\d{4}-\d\d-\d\d$/);
  assert.match(run.results.machine, /^\d+ cores? \S+.*, \d+ GiB, no accelerator$/);
  assert.equal(row.row, 'G10/one');
  assert.equal(row.pairs, 1);
  assert.ok(row.product > 0 && row.beside > 0);
  assert.ok(Math.abs(row.ratio - row.product / row.beside) < 1e-9, 'one pair: the ratio is that of the two figures');
  assert.equal(row.held, row.ratio >= row.hold);
  const shown = cells(run.stdout, 'G10/one');
  assert.equal(shown.length, 8);
  assert.ok(Math.abs(parseFloat(shown[5]) / row.ratio - 1) < 0.01, shown[5]);
  assert.equal(shown[7], row.held ? 'yes' : 'no');
  assert.ok(run.stdout.startsWith(`${run.results.date}, ${run.results.machine}:`));
});

// covers: RUN-4
test('product and peer run in turns, the first pair is dropped, the median of the ratios counts', () => {
  const folder = checkout([], TOYS);
  const run = bench(folder, 'T1', '--pairs', '3');
  assert.equal(run.status, 0, run.stderr);
  assert.equal(fs.readFileSync(path.join(folder, 'bench/calls'), 'utf8'), 'ABABABAB.');
  const [row] = run.results.rows;
  assert.deepEqual([row.least, row.ratio, row.greatest, row.pairs, row.held], [3, 5, 10, 3, true]);
  assert.deepEqual(cells(run.stdout, 'T1').slice(5), ['5 (3 to 10)', '≥ 2', 'yes']);
});

// covers: RUN-4
test('a figure on the wrong side of what is to hold is not held', () => {
  const run = bench(checkout([], TOYS), 'T2/less', '--pairs', '3');
  assert.equal(run.status, 0, 'slow is a figure, not a failure');
  assert.deepEqual(cells(run.stdout, 'T2/less').slice(6), ['≤ 2', 'no']);
  assert.equal(run.results.rows[0].held, false);
});

// covers: RUN-4
test('a missing peer fails its row and the run, and the other rows are measured all the same', () => {
  const folder = checkout([], TOYS);
  const run = bench(folder, '--pairs', '3');
  assert.equal(run.status, 1);
  assert.deepEqual(run.results.rows.map((row) => [row.row, row.error ?? row.ratio]), [['T1', 5], ['T2/less', 5], ['T2/lonely', 'the peer is not there']]);
  assert.match(cells(run.stdout, 'T2/lonely').join(' '), /could not be measured: the peer is not there .*no$/);
  assert.equal(run.results.rows[2].held, false);
  assert.equal(fs.readFileSync(path.join(folder, 'bench/calls'), 'utf8'), 'ABABABAB.ABABABAB.A.', 'each row has cleaned up');
});

// covers: RUN-4
test('a peer that was not built, and one that fails, are named', () => {
  const absent = bench(checkout(['g10_outbox']), 'G10/one', '--pairs', '1');
  assert.equal(absent.status, 1);
  assert.match(absent.stdout, /peer_sqlite is not there/);
  const folder = checkout(['g10_outbox']);
  fs.writeFileSync(path.join(folder, 'build/release/bench/peer_sqlite'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
  const failing = bench(folder, 'G10/one', '--pairs', '1');
  assert.equal(failing.status, 1);
  assert.match(failing.stdout, /peer_sqlite ended with status 3/);
});

// covers: RUN-4
test('--readme puts the table between its marks, in place of an older one, and touches nothing else', () => {
  const folder = checkout([], TOYS);
  const names = ['README.md', 'docs/performance.md'];
  const before = names.map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));
  const run = bench(folder, 'T1', '--pairs', '3', '--readme');
  names.forEach((name, i) => {
    const text = fs.readFileSync(path.join(folder, name), 'utf8');
    assert.equal(between(text), run.stdout.trim());
    assert.equal(around(text), around(before[i]));
  });
  bench(folder, 'T2/less', '--pairs', '3');
  assert.equal(between(fs.readFileSync(path.join(folder, 'README.md'), 'utf8')), run.stdout.trim(), 'without --readme the README stays');
});

// covers: RUN-4
test('--readme keeps the lines of rows that were measured on the same day and machine', () => {
  const folder = checkout([], TOYS);
  const shown = () => between(fs.readFileSync(path.join(folder, 'README.md'), 'utf8'));
  bench(folder, 'T2/less', '--pairs', '3', '--readme');
  bench(folder, 'T1', '--pairs', '3', '--readme');
  assert.deepEqual(shown().split('\n').slice(4).map((line) => line.split('|')[1].trim()), ['T1', 'T2/less'], 'in the order of the rows');
  bench(folder, 'T2/less', '--pairs', '1', '--readme');
  assert.equal(cells(shown(), 'T2/less')[5], '3 (3 to 3)', 'measured again: replaced');
  fs.writeFileSync(path.join(folder, 'README.md'), fs.readFileSync(path.join(folder, 'README.md'), 'utf8').replace(/begin -->\n\d{4}/, 'begin -->\n1999'));
  bench(folder, 'T1', '--pairs', '3', '--readme');
  assert.equal(cells(shown(), 'T2/less'), undefined, 'of another day');
});

// covers: RUN-4
test('a row that is not there is refused with the names of those that are', () => {
  const run = bench(checkout([], TOYS), 'G99');
  assert.notEqual(run.status, 0);
  assert.match(run.stderr, /T1 T2\/less T2\/lonely/);
  assert.equal(run.results, undefined);
});

// covers: RUN-4
test('the README shows a table of every row, with date and machine', () => {
  const shown = between(fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8'));
  assert.match(shown, /^\d{4}-\d\d-\d\d, \d+ cores/);
  for (const row of ['G2', 'G5/1', 'G5/4', 'G5/16', 'G9', 'G10/many', 'G10/one']) assert.ok(cells(shown, row), row);
});

after(() => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
