// Models, Rollouts, Score, Watch, the fleet and the Overview before a scripted hub.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { opsHub, opsShots, takeOpsShots } from "./ops-shots.mjs";
import { makePictures, picturesMissing } from "./pictures.mjs";
import { betterVerdict } from "./scripted-ops.mjs";

const skip = picturesMissing() || false;
let browser;
let pictures;
let hub;
let ops;
let open;

before(async () => {
    if (skip) return;
    pictures = makePictures();
    browser = await openBrowser();
});
after(() => browser?.close());
beforeEach(async () => {
    open = [];
    if (!skip) ({ hub, ops } = await opsHub(pictures));
});
afterEach(async () => {
    for (const one of open) await one.context.close();
    await hub?.stop();
});

async function show(path, how) {
    const one = await openPage(browser, how);
    one.page.setDefaultTimeout(15_000);
    open.push(one);
    await one.page.goto(hub.url + path);
    return one.page;
}
const seen = (page, text) => page.getByText(text).first().waitFor();
const sent = (method, path) => hub.asked.filter((a) => a.method === method && path.test(a.path));
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
function it(name, body) {
    test(name, { skip, timeout: 60_000 }, async () => {
        await body();
        for (const one of open) assert.deepEqual(one.complaints, [], "the page complained");
    });
}

// covers: CIR-6
it("models are listed by name, the champion first, with where each runs", async () => {
    const page = await show("/models");
    await page.locator(".model").nth(2).waitFor();
    const first = page.getByRole("region", { name: "centernet-coco" }).locator(".model");
    assert.match(await first.nth(0).innerText(), /v1[\s\S]*Champion[\s\S]*2 devices/);
    assert.match(await first.nth(1).innerText(), /v2[\s\S]*Candidate[\s\S]*no device/);
    await page.getByLabel("State").selectOption("retired");
    await page.waitForURL(/state=retired/);
    assert.equal(await page.locator(".model").count(), 1);
});

// covers: CIR-6
it("a model tells its chain from the pictures to the devices, each a link", async () => {
    const next = ops.models[0];
    const page = await show(`/models/${next.digest}`);
    const chain = page.locator(".chain");
    await chain.getByText("122", { exact: true }).waitFor();
    const to = async (name) => chain.getByRole("link", { name }).first().getAttribute("href");
    assert.equal(await to(ops.dataset.name), `/lab/datasets/${ops.dataset.digest}`);
    assert.equal(await to("Training"), `/lab/runs/${ops.training.id}`);
    assert.equal(await chain.locator("img").count(), 6);
    await chain.getByRole("link", { name: "centernet-coco v1" }).click();
    await page.waitForURL(new RegExp(ops.models[1].digest));
    await page.locator(".chain").getByRole("link", { name: "yard-box" }).waitFor();
    await seen(page, "None known: it was brought from outside.");
    await page.getByText("Descriptor").click();
    await seen(page, "decoder: centernet");
});

// covers: CIR-5
it("the gate's refusal is shown in its own words, and an administrator passes it only with a reason", async () => {
    const page = await show(`/models/${ops.models[0].digest}`);
    await press(page, "Promote");
    await press(page, "Ask the gate");
    await page.locator(".refusal").getByText("is not shown to be better").first().waitFor();
    await page.locator(".refusal").getByText("+0.003, 95 % interval −0.012 … +0.018").waitFor();
    await seen(page, "9 groups are few");
    await press(page, "Force it…");
    const force = page.getByRole("button", { name: "Promote against the gate" });
    assert.equal(await force.isDisabled(), true);
    await page.getByLabel(/Why all the same/).fill("the old one misses the new uniforms");
    await force.click();
    await page.locator(".model-champion").waitFor();
    assert.deepEqual(sent("POST", /promote$/).at(-1).body, { force: true, reason: "the old one misses the new uniforms" });
    await seen(page, "made it champion against the gate");
});

