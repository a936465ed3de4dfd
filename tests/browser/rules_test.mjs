// An incident of each kind of rule: its words, its figures, and what is drawn over the picture.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { openBrowser, openPage, phone } from "./browser.mjs";
import { someSite } from "./fixtures.mjs";
import { makePictures, picturesMissing } from "./pictures.mjs";
import { ruleIncident, ruleKinds } from "./rule-fixtures.mjs";
import { ScriptedHub } from "./scripted-hub.mjs";

const skip = picturesMissing() || false;
let browser, pictures, hub, site, open;

before(async () => {
    if (skip) return;
    pictures = makePictures({ clips: false });
    browser = await openBrowser();
});
after(() => browser?.close());
beforeEach(async () => {
    if (skip) return;
    site = someSite(pictures);
    site.incidents = ruleKinds.map((kind) => ruleIncident(pictures, kind));
    hub = await new ScriptedHub(site, pictures).start();
    hub.signIn("anna");
    open = [];
});
afterEach(async () => {
    if (skip) return;
    for (const one of open) await one.context.close();
    await hub.stop();
});

async function show(kind, how) {
    const one = await openPage(browser, how);
    open.push(one);
    await one.page.goto(`${hub.url}/incidents/${site.incidents[ruleKinds.indexOf(kind)].id}`);
    await one.page.locator(".stage-picture.shown").waitFor();
    return one.page;
}
const aside = async (page) =>
    (await page.locator(".detail-aside").innerText()).replaceAll("\u00a0", " ");
function it(name, body) {
    test(name, { skip, timeout: 180_000 }, async () => {
        await body();
        for (const one of open) assert.deepEqual(one.complaints, [], "the page complained");
    });
}

// covers: RULE-2
it("a line that was crossed is drawn with its direction, its totals stand beside it", async () => {
    const page = await show("line");
    await page.getByRole("heading", { level: 1, name: 'person crossed "gate"' }).waitFor();
    assert.equal(await page.locator(".stage polyline.line").count(), 1);
    assert.equal(await page.locator(".stage path.line").count(), 1);
    assert.equal(await page.locator(".stage polygon.zone").count(), 0);
    const text = await aside(page);
    for (const said of ["clockwise", "Crossed so far", "31", "17", "14", "person crosses line “gate”"])
        assert.ok(text.includes(said), `${said} is not in: ${text}`);
    await page.getByRole("button", { name: "Line" }).click();
    await page.locator(".stage polyline.line").waitFor({ state: "detached" });
});

// covers: RULE-4
it("a close call shows how near both were, between them", async () => {
    const page = await show("proximity");
    await page.locator(".distance-name", { hasText: "1.4 m" }).waitFor();
    const gap = await page.locator(".stage line.distance").evaluate((line) => ({
        from: [line.x1.baseVal.value, line.y1.baseVal.value],
        to: [line.x2.baseVal.value, line.y2.baseVal.value],
    }));
    const [one, other] = site.incidents[ruleKinds.indexOf("proximity")].events[0].boxes;
    assert.ok(Math.abs(gap.from[0] / 100 - (one.box.l + one.box.w / 2)) < 1e-3);
    assert.ok(Math.abs(gap.from[1] / 100 - (one.box.t + one.box.h)) < 1e-3);
    assert.ok(Math.abs(gap.to[1] / 100 - (other.box.t + other.box.h)) < 1e-3);
    const text = await aside(page);
    for (const said of ["Nearest", "1.4 m", "2.0 m", "1.1 m/s", "nearer than 2 m to person"])
        assert.ok(text.includes(said), `${said} is not in: ${text}`);
    await page.getByRole("button", { name: "Distance" }).click();
    await page.locator(".distance-name").waitFor({ state: "detached" });
});

// covers: RULE-2, RULE-3
it("what is missing, nobody and too few are told in words and figures", async () => {
    let text = await aside(await show("equipment"));
    for (const said of ["vest", "seen in 0 of 32 looks", "person without vest anywhere"])
        assert.ok(text.includes(said), `${said} is not in: ${text}`);
    const empty = await show("absence", { viewport: phone, touch: true });
    text = await aside(empty);
    assert.ok(text.includes("no person in zone “ticket desk” for 2 min or longer"), text);
    assert.ok(!text.includes("Track"), "nobody has a track");
    assert.equal(await empty.locator(".stage .box.main").count(), 0);
    text = await aside(await show("count"));
    for (const said of ["Counted", "3", "At least", "10", "60 s", "fewer than 10 of person cross line"])
        assert.ok(text.includes(said), `${said} is not in: ${text}`);
});
