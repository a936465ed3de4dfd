// node tests/browser/screenshots.mjs [places...]: every place, desk and phone, dark and light, into
// $VEDETTE_SCREENSHOTS or build/screenshots. Looked at before a change of the page is called done.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { desk, openBrowser, openPage, phone } from "./browser.mjs";
import { holdBack, someSite } from "./fixtures.mjs";
import { makePictures } from "./pictures.mjs";
import { ScriptedHub } from "./scripted-hub.mjs";
import { someLab } from "./scripted-lab.mjs";

const settle = async (page) => {
    await page.evaluate(() => document.fonts.ready);
    await page.waitForFunction(() =>
        [...document.images].every(
            (i) =>
                i.complete || !i.checkVisibility() || i.getBoundingClientRect().top > innerHeight,
        ),
    );
};
export const shots = {
    signin: { path: "/", as: null, ready: "form.signin-form" },
    incidents: { path: "/incidents", ready: ".row" },
    incident: { path: (s) => `/incidents/${s.incidents[1].id}`, ready: ".stage-picture.shown" },
    "incident-resolved": {
        path: (s) => `/incidents/${s.incidents[5].id}?state=all`,
        ready: ".stage-picture.shown",
    },
    resolve: {
        path: (s) => `/incidents/${s.incidents[1].id}`,
        ready: ".stage-picture.shown",
        then: async (p) => {
            await p.getByRole("button", { name: "Resolve" }).click();
            await p.getByRole("radio").nth(1).check();
        },
    },
    clip: {
        path: (s) => `/incidents/${s.incidents[1].id}`,
        ready: ".stage-picture.shown",
        then: async (p) => {
            await p.getByRole("button", { name: "Clip" }).click();
            await p.waitForFunction(() => document.querySelector("video")?.currentTime > 2.5);
            await p.getByRole("button", { name: "Pause" }).click();
        },
    },
    held: { path: (s) => `/incidents/${holdBack(s.incidents[2]).id}`, ready: ".held" },
    "recording-around": {
        path: (s) => `/incidents/${s.incidents[2].id}`,
        ready: ".held",
        then: async (p) => {
            await p.locator(".held-ask").click();
            await p.getByText("is on its way").waitFor();
            await p.getByRole("button", { name: "Get the recording around it" }).click();
            await p.locator(".recording").getByRole("button", { name: "Ask for it" }).click();
            await p.locator(".wish").waitFor();
            await p.locator(".recording").scrollIntoViewIfNeeded();
        },
    },
    cameras: { path: "/cameras", ready: ".picture-age" },
    camera: {
        path: "/cameras/yard-box/yard-2",
        ready: ".zone",
        then: (p) => p.locator(".refused").waitFor(),
    },
    recording: {
        path: "/cameras/yard-box/yard-2",
        ready: ".wish",
        then: async (p) => {
            await p.getByRole("button", { name: "Play" }).click();
            await p.waitForFunction(() => document.querySelector("video")?.currentTime > 0.1);
            await p.locator("video").evaluate((v) => v.pause());
            await p.locator(".recording").evaluate((e) => e.scrollIntoView());
        },
    },
    devices: { path: "/devices", ready: ".device" },
    device: { path: "/devices/yard-box", ready: ".recent-link" },
    deliveries: { path: "/deliveries", ready: ".delivery" },
    mailbox: {
        path: (s) => `/deliveries/mailbox/${s.mails[1].id}`,
        ready: ".mail-picture:not([width='4'])",
    },
    settings: { path: "/settings", ready: ".users li" },
    pool: { path: "/lab/pool", ready: ".pool-cell img" },
    label: {
        path: (s, lab) => `/lab/label/${lab.pictures[1].picture}`,
        ready: ".board-inner img.shown",
        then: async (p) => {
            await p.keyboard.press("Enter");
            await p.keyboard.press(".");
            await p.locator(".board-handle").first().waitFor({ state: "attached" });
            await p.locator(".save-saved").waitFor();
        },
    },
    proposals: {
        path: (s, lab) => `/lab/label/${lab.pictures[4].picture}`,
        ready: ".board-inner img.shown",
    },
    "label-conflict": {
        path: (s, lab) => `/lab/label/${lab.pictures[2].picture}`,
        ready: ".board-inner img.shown",
        then: async (p, lab) => {
            const [{ box }] = lab.pictures[2].proposals;
            lab.label(lab.pictures[2], "ines", [{ class: "dog", box: { ...box, l: box.l - 0.05 } }]);
            await p.keyboard.press("Enter");
            await p.locator(".faster").waitFor();
        },
    },
    datasets: { path: "/lab/datasets", ready: ".dataset-row" },
    dataset: {
        path: (s, lab) =>
            `/lab/datasets/${lab.datasets[0].digest}?against=${lab.datasets[1].digest}`,
        ready: ".strip-pictures img",
    },
    "dataset-new": { path: "/lab/datasets/new", ready: ".chip-choice" },
    runs: { path: "/lab/runs", ready: ".run-row" },
    "run-new": { path: "/lab/runs/new", ready: ".form-card" },
    "run-live": {
        path: (s, lab) => `/lab/runs/${lab.runs.find((r) => r.state === "leased").id}`,
        ready: ".u-over",
    },
    run: {
        path: (s, lab) => `/lab/runs/${lab.runs.find((r) => r.state === "done").id}`,
        ready: ".lab-worst img",
        then: (p) => p.locator(".u-over").nth(3).waitFor({ state: "attached" }),
    },
    review: { path: "/lab/label?mode=review", ready: ".board-inner img.shown" },
};

export async function takeScreenshots(only = []) {
    const into =
        process.env.VEDETTE_SCREENSHOTS ??
        new URL("../../build/screenshots", import.meta.url).pathname;
    mkdirSync(into, { recursive: true });
    const pictures = makePictures();
    const browser = await openBrowser();
    const made = [];
    for (const [size, viewport] of Object.entries({ desk, phone })) {
        for (const scheme of ["dark", "light"]) {
            const site = someSite(pictures);
            const hub = await new ScriptedHub(site, pictures).start();
            const lab = someLab(hub, pictures);
            const how = { viewport, scheme, touch: size === "phone" };
            const { page, context } = await openPage(browser, how);
            for (const [name, shot] of Object.entries(shots)) {
                if (only.length && !only.includes(name)) continue;
                hub.user = null;
                if (shot.as !== null) hub.signIn("anna");
                await page.goto(
                    hub.url + (typeof shot.path === "string" ? shot.path : shot.path(site, lab)),
                );
                await page.waitForSelector(shot.ready, { state: "attached" });
                await shot.then?.(page, lab);
                await settle(page);
                const file = join(into, `${name}-${size}-${scheme}.png`);
                await page.screenshot({ path: file });
                made.push(file);
            }
            await context.close();
            await hub.stop();
        }
    }
    await browser.close();
    return made;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
    const made = await takeScreenshots(process.argv.slice(2));
    console.log(`${made.length} screenshots, the last ${made.at(-1)}`);
}
