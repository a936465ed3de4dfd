// The whole round in a short form; make circle runs the long one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { Circle, SHORT, round, told } from '../circle/circle.mjs';
import { BUILD } from './house.mjs';

const trainer = path.join(BUILD, 'lab/training/worker/vedette-trainer');
const circle = new Circle(SHORT);
after(() => circle.close());

// covers: CIR-12
test('what people decide comes back as a model that travels to the device and is watched there', { skip: !fs.existsSync(trainer) && 'no trainer was built (libtorch)' }, async () => {
  const figures = await round(circle);
  assert.ok(figures.labels >= 20);
  assert.ok(figures.after.map50 > 0.3, `int8 after training has mAP50 ${figures.after.map50}`);
  console.log(told(circle));
});