// covers: CIR-8
it("a rollout shows each device's state and why, follows what changes, and is halted with a note", async () => {
    const one = ops.rollouts[0];
    const page = await show(`/rollouts/${one.id}`);
    const device = (name) => page.locator(".rollout-devices li", { hasText: name });
    await device("dock-box").getByText("the self-test found 2 of 5 people").waitFor();
    await device("gate-box-2").getByText("Testing itself").waitFor();
    one.devices.find((d) => d.device === "gate-box-2").state = "active";
    hub.change("rollout", one.id);
    await device("gate-box-2").getByText("In use").waitFor();
    await press(page, "Halt");
    await page.getByLabel(/^Note/).fill("dock-box first");
    await page.getByRole("dialog").getByRole("button", { name: "Halt" }).click();
    await page.locator(".rollout-why.halted").getByText("dock-box first").waitFor();
    assert.deepEqual(sent("POST", /halt$/)[0].body, { note: "dock-box first" });
    await page.getByRole("button", { name: "Resume" }).waitFor();
});

// covers: CIR-9
it("watch shows the camera that changed first: what, how much, since when", async () => {
    const page = await show("/watch");
    const row = page.locator(".watched-row").first();
    await row.getByText("Changed").waitFor();
    assert.match(await row.innerText(), /yard-2[\s\S]*Sharpness 212 → 38\.4\s+8\.4 × its usual change/);
    await row.getByRole("link", { name: "yard-2" }).click();
    await page.locator(".series-changed").first().waitFor();
    assert.equal(await page.locator(".series-card").count(), 8);
    assert.match(await page.locator(".series-card").first().innerText(), /^Sharpness/);
    assert.equal(await page.locator(".moment img").count(), 2);
    await press(page, "Take as the new reference");
    await press(page, "Take it");
    await seen(page, /Learns how it usually looks: 1 of 48/);
});

// covers: CIR-9
it("the fleet puts first what is not as it should be, with the reason and what to do", async () => {
    const page = await show("/devices");
    await page.locator(".fleet-reasons").first().waitFor();
    const rows = await page.locator(".device").allInnerTexts();
    assert.match(rows[0], /dock-box[\s\S]*No contact for 34 min[\s\S]*Check its time server/i);
    assert.match(rows[0], /meant:\s+centernet-coco\s*, refused it/);
    assert.doesNotMatch(rows[1], /meant:/);
    assert.match(rows[1], /yard-box/);
    assert.match(rows[2], /test-bench/);
    await seen(page, "2 devices");
});

// covers: CIR-10
it("a picture is scored by the chosen model and threshold, its boxes drawn as vectors", async () => {
    const page = await show("/score");
    const file = page.getByLabel("Picture", { exact: true });
    await file.setInputFiles({ name: "yard.jpg", mimeType: "image/jpeg", buffer: pictures[1].picture.bytes });
    await page.locator(".score .box").nth(4).waitFor({ state: "attached" });
    await page.getByRole("region", { name: "What it sees" }).getByText("9b1f5c0d7a3e").waitFor();
    await page.getByLabel(/^Threshold/).fill("0.87");
    await page.waitForFunction(() => document.querySelectorAll(".score .box").length === 2);
    assert.equal(sent("POST", /^\/score/).at(-1).query.get("confidence"), "0.87");
    await page.getByRole("combobox", { name: "Model" }).selectOption({ label: "centernet-coco v2" });
    await page.getByRole("region", { name: "What it sees" }).getByText(ops.models[0].digest.slice(0, 12)).waitFor();
});

// covers: CIR-11
it("the overview counts a period that stands in the address, leads to the incidents behind a bar, and gives a CSV", async () => {
    const page = await show("/overview?from=2026-11-02T00:00:00Z&to=2026-11-04T00:00:00Z");
    await page.locator(".plot-box canvas").first().waitFor();
    const asked = sent("GET", /^\/insights/)[0].query;
    assert.equal(Date.parse(asked.get("from")), Date.parse("2026-11-02T00:00:00Z"));
    const link = page.getByRole("link", { name: "CSV" }).first();
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    assert.match(readFileSync(await download.path(), "utf8"), /^at,kind,rule_id/);
    const plot = page.locator(".plot-box").first();
    await plot.focus();
    for (let n = 0; n < 9; n++) await page.keyboard.press("ArrowRight");
    await page.locator(".plot-tip").waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/incidents\/?.*since=2026-11-02T08%3A00%3A00.000Z&until=2026-11-02T09/);
    await page.locator(".narrowed").waitFor();
});

