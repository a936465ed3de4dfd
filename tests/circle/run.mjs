// make circle: the whole round, unattended, and what came of it.
import { Circle, LONG, round, told } from './circle.mjs';

const circle = new Circle(LONG, (line) => console.log(`circle: ${line}`));
try {
  await round(circle);
  console.log(`\n${told(circle)}`);
} catch (error) {
  console.error(`circle: ${error.message}`);
  process.exitCode = 1;
} finally {
  await circle.close();
}
