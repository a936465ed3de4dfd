// A strict reader of Prometheus' text format 0.0.4: families in one piece, HELP and TYPE once and first, names and labels as the format wants them,
// histograms whose buckets rise to +Inf and agree with their count. Throws where a line is wrong.
import assert from 'node:assert/strict';

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (NaN|[+-]Inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?: -?\d+)?$/;
const number = (text) => (text === 'NaN' ? NaN : text.endsWith('Inf') ? (text[0] === '-' ? -Infinity : Infinity) : Number(text));

function labelsOf(text = '') {
  const labels = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"/g)) {
    assert.ok(!(name in labels), `label ${name} twice`);
    assert.ok(!name.startsWith('__'), `label ${name} is reserved`);
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
  }
  return labels;
}

function familyOf(sample, open) {
  if (open?.type === 'histogram' && ['_bucket', '_sum', '_count'].some((end) => sample === open.name + end)) return open.name;
  return sample;
}

function checkHistogram(family) {
  const series = new Map();
  for (const { name, labels, value } of family.samples) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(rest);
    if (!series.has(key)) series.set(key, { buckets: [] });
    const own = series.get(key);
    if (name.endsWith('_bucket')) own.buckets.push([number(le), value]);
    else own[name.slice(family.name.length + 1)] = value;
  }
  for (const [key, { buckets, sum, count }] of series) {
    assert.ok(buckets.length && sum !== undefined && count !== undefined, `${family.name}${key} is not whole`);
    buckets.forEach(([le, value], i) => i && assert.ok(le > buckets[i - 1][0] && value >= buckets[i - 1][1], `${family.name}${key}: buckets must rise`));
    assert.deepEqual(buckets.at(-1), [Infinity, count], `${family.name}${key}: +Inf is the count`);
  }
}

// The families by name, each with type, help and samples.
export function readMetrics(text) {
  const families = {};
  const seen = new Set();
  let open;
  assert.ok(text.endsWith('\n'), 'the last line must end');
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = line.match(/^# (HELP|TYPE) (\S+) (.+)$/);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (open?.name !== name) {
        assert.ok(!(name in families), `${name} comes twice`);
        open = families[name] = { name, samples: [] };
      }
      assert.ok(!open.samples.length, `${name}: ${kind} after its samples`);
      assert.ok(!(kind.toLowerCase() in open), `${name}: ${kind} twice`);
      if (kind === 'TYPE') assert.ok(['counter', 'gauge', 'histogram', 'summary', 'untyped'].includes(rest), `${name}: type ${rest}`);
      open[kind.toLowerCase()] = rest;
      continue;
    }
    const match = line.match(SAMPLE);
    assert.ok(match, `not a line of the format: ${line}`);
    const [, name, labelText, value] = match;
    assert.equal(familyOf(name, open), open?.name, `${name} stands outside its family`);
    assert.ok(!seen.has(name + (labelText ?? '')), `${name}{${labelText}} twice`);
    seen.add(name + (labelText ?? ''));
    open.samples.push({ name, labels: labelsOf(labelText), value: number(value) });
  }
  for (const family of Object.values(families)) {
    assert.ok(family.type && family.help, `${family.name} has no TYPE or HELP`);
    if (family.type === 'counter') assert.match(family.name, /_total$/, `${family.name}: a counter ends in _total`);
    if (family.type === 'histogram') checkHistogram(family);
  }
  return families;
}
