// node tests/browser/rule-shots.mjs: an incident of each kind of rule, whole and its picture alone, into
// $VEDETTE_SCREENSHOTS or build/screenshots; docs/pictures/rule-KIND.png are the pictures alone.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { desk, openBrowser, openPage, phone } from "./browser.mjs";
import { someSite } from "./fixtures.mjs";
import { makePictures } from "./pictures.mjs";
import { ruleIncident, ruleKinds } from "./rule-fixtures.mjs";
import { ScriptedHub } from "./scripted-hub.mjs";

const into = process.env.VEDETTE_SCREENSHOTS ?? new URL("../../build/screenshots", import.meta.url).pathname;
mkdirSync(into, { recursive: true });
const pictures = makePictures({ clips: false });
const site = someSite(pictures);
const zoneOne = site.incidents[1];
const all = [["zone", zoneOne], ...ruleKinds.map((kind) => [kind, ruleIncident(pictures, kind)])];
site.incidents = all.map(([, one]) => one);
const hub = await new ScriptedHub(site, pictures).start();
hub.signIn("anna");
const browser = await openBrowser();
for (const [kind, one] of all) {
    for (const [size, how] of [
        ["desk", { viewport: desk, scheme: "light" }],
        ["phone", { viewport: phone, touch: true }],
    ]) {
        const { page, context } = await openPage(browser, how);
        await page.goto(`${hub.url}/incidents/${one.id}`);
        await page.locator(".stage-picture.shown").waitFor();
        await page.evaluate(() => document.fonts.ready);
        await page.screenshot({ path: join(into, `rule-${kind}-${size}.png`) });
        if (size === "desk")
            await page.locator(".stage").screenshot({ path: join(into, `rule-${kind}.png`) });
        await context.close();
    }
}
await browser.close();
await hub.stop();
console.log(`${all.length} kinds in ${into}`);
