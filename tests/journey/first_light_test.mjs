// One event through every program: picture -> incident -> a person in a real browser -> exported label.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { House, ROOT, sha256, until } from './house.mjs';

const SCREENSHOTS = process.env.VEDETTE_SCREENSHOTS ?? path.join(ROOT, 'build/screenshots');
let house, browser, page, incident;

before(async () => {
  house = await House.build();
  await house.startAll();
  await house.signIn();
  fs.mkdirSync(SCREENSHOTS, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 }, colorScheme: 'dark' });
  page = await context.newPage();
});

after(async () => {
  await browser?.close();
  await house?.stop();
});

// covers: RUN-2, CAM-1, HUB-2
test('people who enter the zone become an incident with snapshot and clip', async () => {
  incident = await until('an incident whose snapshot and clip have arrived', async () => {
    for (const candidate of await house.incidents()) {
      const detail = await house.get(`/api/v1/incidents/${candidate.id}`);
      const kinds = detail.events.flatMap((event) => event.evidence.filter((e) => e.arrived).map((e) => e.kind));
      if (kinds.includes('snapshot') && kinds.includes('clip')) return detail;
    }
    return undefined;
  }, 90);
  assert.equal(incident.state, 'open');
  assert.match(incident.title, /person/);
  const event = incident.events[0];
  assert.equal(event.class, 'person');
  assert.equal(event.kind, 'zone');
  assert.match(event.model.digest, /^[0-9a-f]{64}$/);
  assert.ok(event.score >= event.score_min, `score ${event.score} is at least ${event.score_min}`);
  assert.equal(event.inferences[0].type, 'entity');
  assert.equal(event.rule.points.length, 4);
});

// covers: EVT-1
test('every evidence file matches its digest, and the clip begins before the event', async () => {
  for (const event of incident.events) {
    for (const evidence of event.evidence.filter((e) => e.arrived)) {
      const bytes = await house.get(`/api/v1/evidence/${evidence.digest}`);
      assert.equal(sha256(bytes), evidence.digest);
      assert.equal(bytes.length, evidence.bytes);
      if (evidence.kind === 'clip') assert.ok(Date.parse(evidence.start) <= Date.parse(event.start), 'a clip shows its event from the start');
    }
  }
  // Whoever stood in the zone when the stream began has no pre-roll; the others have.
  await until('a clip that begins well before its event', async () => (await house.events()).some((event) => event.evidence.some((e) => (
    e.kind === 'clip' && Date.parse(e.start) < Date.parse(event.start) - 1000))), 90);
});

// covers: RUN-2, WEB-1
test('a person signs in, sees the picture with boxes and zone, and plays the clip', async () => {
  await page.goto(`https://localhost:${house.port.hub}/`);
  await page.getByLabel(/name/i).first().fill('admin');
  await page.getByLabel(/password/i).first().fill(house.password);
  await page.getByRole('button', { name: /sign in/i }).click();
  await page.getByRole('navigation', { name: 'Places' }).waitFor();
  await page.goto(`https://localhost:${house.port.hub}/incidents/${incident.id}`);
  await page.locator('svg polygon').first().waitFor();
  await page.locator('svg rect').first().waitFor();
  await page.getByRole('button', { name: 'Clip', exact: true }).click();
  const clip = page.locator('video').first();
  await clip.waitFor();
  await clip.evaluate((video) => { video.muted = true; return video.play(); });
  await until('the clip to play', () => clip.evaluate((video) => video.currentTime > 0.3 && video.videoWidth > 0), 20);
  await clip.evaluate((video) => video.pause());
  await page.screenshot({ path: path.join(SCREENSHOTS, 'journey-incident.png') });
});

// covers: RUN-2, HUB-2
test('pressing Acknowledge and Resolve changes the incident at the hub, with who and when', async () => {
  await page.getByRole('button', { name: /acknowledge/i }).first().click();
  await until('the hub to know', async () => (await house.get(`/api/v1/incidents/${incident.id}`)).state === 'acknowledged', 10);
  await page.getByRole('button', { name: /resolve/i }).first().click();
  const panel = page.getByRole('dialog', { name: 'Resolve' });
  await panel.getByRole('radio', { name: /^True/ }).check();
  await panel.getByRole('button', { name: 'Resolve' }).click();
  const resolved = await until('the hub to know', async () => {
    const now = await house.get(`/api/v1/incidents/${incident.id}`);
    return now.state === 'resolved' && now;
  }, 10);
  assert.equal(resolved.verdict, 'true');
  assert.equal(resolved.resolved_by, 'admin');
  const words = resolved.history.map((entry) => entry.what);
  for (const word of ['opened', 'acknowledged', 'resolved']) assert.ok(words.includes(word), `history has ${word}`);
});

// covers: HUB-4
test('an e-mail with the picture and the link went out and can be read', async () => {
  const delivery = await until('a sent e-mail', async () => (await house.get('/api/v1/deliveries')).deliveries.find((d) => d.channel === 'email' && d.state === 'sent'), 60);
  assert.ok(delivery.attempts.some((attempt) => attempt.ok));
  const { mails } = await house.get('/api/v1/mailbox');
  assert.ok(mails.length > 0 && mails[0].has_picture);
  const raw = (await house.get(`/api/v1/mailbox/${encodeURIComponent(mails[0].id)}`)).toString();
  assert.match(raw, new RegExp(`https://localhost:${house.port.hub}/incidents/`));
});

// covers: HUB-3, RUN-2, CLI-1
test('the verdict left a labelled item that the command line exports as COCO', async () => {
  fs.writeFileSync(house.at('password'), house.password, { mode: 0o600 });
  house.cli('login', '--hub', `https://localhost:${house.port.hub}`, '--ca', house.at('hub/tls/ca.pem'), '--user', 'admin', '--password-file', house.at('password'));
  const listed = JSON.parse(house.cli('incident', 'list', '--json'));
  assert.ok((listed.incidents ?? listed).some((row) => row.id === incident.id));
  house.cli('dataset', 'export', '--format', 'coco', house.at('labels'));
  const coco = JSON.parse(fs.readFileSync(house.at('labels/annotations.json')));
  assert.ok(coco.images.length >= 1);
  const image = coco.images[0];
  const file = [house.at('labels/images', image.file_name), house.at('labels', image.file_name)].find((name) => fs.existsSync(name));
  assert.ok(file, `${image.file_name} is there`);
  const annotation = coco.annotations.find((a) => a.image_id === image.id);
  const [x, y, w, h] = annotation.bbox;
  assert.ok(x >= 0 && y >= 0 && w > 4 && h > 8 && x + w <= image.width + 1 && y + h <= image.height + 1, `box ${annotation.bbox} in picture`);
  assert.equal(coco.categories.find((c) => c.id === annotation.category_id).name, 'person');
  assert.equal(annotation.attributes.verdict, 'true');
  const items = await house.get('/api/v1/items');
  assert.ok(items.items.some((item) => item.picture === sha256(fs.readFileSync(file))), 'the exported picture is the archived one');
});

test('the agent’s line to the hub, its cameras and its model are shown', async () => {
  const { cameras } = await house.get('/api/v1/cameras');
  assert.deepEqual(cameras.map((c) => c.camera).sort(), ['yard-1', 'yard-2']);
  for (const camera of cameras) assert.equal(camera.state, 'live');
  const picture = await until('a picture of the camera', async () => {
    const answer = await house.request('GET', `/api/v1/cameras/${cameras[0].device}/yard-1/picture`);
    return answer.status === 200 && answer.bytes;
  }, 20);
  assert.deepEqual([...picture.subarray(0, 2)], [0xff, 0xd8]);
});
