import fs from 'node:fs';
import { Circle, LONG, round, told } from './circle.mjs';
const circle = new Circle(LONG, (line) => console.log(`${new Date().toISOString()} circle: ${line}`));
try {
  await round(circle).finally(() => { fs.writeFileSync('/tmp/circle.env', JSON.stringify({ url: circle.url(''), password: circle.house.password, folder: circle.house.folder })); });
  console.log(`\n${told(circle)}`);
} catch (error) { console.error(`circle: ${error.stack}`); }
console.log('waiting for /tmp/circle.stop');
while (!fs.existsSync('/tmp/circle.stop')) await new Promise((r) => setTimeout(r, 1000));
await circle.close();
