// Can everybody use it: contrast, small screens, large text, touch, focus, names.
import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { openBrowser, openPage, phone } from "./browser.mjs";
import { poorTexts } from "./contrast.mjs";
import { holdBack, someSite } from "./fixtures.mjs";
import { makePictures, picturesMissing } from "./pictures.mjs";
import { ScriptedHub } from "./scripted-hub.mjs";

const skip = picturesMissing() || false;
const limits = { skip, timeout: 180_000 };
let browser;
let pictures;
let hub;

before(async () => {
    if (skip) return;
    pictures = makePictures();
    browser = await openBrowser();
});
after(() => browser?.close());
beforeEach(async () => {
    if (skip) return;
    hub = await new ScriptedHub(someSite(pictures), pictures).start();
    hub.signIn("anna");
    holdBack(hub.site.incidents[2]);
});
afterEach(() => hub?.stop());

const ready = {
    incidents: ".row",
    incident: ".history li",
    held: ".held",
    cameras: ".camera-card",
    camera: ".recent-link",
    recording: ".wish",
    devices: ".device",
    device: ".recent-link",
    deliveries: ".delivery",
    "deliveries/mailbox": ".mail-row",
    settings: ".users li",
};
/** What is behind a button is looked at too. */
const opened = {
    held: async (page) => {
        await page.getByRole("button", { name: "Get the recording around it" }).click();
        await page.locator(".wish-form").waitFor();
    },
};
const addressOf = (place) =>
    ({
        incident: `/incidents/${hub.site.incidents[1].id}`,
        held: `/incidents/${hub.site.incidents[2].id}`,
        camera: "/cameras/yard-box/yard-1",
        recording: "/cameras/yard-box/yard-2",
        device: "/devices/yard-box",
    })[place] ?? `/${place}`;
async function visit(page, place) {
    await page.goto(hub.url + addressOf(place));
    await page.locator(ready[place]).first().waitFor({ state: "attached" });
    await opened[place]?.(page);
}

for (const scheme of ["dark", "light"]) {
    // covers: WEB-1
    test(`every text stands out by 4.5 to 1, ${scheme}`, limits, async () => {
        const { page, context } = await openPage(browser, { scheme });
        for (const place of Object.keys(ready)) {
            await visit(page, place);
            assert.deepEqual(await page.evaluate(poorTexts), [], place);
        }
        await context.close();
    });
}

// covers: WEB-1
test("nothing sticks out sideways at 320 px, nor at 200 % zoom", limits, async () => {
    for (const viewport of [
        { width: 320, height: 640 },
        { width: 720, height: 450 },
    ]) {
        const { page, context } = await openPage(browser, { viewport });
        for (const place of Object.keys(ready)) {
            await visit(page, place);
            const wide = await page.evaluate(() =>
                [...document.querySelectorAll("html, #place, .detail-side, .list-side")]
                    .filter((e) => e.scrollWidth > e.clientWidth + 1)
                    .map((e) => e.className || e.tagName),
            );
            assert.deepEqual(wide, [], `${place} at ${viewport.width}`);
        }
        await context.close();
    }
});

// covers: WEB-1
test("what a finger presses is at least 44 px on a phone", limits, async () => {
    const { page, context } = await openPage(browser, { viewport: phone, touch: true });
    for (const place of Object.keys(ready)) {
        await visit(page, place);
        const small = await page.evaluate(() =>
            [
                ...document.querySelectorAll(
                    "button, .button, .input, .rail-link, .tab, .row-link, .mail-row",
                ),
            ]
                .filter((e) => e.checkVisibility())
                .map((e) => ({
                    name: e.textContent.trim().slice(0, 20) || e.ariaLabel,
                    h: e.getBoundingClientRect().height,
                }))
                .filter((e) => e.h < 43.5),
        );
        assert.deepEqual(small, [], place);
    }
    await context.close();
});

// covers: WEB-1
test("everything that can be used has a name", limits, async () => {
    const { page, context } = await openPage(browser);
    for (const place of Object.keys(ready)) {
        await visit(page, place);
        const nameless = await page.evaluate(() =>
            [...document.querySelectorAll("a, button, input, select, textarea, img, [role=img]")]
                .filter(
                    (e) =>
                        !(
                            e.textContent.trim() ||
                            e.ariaLabel ||
                            e.labels?.length ||
                            e.alt !== undefined
                        ),
                )
                .map((e) => e.outerHTML.slice(0, 80)),
        );
        assert.deepEqual(nameless, [], place);
        assert.equal(await page.locator("h1").first().isVisible(), true, `${place} has a heading`);
    }
    await context.close();
});

// covers: WEB-1
test(
    "the keyboard goes from skip link through rail and list to the decision, and is seen",
    limits,
    async () => {
        const { page, context } = await openPage(browser);
        await visit(page, "incident");
        const order = [];
        for (let n = 0; n < 40 && !order.includes("Acknowledgea"); n++) {
            await page.keyboard.press("Tab");
            const at = await page.evaluate(() => ({
                name: document.activeElement.textContent.trim() || document.activeElement.ariaLabel,
                ring: getComputedStyle(document.activeElement).outlineStyle,
            }));
            assert.notEqual(at.ring, "none", `${at.name} shows its focus`);
            order.push(at.name);
        }
        assert.equal(order[0], "Skip to the content");
        const places = ["Incidents", "Cameras", "Devices", "Deliveries", "Settings"].map((n) =>
            order.indexOf(n),
        );
        assert.ok(
            places.every((p, n) => p > (places[n - 1] ?? 0)),
            order.join(" > "),
        );
        assert.ok(order.indexOf("Acknowledgea") > places[4], order.join(" > "));
        await context.close();
    },
);

// covers: WEB-1
test(
    "on a phone the incident fills the screen with the decision under the thumb, and back leads to the list",
    limits,
    async () => {
        const { page, context } = await openPage(browser, { viewport: phone, touch: true });
        await visit(page, "incidents");
        await page.locator(".row-link").nth(1).tap();
        await page.getByRole("button", { name: "Acknowledge" }).waitFor();
        assert.equal(await page.locator(".list-side").isVisible(), false);
        const box = await page.getByRole("button", { name: "Acknowledge" }).boundingBox();
        assert.ok(box.y > phone.height * 0.85 && box.y + box.height <= phone.height, `at ${box.y}`);
        await page.goBack();
        await page.locator(".row").first().waitFor();
        await context.close();
    },
);

// covers: WEB-1
test("nothing moves for those who asked for stillness", limits, async () => {
    const { page, context } = await openPage(browser, { reduced: true });
    await visit(page, "incidents");
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    await context.close();
});

// covers: WEB-1
test(
    "the shell is one script and one stylesheet of this origin, allowed by a strict policy",
    limits,
    async () => {
        const { page, context, complaints } = await openPage(browser);
        const hosts = new Set();
        const kinds = [];
        page.on("request", (r) => {
            hosts.add(new URL(r.url()).origin);
            kinds.push(r.resourceType());
        });
        await visit(page, "incident");
        assert.deepEqual([...hosts], [hub.url]);
        assert.equal(kinds.filter((k) => k === "script").length, 1);
        assert.equal(kinds.filter((k) => k === "stylesheet").length, 1);
        assert.deepEqual(complaints, []);
        await context.close();
    },
);
