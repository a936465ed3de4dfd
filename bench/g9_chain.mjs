// g9_chain: the whole house with one RTSP camera; prints how long it takes from the trigger picture's arrival at the agent's
// camera to the moment a subscriber of the hub's stream is told, over the events of about a minute. Those of the first
// seconds are left out: the camera's marks of a picture's end are being learned then (agent/camera/child_early.c).
import https from 'node:https';
import { House, until } from '../tests/journey/house.mjs';

const WANTED = Number(process.env.EVENTS ?? 25);
const WARM_UP = 6;
const house = await House.build({ cameras: ['yard-1'], mailbox: false, incidentGap: '0s', dwell: '0s' });

// Calls told(id, time in ms) for each incident change.
function subscribe(told) {
  return new Promise((resolve, reject) => {
    const request = https.get({ host: '127.0.0.1', servername: 'localhost', port: house.port.hub, path: '/api/v1/stream', ca: house.ca, headers: { authorization: `Bearer ${house.token}` } }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        const now = Date.now();
        text += chunk;
        const blocks = text.split('\n\n');
        text = blocks.pop();
        for (const block of blocks) {
          const data = block.match(/^data: (.*)$/m);
          if (data && /^event: incident$/m.test(block)) told(JSON.parse(data[1]).id, now);
        }
      });
      resolve(request);
    });
    request.on('error', reject);
  });
}

try {
  await house.startCameras();
  await house.startHub();
  await house.signIn();
  const seen = new Set();
  const took = [];
  const stream = await subscribe(async (id, now) => {
    const { events } = await house.get(`/api/v1/incidents/${id}`);
    for (const event of events) {
      if (seen.has(event.id)) continue;
      seen.add(event.id);
      if (event.revision === 1) took.push(now - Date.parse(event.update));
    }
  });
  stream.on('error', () => {});
  await house.startAgent();
  await until(`${WANTED} events`, () => took.length >= WARM_UP + WANTED, 300);
  took.splice(0, WARM_UP);
  took.sort((a, b) => a - b);
  const at = (part) => took[Math.ceil(took.length * part) - 1];
  console.log(JSON.stringify({ events: took.length, p95_ms: at(0.95), median_ms: at(0.5) }));
  stream.destroy();
} finally {
  await house.stop();
}
process.exit(0);
