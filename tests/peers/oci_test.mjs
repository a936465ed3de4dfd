// The hub's registry as others' clients see it: skopeo and podman push and pull images and artifacts, which come back
// byte for byte; what is truncated, tampered with or not allowed is refused in the registry's own words.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { sha256, until } from '../journey/house.mjs';
import { LoneHub } from '../journey/lone-hub.mjs';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const it = {};
let hub, folder;

function program(name) {
  try {
    return execFileSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}
const SKOPEO = program('skopeo');
const PODMAN = program('podman');

before(async () => {
  hub = await LoneHub.start('oci');
  folder = hub.folder;
  it.password = hub.password;
  it.token = hub.admin;
  fs.mkdirSync(`${folder}/certs`);
  fs.writeFileSync(`${folder}/certs/ca.crt`, hub.ca);
  for (const [name, role] of [['olga', 'operator'], ['vera', 'viewer']]) await hub.person(name, role);
});

after(() => hub?.stop());

const basic = (name, password) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
const olga = () => basic('olga', 'olga-secret-1');

const ask = (method, target, { auth = olga(), ...rest } = {}) => hub.request(method, target, { ...rest, authorization: auth });

// ---- an image of several layers, as a layout on disk ----

function tarOf(name, bytes) {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write('0000644\0', 100);
  head.write('0000000\0', 108);
  head.write('0000000\0', 116);
  head.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
  head.write('00000000000\0', 136);
  head.write('        ', 148);
  head.write('0', 156);
  head.write('ustar\x0000', 257);
  head.write(`${head.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return Buffer.concat([head, bytes, padding, Buffer.alloc(1024)]);
}

class Layout {
  constructor(name) {
    this.path = path.join(folder, name);
    fs.mkdirSync(`${this.path}/blobs/sha256`, { recursive: true });
    fs.writeFileSync(`${this.path}/oci-layout`, '{"imageLayoutVersion":"1.0.0"}');
  }

  blob(bytes, mediaType) {
    const digest = sha256(bytes);
    fs.writeFileSync(`${this.path}/blobs/sha256/${digest}`, bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  }

  finish(manifest) {
    const bytes = Buffer.from(JSON.stringify(manifest));
    const descriptor = this.blob(bytes, OCI_MANIFEST);
    const index = { schemaVersion: 2, manifests: [{ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }] };
    fs.writeFileSync(`${this.path}/index.json`, JSON.stringify(index));
    this.digest = descriptor.digest;
    return this;
  }
}

function imageLayout(name) {
  const layout = new Layout(name);
  const tars = [tarOf('one', Buffer.from('first layer\n')), tarOf('two', randomBytes(3 << 20)), tarOf('three', Buffer.alloc(100000, 7))];
  const config = { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: tars.map((tar) => `sha256:${sha256(tar)}`) } };
  return layout.finish({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: layout.blob(Buffer.from(JSON.stringify(config)), 'application/vnd.oci.image.config.v1+json'),
    layers: tars.map((tar) => layout.blob(gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip')),
  });
}

function artifactLayout(name) {
  const layout = new Layout(name);
  return layout.finish({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: 'application/vnd.example.notes.v1',
    config: layout.blob(Buffer.from('{}'), 'application/vnd.oci.empty.v1+json'),
    layers: [layout.blob(randomBytes(70000), 'application/octet-stream'), layout.blob(Buffer.from('a note\n'), 'text/plain')],
    annotations: { 'org.example.kept': 'as it is' },
  });
}

const blobsOf = (layout) => fs.readdirSync(`${layout}/blobs/sha256`).sort();

function expectSameLayout(have, want) {
  assert.deepEqual(blobsOf(have), blobsOf(want.path));
  for (const name of blobsOf(have)) assert.equal(sha256(fs.readFileSync(`${have}/blobs/sha256/${name}`)), name);
  assert.equal(JSON.parse(fs.readFileSync(`${have}/index.json`)).manifests[0].digest, want.digest);
}

function skopeo(...args) {
  return execFileSync(SKOPEO, ['--insecure-policy', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60000 });
}
const remote = (name) => `docker://localhost:${hub.port.https}/${name}`;
const out = (user) => ['--dest-cert-dir', `${folder}/certs`, '--dest-creds', `${user}:${user}-secret-1`];
const back = (user) => ['--src-cert-dir', `${folder}/certs`, '--src-creds', `${user}:${user}-secret-1`];

// covers: CIR-6
test('skopeo carries an image of several layers there and back unchanged', { skip: SKOPEO ? false : 'skopeo is not installed' }, () => {
  it.image = imageLayout('image');
  skopeo('copy', ...out('olga'), `oci:${it.image.path}:latest`, remote('yard/tools:1.0'));
  skopeo('copy', ...back('vera'), remote('yard/tools:1.0'), `oci:${folder}/image-back:latest`);
  expectSameLayout(`${folder}/image-back`, it.image);
  const seen = JSON.parse(skopeo('inspect', '--cert-dir', `${folder}/certs`, '--creds', 'vera:vera-secret-1', remote('yard/tools:1.0')));
  assert.equal(seen.Digest, it.image.digest);
  assert.equal(seen.Layers.length, 3);
  assert.deepEqual(JSON.parse(skopeo('list-tags', '--cert-dir', `${folder}/certs`, '--creds', 'vera:vera-secret-1', remote('yard/tools'))).Tags, ['1.0']);
});

// covers: CIR-6
test('skopeo carries an artifact, and copies from one repository to another without sending the layers again', { skip: SKOPEO ? false : 'skopeo is not installed' }, async () => {
  it.notes = artifactLayout('notes');
  skopeo('copy', ...out('olga'), `oci:${it.notes.path}:latest`, remote('notes:a'));
  skopeo('copy', ...back('vera'), ...out('olga'), remote('notes:a'), remote('site/notes:b'));
  skopeo('copy', ...back('vera'), remote('site/notes:b'), `dir:${folder}/notes-dir`);
  assert.equal(`sha256:${sha256(fs.readFileSync(`${folder}/notes-dir/manifest.json`))}`, it.notes.digest);
  skopeo('copy', ...back('vera'), remote('notes:a'), `oci:${folder}/notes-back:latest`);
  expectSameLayout(`${folder}/notes-back`, it.notes);
  const manifest = await ask('GET', '/v2/site/notes/manifests/b');
  assert.equal(manifest.json.annotations['org.example.kept'], 'as it is');
});

// covers: CIR-6
test('a token works as the password, a device pulls with its own key, a viewer may not push, a stranger nothing', async () => {
  assert.equal((await ask('GET', '/v2/', { auth: basic('anything', it.token) })).status, 200);
  assert.equal((await ask('GET', '/v2/', { auth: `Bearer ${it.token}` })).status, 200);
  const stranger = await ask('GET', '/v2/', { auth: null });
  assert.equal(stranger.status, 401);
  assert.match(stranger.headers['www-authenticate'], /^Basic realm=/);
  assert.equal(stranger.json.errors[0].code, 'UNAUTHORIZED');
  assert.equal((await ask('GET', '/v2/', { auth: basic('vera', 'wrong-wrong-wrong') })).status, 401);
  const viewer = await ask('POST', '/v2/yard/tools/blobs/uploads/', { auth: basic('vera', 'vera-secret-1') });
  assert.equal(viewer.status, 403);
  assert.equal(viewer.json.errors[0].code, 'DENIED');
  assert.equal((await ask('GET', '/api/v1/session', { auth: olga() })).status, 401, 'Basic opens the registry only');

  await ask('POST', '/api/v1/devices', { json: { id: 'dock' }, auth: `Bearer ${it.token}` });
  const { connection_string: text } = (await ask('GET', '/api/v1/devices/dock/connection-string', { auth: `Bearer ${it.token}` })).json;
  const sr = encodeURIComponent(`${/HostName=([^;]+)/.exec(text)[1].split(':')[0]}/devices/dock`);
  const se = Math.floor(Date.now() / 1000) + 600;
  const sig = createHmac('sha256', Buffer.from(/SharedAccessKey=(.*)$/.exec(text)[1], 'base64')).update(`${sr}\n${se}`).digest('base64');
  it.device = `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}`;
  const digest = await pushBlob('device/blob', Buffer.from('for devices'));
  assert.equal((await ask('GET', `/v2/device/blob/blobs/${digest}`, { auth: it.device })).bytes.toString(), 'for devices');
  assert.equal((await ask('POST', '/v2/device/blob/blobs/uploads/', { auth: it.device })).status, 401);
});

async function pushBlob(name, bytes) {
  const digest = `sha256:${sha256(bytes)}`;
  const made = await ask('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: bytes, headers: { 'content-type': 'application/octet-stream' } });
  assert.equal(made.status, 201, made.bytes.toString());
  assert.equal(made.headers['docker-content-digest'], digest);
  assert.equal(made.headers.location, `/v2/${name}/blobs/${digest}`);
  return digest;
}

// covers: CIR-6
test('a blob arrives in chunks, at its place only, and is checked at the end', async () => {
  const bytes = randomBytes(300000);
  const digest = `sha256:${sha256(bytes)}`;
  const begun = await ask('POST', '/v2/chunks/blobs/uploads/');
  assert.equal(begun.status, 202);
  const at = begun.headers.location;
  const chunk = (from, to) => ask('PATCH', at, { body: bytes.subarray(from, to), headers: { 'content-range': `${from}-${to - 1}`, 'content-type': 'application/octet-stream' } });
  const first = await chunk(0, 100000);
  assert.equal(first.status, 202);
  assert.equal(first.headers.range, '0-99999');
  assert.equal((await chunk(150000, 200000)).status, 416, 'a gap');
  assert.equal((await chunk(0, 100000)).status, 416, 'the same again');
  assert.equal((await ask('PATCH', at, { body: Buffer.from('x'), headers: { 'content-range': '100000-100500' } })).status, 416, 'fewer bytes than said');
  assert.equal((await ask('PATCH', at.replace('/chunks/', '/other/'), { body: Buffer.from('x') })).status, 404, 'another repository');
  assert.equal((await ask('GET', at)).headers.range, '0-99999');
  assert.equal((await chunk(100000, 250000)).headers.range, '0-249999');
  const done = await ask('PUT', `${at}?digest=${digest}`, { body: bytes.subarray(250000), headers: { 'content-range': '250000-299999' } });
  assert.equal(done.status, 201, done.bytes.toString());
  const whole = await ask('GET', `/v2/chunks/blobs/${digest}`);
  assert.equal(sha256(whole.bytes), digest.slice(7));
  const part = await ask('GET', `/v2/chunks/blobs/${digest}`, { headers: { range: 'bytes=1000-1999' } });
  assert.equal(part.status, 206);
  assert.deepEqual(part.bytes, bytes.subarray(1000, 2000));
  const head = await ask('HEAD', `/v2/chunks/blobs/${digest}`);
  assert.equal(head.headers['content-length'], '300000');
  const mounted = await ask('POST', `/v2/elsewhere/blobs/uploads/?mount=${digest}&from=chunks`);
  assert.equal(mounted.status, 201);
  assert.equal((await ask('HEAD', `/v2/elsewhere/blobs/${digest}`)).status, 200);
  assert.equal((await ask('POST', `/v2/elsewhere/blobs/uploads/?mount=sha256:${'0'.repeat(64)}&from=chunks`)).status, 202);
});

// covers: CIR-6
test('truncated and tampered layers are refused, and nothing of them stays', async () => {
  const bytes = randomBytes(50000);
  const digest = `sha256:${sha256(bytes)}`;
  for (const wrong of [bytes.subarray(0, 49999), Buffer.concat([bytes.subarray(0, 100), Buffer.from([bytes[100] ^ 1]), bytes.subarray(101)])]) {
    const refused = await ask('POST', `/v2/broken/blobs/uploads/?digest=${digest}`, { body: wrong });
    assert.equal(refused.status, 400);
    assert.equal(refused.json.errors[0].code, 'DIGEST_INVALID');
    assert.equal((await ask('HEAD', `/v2/broken/blobs/${digest}`)).status, 404);
  }
  assert.deepEqual(fs.readdirSync(`${hub.state}/arriving`).filter((name) => name.startsWith('upload-') && name.includes(sha256('broken').slice(0, 16))), []);
  const config = await pushBlob('broken', Buffer.from('{}'));
  const item = (size, hex = config) => ({ mediaType: 'application/vnd.oci.empty.v1+json', digest: hex, size });
  const put = (manifest, type = OCI_MANIFEST, reference = 'x') => ask('PUT', `/v2/broken/manifests/${reference}`, { body: Buffer.from(typeof manifest === 'string' ? manifest : JSON.stringify(manifest)), headers: { 'content-type': type } });
  const missing = await put({ schemaVersion: 2, config: item(2), layers: [item(50000, digest)] });
  assert.equal(missing.status, 400);
  assert.equal(missing.json.errors[0].code, 'MANIFEST_BLOB_UNKNOWN');
  assert.equal((await put({ schemaVersion: 2, config: item(3), layers: [] })).json.errors[0].code, 'MANIFEST_INVALID', 'another size than the blob has');
  assert.equal((await put('{"schemaVersion":2,')).json.errors[0].code, 'MANIFEST_INVALID');
  assert.equal((await put({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: item(2), layers: [] }, 'application/vnd.docker.distribution.manifest.v2+json')).json.errors[0].code, 'MANIFEST_INVALID');
  assert.equal((await put({ schemaVersion: 2, config: item(2), layers: [] }, OCI_MANIFEST, digest)).json.errors[0].code, 'DIGEST_INVALID');
  assert.equal((await put('x'.repeat(2 << 20))).status, 413);
  assert.equal((await ask('GET', '/v2/broken/manifests/x')).json.errors[0].code, 'MANIFEST_UNKNOWN');
  assert.equal((await ask('GET', '/v2/never/pushed/tags/list')).json.errors[0].code, 'NAME_UNKNOWN');
  assert.equal((await ask('POST', '/v2/UPPER/blobs/uploads/')).json.errors[0].code, 'NAME_INVALID');
});

// covers: CIR-6
test('referrers are found by their subject, tags come in pages, and what is needed cannot be deleted', async () => {
  const config = await pushBlob('family', Buffer.from('{}'));
  const item = { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: 2 };
  const push = (reference, extra) => ask('PUT', `/v2/family/manifests/${reference}`, { json: { schemaVersion: 2, mediaType: OCI_MANIFEST, config: item, layers: [], ...extra }, headers: { 'content-type': OCI_MANIFEST } });
  const parent = (await push('a', {})).headers['docker-content-digest'];
  const size = Number((await ask('HEAD', '/v2/family/manifests/a')).headers['content-length']);
  const subject = { mediaType: OCI_MANIFEST, digest: parent, size };
  const report = await push('r', { artifactType: 'application/vnd.example.report', subject, annotations: { made: 'today' } });
  assert.equal(report.headers['oci-subject'], parent);
  await push('s', { artifactType: 'application/vnd.example.scan', subject });
  const all = await ask('GET', `/v2/family/referrers/${parent}`);
  assert.match(all.headers['content-type'], /image\.index/);
  assert.deepEqual(all.json.manifests.map((m) => m.artifactType).sort(), ['application/vnd.example.report', 'application/vnd.example.scan']);
  const some = await ask('GET', `/v2/family/referrers/${parent}?artifactType=application/vnd.example.report`);
  assert.equal(some.headers['oci-filters-applied'], 'artifactType');
  assert.deepEqual(some.json.manifests.map((m) => [m.digest, m.annotations.made]), [[report.headers['docker-content-digest'], 'today']]);
  assert.deepEqual((await ask('GET', `/v2/family/referrers/sha256:${'1'.repeat(64)}`)).json.manifests, []);

  const page = await ask('GET', '/v2/family/tags/list?n=2');
  assert.deepEqual(page.json, { name: 'family', tags: ['a', 'r'] });
  const next = /<([^>]+)>; rel="next"/.exec(page.headers.link)[1];
  assert.deepEqual((await ask('GET', next)).json.tags, ['s']);
  assert.ok((await ask('GET', '/v2/_catalog')).json.repositories.includes('family'));

  assert.equal((await ask('DELETE', `/v2/family/blobs/${config}`)).status, 409);
  assert.equal((await ask('DELETE', '/v2/family/manifests/r')).status, 202, 'a tag');
  assert.equal((await ask('GET', '/v2/family/manifests/r')).status, 404);
  for (const { digest } of all.json.manifests) assert.equal((await ask('DELETE', `/v2/family/manifests/${digest}`)).status, 202);
  assert.equal((await ask('DELETE', `/v2/family/manifests/${parent}`)).status, 202);
  assert.equal((await ask('DELETE', `/v2/family/blobs/${config}`)).status, 202);
  assert.equal((await ask('HEAD', `/v2/family/blobs/${config}`)).status, 404);
});

// ---- podman: an engine with a store of its own under the test's folder ----

function podman(...args) {
  const own = ['--root', `${folder}/podman/root`, '--runroot', `${folder}/podman/run`, '--storage-driver', 'vfs', '--runtime', 'runc'];
  return execFileSync(PODMAN, [...own, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120000, env: { ...process.env, CONTAINERS_REGISTRIES_CONF: `${folder}/registries.conf` } });
}

// Says why podman cannot be the judge here, or nothing.
function podmanTrouble() {
  if (!PODMAN) return 'podman is not installed';
  if (!SKOPEO) return 'skopeo, which makes the image, is not installed';
  fs.writeFileSync(`${folder}/registries.conf`, '');
  try {
    podman('info');
    return '';
  } catch (error) {
    return `podman cannot run here: ${(error.stderr || error.message).trim().split('\n').pop()}`;
  }
}

// covers: CIR-6
test('podman pulls what skopeo pushed, pushes it again, and its layers stay what they were', async (context) => {
  const trouble = podmanTrouble();
  if (trouble) return context.skip(trouble);
  const auth = (user) => ['--cert-dir', `${folder}/certs`, '--creds', `${user}:${user}-secret-1`];
  const name = `localhost:${hub.port.https}/yard/tools`;
  podman('pull', ...auth('vera'), `${name}:1.0`);
  podman('tag', `${name}:1.0`, `${name}:from-podman`);
  podman('push', ...auth('olga'), '--digestfile', `${folder}/pushed`, `${name}:from-podman`);
  const pushed = await ask('GET', '/v2/yard/tools/manifests/from-podman');
  assert.equal(`sha256:${sha256(pushed.bytes)}`, fs.readFileSync(`${folder}/pushed`, 'utf8').trim());
  const first = await ask('GET', '/v2/yard/tools/manifests/1.0');
  assert.equal(pushed.json.config.digest, first.json.config.digest, 'the same image');
  podman('rmi', '--all', '--force');
  const id = podman('pull', '--quiet', ...auth('vera'), `${name}:from-podman`).trim();
  assert.equal(`sha256:${id}`, first.json.config.digest);
  await until('the hub to be whole', async () => (await ask('GET', '/v2/')).status === 200);
});