// covers: CIR-5
it("both are measured on a dataset's held-out pictures, and the result comes by itself with slices and worst pictures", async () => {
    ops.verdict = betterVerdict;
    const page = await show(`/models/${ops.models[0].digest}/compare`);
    await seen(page, "Not measured on this dataset yet");
    await press(page, "Measure both");
    await seen(page, "40 of 128");
    assert.deepEqual(sent("POST", /compare$/)[0].body, { champion: ops.models[1].digest, dataset: ops.dataset.digest });
    ops.measured();
    const said = page.getByRole("region", { name: "Is it better?" });
    await said.getByText("+0.041, 95 % interval +0.021 … +0.060").waitFor();
    await said.getByText("surely more").waitFor();
    await page.getByLabel("Confidence").selectOption("0.99");
    await said.getByText("+0.041, 99 % interval").waitFor();
    assert.match(await page.getByRole("region", { name: "By class" }).innerText(), /person\s+420\s+0\.87\s+0\.91\s+\+0\.04/);
    assert.match(await page.getByRole("region", { name: "By camera" }).innerText(), /yard-box\/yard-1/);
    await page.locator(".worst .layer-mine").first().waitFor();
    const layers = (name) => page.locator(`.worst .layer-${name}`).count();
    assert.deepEqual([await layers("mine"), await layers("theirs"), await layers("label")], [12, 9, 15]);
    await page.getByRole("button", { name: "Labelled" }).click();
    assert.equal(await layers("label"), 0);
});

// covers: CIR-6
it("a model is retired with a reason, and an operator is offered neither that nor promotion", async () => {
    const next = ops.models[0];
    const page = await show(`/models/${next.digest}`);
    await press(page, "Retire");
    await page.getByLabel("Why?").fill("trained on the wrong site");
    await page.getByRole("dialog").getByRole("button", { name: "Retire" }).click();
    await page.locator(".model-retired").waitFor();
    await seen(page, "trained on the wrong site");
    hub.signIn("ines");
    const other = await show(`/models/${next.digest}`);
    await other.getByRole("link", { name: "Compare", exact: true }).waitFor();
    assert.equal(await other.getByRole("button", { name: "Promote" }).count(), 0);
    assert.equal(await other.getByRole("button", { name: "Retire" }).count(), 0);
});

// covers: CIR-8
it("a rollout is started with condition, canary and limits; what the hub refuses keeps the form", async () => {
    const page = await show("/rollouts");
    await press(page, "Roll out");
    const form = page.getByRole("dialog");
    await form.getByLabel("To the devices that meet").fill("the north ones");
    await form.getByLabel("Goes first").selectOption("yard-box");
    await form.getByLabel("Each stage runs well for").fill("20");
    await form.getByLabel("Unit").selectOption("min");
    const start = form.getByRole("button", { name: "Start with the canary" });
    await form.getByLabel("Stages, per cent").fill("50, 20");
    await form.getByText("Stages rise, and the last is 100.").waitFor();
    assert.equal(await start.isDisabled(), true);
    await form.getByLabel("Stages, per cent").fill("25 100");
    await start.click();
    await form.getByText("the condition cannot be read").waitFor();
    await form.getByLabel("To the devices that meet").fill("tags.site = 'north'");
    await start.click();
    await page.waitForURL(/\/rollouts\/[0-9A-Z]{26}$/);
    const { model, ...body } = sent("POST", /^\/rollouts$/).at(-1).body;
    assert.equal(model, ops.models[1].digest, "the champion is what is offered first");
    assert.deepEqual(body, { condition: "tags.site = 'north'", canary: "yard-box", false_alarm_limit: 0.1, soak_s: 1200, stages: [25, 100] });
    await page.locator(".rollout-devices li", { hasText: "yard-box" }).getByText("Told").waitFor();
});

// covers: CIR-10
it("a picture that is none, one that is too large, and a busy hub are each told", async () => {
    const page = await show("/score");
    const file = page.getByLabel("Picture", { exact: true });
    const give = (name, mimeType, buffer) => file.setInputFiles({ name, mimeType, buffer });
    await give("notes.txt", "text/plain", Buffer.from("hello"));
    await seen(page, "This is no picture that can be read: notes.txt.");
    await give("torn.jpg", "image/jpeg", pictures[0].picture.bytes.subarray(0, 300));
    await seen(page, "This is no picture that can be read: torn.jpg.");
    await page.evaluate(() => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(33 * 1024 * 1024)], "wall.png", { type: "image/png" }));
        document.querySelector(".score").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    });
    await seen(page, "This picture is too large: wall.png has 33.0 MiB.");
    assert.equal(sent("POST", /^\/score/).length, 0, "what the hub would refuse is not sent");
    const busy = { error: { class: "retry", fact: "16 pictures wait already", hint: "Try again in a moment." } };
    hub.fail(/POST \/score/, { status: 503, body: busy, headers: { "Retry-After": "2" } });
    await give("yard.jpg", "image/jpeg", pictures[1].picture.bytes);
    await seen(page, "The models are busy.");
    hub.mend();
    await press(page, "Try again");
    await page.locator(".seen li").nth(4).waitFor();
});

