// node tests/browser/ops-shots.mjs [names...]: Models, Rollouts, Score, Watch, Devices and Overview, desk and phone,
// dark and light, into $VEDETTE_SCREENSHOTS or build/screenshots.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { desk, openBrowser, openPage, phone } from "./browser.mjs";
import { poorTexts } from "./contrast.mjs";
import { someSite } from "./fixtures.mjs";
import { makePictures } from "./pictures.mjs";
import { ScriptedHub } from "./scripted-hub.mjs";
import { someLab } from "./scripted-lab.mjs";
import { betterVerdict, ScriptedOps } from "./scripted-ops.mjs";

export async function opsHub(pictures) {
    const hub = await new ScriptedHub(someSite(pictures), pictures).start();
    const ops = new ScriptedOps(hub, someLab(hub, pictures), pictures);
    hub.signIn("anna");
    return { hub, ops };
}
const charts = async (page) => page.waitForFunction(() => [...document.querySelectorAll(".plot-box")].every((b) => b.querySelector("canvas")));
const givePicture = async (page, ops) =>
    page.getByLabel("Picture", { exact: true }).setInputFiles({ name: "yard.jpg", mimeType: "image/jpeg", buffer: ops.shots[1].picture.bytes });

export const opsShots = {
    models: { path: () => "/models", ready: ".model" },
    model: { path: (o) => `/models/${o.models[0].digest}`, ready: ".table tbody tr", before: (o) => o.measure() },
    compare: {
        path: (o) => `/models/${o.models[0].digest}/compare`,
        ready: ".worst .layer",
        before: (o) => {
            o.verdict = betterVerdict;
            o.measure();
        },
        tall: true,
    },
    refused: {
        path: (o) => `/models/${o.models[0].digest}`,
        ready: ".chain-link",
        then: async (p) => {
            await p.getByRole("button", { name: "Promote" }).click();
            await p.getByRole("button", { name: "Ask the gate" }).click();
            await p.locator(".refusal").waitFor();
        },
    },
    rollouts: { path: () => "/rollouts", ready: ".rollout" },
    rollout: { path: (o) => `/rollouts/${o.rollouts[0].id}`, ready: ".rollout-devices li" },
    "rollout-start": {
        path: () => "/rollouts",
        ready: ".rollout",
        then: async (p) => {
            await p.getByRole("button", { name: "Roll out" }).click();
            await p.getByLabel("To the devices that meet").fill("tags.site = 'north'");
        },
    },
    score: {
        path: () => "/score",
        ready: ".drop",
        then: async (p, o) => {
            await givePicture(p, o);
            await p.locator(".seen li").first().waitFor();
        },
    },
    watch: { path: () => "/watch", ready: ".watched-row" },
    "watch-camera": { path: () => "/watch/yard-box/yard-2", ready: ".series-card", tall: true },
    fleet: { path: () => "/devices", ready: ".fleet-reasons" },
    overview: { path: () => "/overview", ready: ".tile", tall: true },
    more: {
        path: () => "/models",
        ready: ".model",
        phone: true,
        then: (p) => p.getByRole("button", { name: "Models" }).click(),
    },
};

async function settle(page) {
    await charts(page);
    await page.evaluate(() => document.fonts.ready);
    await page.waitForFunction(() =>
        [...document.images].every((i) => i.complete || !i.checkVisibility() || i.getBoundingClientRect().top > innerHeight),
    );
}

export async function takeOpsShots(browser, pictures, only = []) {
    const into = process.env.VEDETTE_SCREENSHOTS ?? new URL("../../build/screenshots", import.meta.url).pathname;
    mkdirSync(into, { recursive: true });
    const made = [];
    const complaints = [];
    for (const [size, viewport] of Object.entries({ desk, phone })) {
        const { page, context, complaints: said } = await openPage(browser, { viewport, touch: size === "phone" });
        for (const [name, shot] of Object.entries(opsShots)) {
            if ((only.length && !only.includes(name)) || (shot.phone && size !== "phone")) continue;
            const { hub, ops } = await opsHub(pictures);
            shot.before?.(ops);
            await page.setViewportSize(shot.tall && size === "desk" ? { width: viewport.width, height: 1500 } : viewport);
            await page.goto(hub.url + shot.path(ops));
            await page.waitForSelector(shot.ready, { state: "attached" });
            await shot.then?.(page, ops);
            for (const scheme of ["dark", "light"]) {
                await page.emulateMedia({ colorScheme: scheme });
                await settle(page);
                for (const poor of await page.evaluate(poorTexts)) complaints.push(`${name} ${scheme}: ${JSON.stringify(poor)}`);
                const file = join(into, `${name}-${size}-${scheme}.png`);
                await page.screenshot({ path: file });
                made.push(file);
            }
            await hub.stop();
        }
        complaints.push(...said);
        await context.close();
    }
    return { made, complaints };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
    const browser = await openBrowser();
    const { made, complaints } = await takeOpsShots(browser, makePictures(), process.argv.slice(2));
    await browser.close();
    console.log(`${made.length} screenshots, the last ${made.at(-1)}`, complaints.join("\n"));
}