// covers: CIR-9, CIR-11
it("empty places teach, and a failure says what and is mended by trying again", async () => {
    ops.empty();
    const page = await show("/models");
    await seen(page, "No models yet");
    for (const [path, said] of [
        ["/rollouts", "Nothing was rolled out yet"],
        ["/score", "No models yet"],
        ["/watch", "No statistics yet"],
        ["/overview", "Nothing to count yet"],
        ["/watch/yard-box/none", "No statistics of this camera"],
        [`/models/${"0".repeat(64)}`, "This model is not known"],
        ["/rollouts/01HZZZZZZZZZZZZZZZZZZZZZZZ", "This rollout is not known"],
    ]) {
        await page.goto(hub.url + path);
        await seen(page, said);
    }
    for (const [path, call] of [["/models", /GET \/models/], ["/rollouts", /GET \/rollouts/], ["/watch", /GET \/watch/], ["/overview", /GET \/insights/]]) {
        hub.fail(call, { status: 507, body: { error: { class: "full", fact: "The disk is full.", hint: "Free some room." } } });
        await page.goto(hub.url + path);
        await seen(page, "The disk is full.");
        await seen(page, "Free some room.");
        hub.mend();
        await press(page, "Try again");
        await page.locator(".empty").waitFor();
    }
    hub.fail(/GET \/fleet/, { status: 404 });
    await page.goto(`${hub.url}/devices`);
    await page.locator(".device").nth(2).waitFor();
});

// covers: CIR-9
it("nothing is wider than a phone of 320 px, a finger hits everything, and Devices is behind More", async () => {
    ops.measure();
    const page = await show("/models", { viewport: { width: 320, height: 640 }, touch: true });
    for (const shot of Object.values(opsShots).filter((s) => !s.then || s === opsShots.score)) {
        await page.goto(hub.url + shot.path(ops));
        await page.waitForSelector(shot.ready, { state: "attached" });
        if (shot === opsShots.score) await shot.then(page, ops);
        const at = new URL(page.url()).pathname;
        const wide = await page.evaluate(() => {
            const inScroller = (e) => e.closest(".table-wide, .tabs, .plot, .stage, pre");
            return [...document.querySelectorAll("#place *")]
                .filter((e) => !inScroller(e) && e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest(".unseen"))
                .map((e) => `${e.tagName}.${e.getAttribute("class")}`);
        });
        assert.deepEqual(wide, [], at);
        const small = await page.evaluate(() =>
            [...document.querySelectorAll("#place button, #place .button, #place .input, .rail-link, #place .tab")]
                .filter((e) => e.checkVisibility() && !e.matches(".more-classes"))
                .map((e) => ({ name: e.textContent.trim().slice(0, 20), h: e.getBoundingClientRect().height }))
                .filter((e) => e.h < 43.5),
        );
        assert.deepEqual(small, [], at);
        const nameless = await page.evaluate(() =>
            [...document.querySelectorAll("#place :is(a, button, input, select, textarea, img, [role=img])")]
                .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.alt !== undefined))
                .map((e) => e.outerHTML.slice(0, 80)),
        );
        assert.deepEqual(nameless, [], at);
    }
    await page.goto(`${hub.url}/incidents`);
    await page.getByRole("button", { name: "More" }).tap();
    await page.getByRole("dialog").getByRole("link", { name: "Devices" }).tap();
    await page.locator(".fleet-reasons").first().waitFor();
    await page.getByRole("button", { name: "Devices" }).waitFor();
});

test("each place has its picture, desk and phone, dark and light, and every text its contrast", { skip, timeout: 120_000 }, async () => {
    const { made, complaints } = await takeOpsShots(browser, pictures);
    assert.equal(made.length, Object.values(opsShots).reduce((n, s) => n + (s.phone ? 2 : 4), 0));
    for (const file of made) assert.ok(statSync(file).size > 8000, file);
    assert.deepEqual(complaints, []);
});
