// The Lab before a scripted hub: the pool, labelling with real keys and a real mouse, datasets, runs.
import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { desk, openBrowser, openPage, phone } from "./browser.mjs";
import { someSite } from "./fixtures.mjs";
import { makePictures, picturesMissing } from "./pictures.mjs";
import { ScriptedHub } from "./scripted-hub.mjs";
import { poorTexts } from "./contrast.mjs";
import { pointsOf } from "./lab-fixtures.mjs";
import { someLab } from "./scripted-lab.mjs";

const skip = picturesMissing() || false;
let browser;
let pictures;
let hub;
let lab;
let open;

before(async () => {
    if (skip) return;
    pictures = makePictures({ clips: false });
    browser = await openBrowser();
});
after(() => browser?.close());
beforeEach(async () => {
    if (skip) return;
    hub = await new ScriptedHub(someSite(pictures), pictures).start();
    lab = someLab(hub, pictures);
    hub.signIn("anna");
    open = [];
});
afterEach(async () => {
    for (const one of open ?? []) await one.context.close();
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
const asked = (method, path) => hub.asked.filter((a) => a.method === method && path.test(a.path));
const saved = () => asked("PUT", /\/label$/);
const labels = () => lab.pictures.filter((p) => p.label && p.label.by === "anna" && p.version > 1);
const atPicture = (page) => new URL(page.url()).pathname.split("/")[3];
/** Opens the first picture to label and waits until it is drawn. */
async function labelling(how, path = "/lab/label") {
    const page = await show(path, how);
    await page.locator(".board-inner img.shown").waitFor();
    return page;
}
async function until(what, why = "it never came true") {
    for (let n = 0; n < 400; n++) {
        if (await what()) return;
        await new Promise((go) => setTimeout(go, 25));
    }
    assert.fail(why);
}
function it(name, body, how = {}) {
    test(name, { skip, timeout: 60_000, ...how }, async () => {
        await body();
        for (const one of open) assert.deepEqual(one.complaints, [], "the page complained");
    });
}
/** A spot of the picture, 0..1, as the mouse finds it. */
async function spot(page, x, y) {
    const r = await page.locator(".board-inner").boundingBox();
    return [r.x + x * r.width, r.y + y * r.height];
}
async function drag(page, from, to) {
    await page.mouse.move(...(await spot(page, ...from)));
    await page.mouse.down();
    const [x, y] = await spot(page, ...to);
    await page.mouse.move(x - 3, y - 3);
    await page.mouse.move(x, y);
    await page.mouse.up();
}
const near = (a, b, why) => assert.ok(Math.abs(a - b) < 0.01, `${why}: ${a} is not about ${b}`);

// covers: CIR-1
it("the pool shows what teaches most first, with proposals, counts and filters in the address", async () => {
    const page = await show("/lab/pool");
    await page.locator(".pool-cell").nth(5).waitFor();
    assert.match(await page.locator(".tab", { hasText: "To label" }).innerText(), /To label\s*36/);
    assert.ok(
        (await page.locator(".pool-cell").first().locator(".mark-box.proposed").count()) >= 2,
    );
    await page.locator(".tab", { hasText: "Labelled" }).click();
    await page.waitForURL(/label=labelled/);
    await until(async () => (await page.locator(".pool-cell").count()) === 4);
    assert.ok((await page.locator(".mark-box.said").count()) > 4, "a label is drawn whole");
    await page.getByLabel("Camera").selectOption("yard-2");
    await page.waitForURL(/camera=yard-2/);
    await page.getByLabel("Reason").selectOption("rare");
    await seen(page, "Nothing matches");
    await page.goBack();
    await page.waitForURL((u) => !u.search.includes("label=labelled"));
    const last = hub.asked.findLast((a) => a.path === "/pool" && a.query.get("reason"));
    assert.equal(last.query.get("camera"), "yard-2");
});

// covers: CIR-1
it("ten thousand pictures are windowed, and only those in sight are fetched", async () => {
    lab = someLab(hub, pictures, 1000);
    const page = await show("/lab/pool");
    await page.locator(".pool-cell").nth(5).waitFor();
    const fetched = () => asked("GET", /^\/blobs/).length;
    assert.ok((await page.locator(".pool-cell").count()) < 80);
    await until(() => fetched() > 4);
    assert.ok(fetched() < 80, `${fetched()} pictures fetched`);
    assert.ok(hub.asked.find((a) => a.path.startsWith("/blobs")).query.get("width") <= 640);
    await page.locator(".pool-scroll").evaluate((el) => (el.scrollTop = el.scrollHeight));
    await until(() => hub.asked.some((a) => a.path === "/pool" && a.query.get("cursor") === "60"));
    await page.locator(".pool-cell[aria-posinset='70']").waitFor({ state: "attached" });
});

// covers: CIR-1
it("pictures of one's own are dropped in, and a broken one is told with its reason", async () => {
    hub.blobs.clear();
    lab.pictures.length = 0;
    const page = await show("/lab/pool");
    await seen(page, "No pictures yet");
    const files = page.getByLabel("Pictures to add");
    await files.setInputFiles([
        { name: "gate.jpg", mimeType: "image/jpeg", buffer: pictures[0].picture.bytes },
        { name: "note.jpg", mimeType: "image/jpeg", buffer: Buffer.from("hello") },
    ]);
    await seen(page, "1 picture in the pool");
    await seen(page, "note.jpg");
    await seen(page, /This is no JPEG or PNG/);
    assert.equal(lab.pictures.length, 1);
    const bytes = await page.evaluate(() => {
        const drop = new DataTransfer();
        drop.items.add(
            new File([new Uint8Array([0xff, 0xd8, 1])], "b.jpg", { type: "image/jpeg" }),
        );
        const el = document.querySelector(".bring");
        el.dispatchEvent(
            new DragEvent("dragover", { dataTransfer: drop, bubbles: true, cancelable: true }),
        );
        el.dispatchEvent(
            new DragEvent("drop", { dataTransfer: drop, bubbles: true, cancelable: true }),
        );
        return drop.files.length;
    });
    assert.equal(bytes, 1);
    await until(() => lab.pictures.length === 2);
});

// covers: CIR-2
it("a COCO folder is imported, and what was not taken is named", async () => {
    const page = await show("/lab/pool");
    await page.locator(".pool-cell").first().waitFor();
    await page.getByLabel("Pictures to add").setInputFiles({
        name: "set.zip",
        mimeType: "application/zip",
        buffer: Buffer.from("PK"),
    });
    await page.getByRole("dialog").getByText("set.zip").waitFor();
    await page.getByRole("button", { name: "Import", exact: true }).click();
    await seen(page, "New classes");
    await seen(page, "broken.jpg");
    assert.equal(asked("POST", /import/)[0].query.get("format"), "coco");
});

// covers: CIR-2
it("thirty pictures are labelled in a few minutes with the keyboard alone", async () => {
    const page = await labelling();
    const started = Date.now();
    for (let n = 0; n < 30; n++) {
        const id = atPicture(page);
        const one = lab.find(id);
        if (n % 10 === 3) await page.keyboard.press("n");
        else if (n % 10 === 7) await page.keyboard.press("u");
        else if (one.proposals.length) {
            await page.keyboard.press("Enter");
            if (n % 5 === 1) {
                await page.keyboard.press(".");
                await page.keyboard.press("x");
            }
            await page.keyboard.press("Enter");
        } else {
            await page.keyboard.press("b");
            for (let k = 0; k < 4; k++) await page.keyboard.press("ArrowRight");
            await page.keyboard.press("Shift+ArrowDown");
            await page.keyboard.press("1");
            await page.keyboard.press("Enter");
        }
        await page.waitForURL((u) => u.pathname.split("/")[3] !== id);
        await page.locator(".board-inner img.shown").waitFor();
    }
    await until(() => new Set(saved().map((a) => a.path)).size === 30, "not all thirty were saved");
    await page.locator(".label-count", { hasText: "30 labelled" }).waitFor();
    assert.match(await page.locator(".label-count").innerText(), /\d s each/);
    assert.equal(labels().filter((p) => p.label.verdict === "nothing").length, 3);
    assert.equal(labels().filter((p) => p.label.verdict === "unusable").length, 3);
    for (const one of labels())
        assert.ok(
            one.label.spent_ms > 0 || one.label.by !== "anna" || one.version > 2,
            "how long it took is told",
        );
    assert.ok(Date.now() - started < 60_000, "a machine's hands need less than a minute");
});

// covers: CIR-2
it("a box is drawn, moved, resized by its handles and given a class; what is saved is what is seen", async () => {
    const page = await labelling();
    const one = lab.find(atPicture(page));
    await drag(page, [0.1, 0.1], [0.3, 0.4]);
    await page.locator(".board-handle").nth(7).waitFor();
    await page.keyboard.press("3");
    await drag(page, [0.2, 0.2], [0.25, 0.3]);
    await drag(page, [0.35, 0.5], [0.45, 0.6]);
    await until(() => one.label?.boxes.length === 1 && one.label.boxes[0].box.w > 0.29);
    const { box, class: name } = one.label.boxes[0];
    assert.equal(name, lab.classes[2]);
    near(box.l, 0.15, "left");
    near(box.t, 0.2, "top");
    near(box.w, 0.3, "width");
    near(box.h, 0.4, "height");
    await page.keyboard.press("x");
    await until(() => !one.label, "deleting the only box takes the label back");
    const proposal = one.proposals[0].box;
    await page.mouse.click(
        ...(await spot(page, proposal.l + proposal.w / 2, proposal.t + proposal.h * 0.4)),
    );
    await until(() => one.label?.boxes.length === 1);
    assert.deepEqual(one.label.boxes[0].box.l.toFixed(3), proposal.l.toFixed(3));
    await page.keyboard.press("c");
    await page.getByRole("combobox", { name: "Class" }).fill("fork");
    await page.keyboard.press("Enter");
    await until(() => one.label?.boxes[0].class === "forklift");
    await page.keyboard.press("c");
    await page.getByRole("combobox", { name: "Class" }).fill("pallet");
    await seen(page, "Add “pallet”");
    await page.keyboard.press("Enter");
    await until(() => one.label?.boxes[0].class === "pallet");
    assert.ok(lab.classes.includes("pallet"));
});

// covers: CIR-2
it("undo and redo reach back over pictures that are saved already", async () => {
    const page = await labelling();
    const first = lab.find(atPicture(page));
    await page.keyboard.press("Shift+Enter");
    await page.waitForURL((u) => u.pathname.split("/")[3] !== first.picture);
    await until(() => first.label?.boxes.length === first.proposals.length);
    const second = lab.find(atPicture(page));
    await page.locator(".board-inner img.shown").waitFor();
    await page.keyboard.press("n");
    await page.waitForURL((u) => u.pathname.split("/")[3] !== second.picture);
    await until(() => second.label?.verdict === "nothing");
    await page.keyboard.press("Control+z");
    await page.waitForURL(new RegExp(second.picture));
    await until(() => !second.label, "the first undo takes the second label back");
    await page.keyboard.press("Control+z");
    await page.waitForURL(new RegExp(first.picture));
    await until(() => !first.label, "the second undo takes the first label back");
    assert.equal(await page.locator(".mark-box.proposed").count(), first.proposals.length);
    await page.keyboard.press("Control+y");
    await until(() => first.label?.boxes.length === first.proposals.length, "redo says it again");
    await page.keyboard.press("Control+Shift+z");
    await page.waitForURL(new RegExp(second.picture));
    await until(() => second.label?.verdict === "nothing");
});

// covers: CIR-2
it("when somebody was faster my boxes stay, theirs are shown, and I choose", async () => {
    const page = await labelling();
    const one = lab.find(atPicture(page));
    lab.label(one, "ines", [{ class: "dog", box: { l: 0.5, t: 0.5, w: 0.1, h: 0.1 } }]);
    await page.keyboard.press("Enter");
    const told = page.locator(".faster");
    await told.waitFor();
    assert.match(await told.innerText(), /ines was first: labelled it/);
    assert.equal(one.label.by, "ines", "nothing was overwritten");
    assert.equal(await page.locator(".mark-box.theirs").count(), 1);
    assert.equal(await page.locator(".mark-box.said").count(), one.proposals.length);
    await told.getByRole("button", { name: "Save mine" }).click();
    await until(() => one.label.by === "anna" && one.label.boxes.length === one.proposals.length);
    await told.waitFor({ state: "detached" });
});

// covers: CIR-2
it("a hub that fails keeps the boxes on the page, and trying again saves them", async () => {
    const page = await labelling();
    const one = lab.find(atPicture(page));
    hub.fail(/PUT .*label/, {
        status: 507,
        body: { error: { class: "full", fact: "The disk is full.", hint: "Free some space." } },
    });
    await page.keyboard.press("Enter");
    await seen(page, "The disk is full.");
    hub.mend();
    await page.getByRole("button", { name: "Try again" }).click();
    await until(() => one.label?.boxes.length === one.proposals.length);
    await page.locator(".save-saved").waitFor();
});

// covers: CIR-2
it("the picture is zoomed about the hand, moved and fitted, and boxes stay where they belong", async () => {
    const page = await labelling();
    const one = lab.find(atPicture(page));
    const inner = page.locator(".board-inner");
    const before = await inner.boundingBox();
    const [x, y] = await spot(page, 0.25, 0.25);
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, -500);
    await until(async () => (await inner.boundingBox()).width > before.width * 1.8);
    const [x2, y2] = await spot(page, 0.25, 0.25);
    assert.ok(Math.hypot(x - x2, y - y2) < 3, "the spot under the hand stays there");
    const zoomed = await inner.boundingBox();
    await page.keyboard.down(" ");
    await page.mouse.down();
    await page.mouse.move(x - 60, y - 40, { steps: 3 });
    await page.mouse.up();
    await page.keyboard.up(" ");
    near((await inner.boundingBox()).x - zoomed.x, -60, "moved by the hand");
    await drag(page, [0.4, 0.4], [0.5, 0.5]);
    await until(() => one.label?.boxes.length === 1);
    near(one.label.boxes[0].box.l, 0.4, "drawn where the picture is, not the page");
    await page.keyboard.press("0");
    await until(async () => Math.abs((await inner.boundingBox()).width - before.width) < 1);
});

// covers: CIR-2
it("one key gives a whole picture its class", async () => {
    const page = await labelling();
    const one = lab.find(atPicture(page));
    await page.keyboard.press("w");
    await seen(page, "The whole picture is");
    await page.keyboard.press("2");
    await page.waitForURL((u) => u.pathname.split("/")[3] !== one.picture);
    await until(() => one.label?.class === "bicycle");
    assert.deepEqual(one.label.boxes, []);
});

// covers: CIR-2
it("a second person agrees or says why not; one's own labels are not offered", async () => {
    const page = await show("/lab/label?mode=review");
    await page.locator(".board-inner img.shown").waitFor();
    const theirs = lab.pictures.filter((p) => p.label?.by === "ines");
    await page.locator(".label-count", { hasText: `${theirs.length} to review` }).waitFor();
    await page.keyboard.press("a");
    await page.locator(".label-count", { hasText: `${theirs.length - 1} to review` }).waitFor();
    await page.keyboard.press("d");
    await page.getByLabel("What is wrong with it?").fill("one person is missing");
    await page.keyboard.press("Enter");
    await until(() => theirs.some((p) => p.review?.note === "one person is missing"));
    assert.equal(theirs.filter((p) => p.label_state === "reviewed").length, 1);
    const refused = theirs.find((p) => p.review && !p.review.agree);
    assert.equal(refused.label_state, "proposed");
});

// covers: CIR-2
it("a viewer looks and changes nothing", async () => {
    hub.signIn("bo");
    const page = await labelling();
    const one = lab.find(atPicture(page));
    await seen(page, "Labelling takes an operator.");
    await drag(page, [0.1, 0.1], [0.3, 0.4]);
    await page.keyboard.press("n");
    await page.keyboard.press("j");
    await page.waitForURL((u) => u.pathname.split("/")[3] !== one.picture);
    assert.deepEqual(saved(), []);
});

// covers: CIR-2
it("on a phone a finger looks and gives simple verdicts", async () => {
    const page = await labelling({ viewport: phone, touch: true });
    const one = lab.find(atPicture(page));
    const { box } = one.proposals[0];
    await page.touchscreen.tap(...(await spot(page, box.l + box.w / 2, box.t + box.h * 0.4)));
    await until(() => one.label?.boxes.length === 1);
    await page.getByRole("button", { name: "Nothing here" }).tap();
    await page.waitForURL((u) => u.pathname.split("/")[3] !== one.picture);
    await until(() => one.label?.verdict === "nothing");
});

// covers: CIR-3
it("a version is made with classes, split and seed, and what is weak in it is said at once", async () => {
    const page = await show("/lab/datasets/new");
    await page.getByLabel("Name").fill("Gate people");
    await page.getByLabel("Test, %").fill("30");
    await page.getByText("More: time, blocks, seed").click();
    await page.getByLabel("Seed").fill("7");
    await page.getByLabel("Only what a second person has reviewed").check();
    await page.getByRole("button", { name: "Make it" }).click();
    await seen(page, "The class dog is missing in the test split.");
    const wish = asked("POST", /^\/datasets$/)[0].body;
    assert.deepEqual(wish, {
        name: "gate-people",
        task: "detection",
        seed: 7,
        split: { block_s: 60, val: 0.15, test: 0.3 },
        reviewed_only: true,
    });
    await page.getByRole("link", { name: "See its report" }).click();
    await page.getByRole("heading", { name: "gate-people" }).waitFor();
});

// covers: CIR-3
it("a dataset's report names balance, coverage, missing classes and how often each split was used", async () => {
    const [newer, older] = lab.datasets;
    const page = await show("/lab/datasets");
    await page.locator(".dataset-row").nth(1).waitFor();
    assert.match(await page.locator(".dataset-row").nth(1).innerText(), /test used 12×/);
    await page.locator(".dataset-row").first().click();
    await page.getByLabel("Splits").waitFor();
    const uses = await page.getByLabel("Splits").locator("tbody tr").nth(2).innerText();
    assert.match(uses, /Test\s+24\s+96\s+3\s+9\s+2×/);
    assert.match(await page.getByLabel("Classes").innerText(), /dog\s+none in test/);
    assert.equal(await page.locator(".hours li").count(), 24);
    assert.match(await page.getByLabel("Hours").innerText(), /15 hours without a picture/);
    await page.getByLabel("Compare with").selectOption(older.digest);
    await page.waitForURL(/against=/);
    await page.getByText("Labelled otherwise").waitFor();
    assert.ok(
        asked("GET", new RegExp(`${older.digest}/diff/${newer.digest}`)).length,
        "from the older to this one",
    );
    const link = page.getByRole("link", { name: "Export COCO" });
    assert.equal(
        await link.getAttribute("href"),
        `/api/v1/datasets/${newer.digest}/export?format=coco`,
    );
});

// covers: CIR-4
it("a training is started with sane defaults, followed live and cancelled", async () => {
    const page = await show(`/lab/runs/new?dataset=${lab.datasets[1].digest}`);
    await page.getByText("The upper half").click();
    await page.getByLabel("Epochs, at most").fill("12");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await seen(page, "In the queue since");
    const { config, kind } = asked("POST", /^\/runs$/)[0].body;
    assert.equal(kind, "train");
    assert.deepEqual(config, {
        dataset: lab.datasets[1].digest,
        model: lab.models[0].digest,
        freeze: 0.5,
        epochs: 12,
        patience: 5,
        learning_rate: 0.001,
        batch: 8,
        seed: 1,
        augment: true,
    });
    const run = lab.runs[0];
    Object.assign(run, {
        state: "leased",
        worker: "bench-2",
        attempts: 1,
        step: 50,
        steps: 120,
        started_at: new Date(Date.now() - 60_000).toISOString(),
        points: pointsOf(5),
        words: [{ at: new Date().toISOString(), text: "Still learning." }],
    });
    hub.change("run", run.id);
    await page.locator(".run-leased").waitFor();
    await page.locator(".u-over").first().waitFor();
    await seen(page, "Still learning.");
    assert.match(
        await page.locator(".run-line").innerText(),
        /42\s%[\s\S]*step 50 of 120 · about 1 min \d+ s left/,
    );
    const loss = await page.locator(".chart").first().getAttribute("aria-label");
    assert.match(loss, /Loss: training [\d.]+, training, mean [\d.]+, validation [\d.]+/);
    Object.assign(run.points.at(-1).values, { val_loss: 0.123 });
    hub.change("run", run.id);
    await page.getByRole("figure", { name: /validation 0\.123/ }).waitFor();
    const tall = await page.locator(".chart-box").first().boundingBox();
    assert.equal(tall.height, 220, "a chart keeps its place");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator(".run-cancelled").waitFor();
    assert.equal(run.state, "cancelled");
});

// covers: CIR-4
it("a finished run shows its words, figures and worst pictures, and its model is registered from there", async () => {
    const run = lab.runs.find((r) => r.state === "done");
    const page = await show("/lab/runs");
    await page.locator(".run-row", { hasText: "0.843" }).click();
    await seen(page, /It began to learn by heart after epoch 12/);
    await page.getByLabel("Figures").waitFor();
    const figures = (await page.getByLabel("Figures").innerText()).replaceAll("\u00a0", " ");
    for (const said of ["0.843", "0.33", "21.4 ms", "test split", "9 groups"])
        assert.ok(figures.includes(said), said);
    assert.equal(await page.locator(".lab-worst img").count(), 6);
    assert.match(await page.getByLabel("By class and camera").innerText(), /dog\s+none\s+–/);
    await seen(page, /Best validation at step 120/);
    await page.getByRole("button", { name: "Register the model" }).click();
    await page.waitForURL(new RegExp(`/models/${run.files[0].digest}`));
    await page.goBack();
    await page.getByRole("link", { name: "centernet-coco v3" }).waitFor();
});

const places = () => ({
    pool: ["/lab/pool", ".pool-cell"],
    label: [`/lab/label/${lab.pictures[1].picture}`, ".board-inner img.shown"],
    review: ["/lab/label?mode=review", ".board-inner img.shown"],
    datasets: ["/lab/datasets", ".dataset-row"],
    dataset: [
        `/lab/datasets/${lab.datasets[0].digest}?against=${lab.datasets[1].digest}`,
        ".strip-pictures img",
    ],
    "new dataset": ["/lab/datasets/new", ".chip-choice"],
    runs: ["/lab/runs", ".run-row"],
    "new run": ["/lab/runs/new", ".form-card"],
    run: [`/lab/runs/${lab.runs.find((r) => r.state === "done").id}`, ".lab-worst img"],
});
// covers: CIR-2
it("nothing sticks out at 320 px, what a finger presses is large, every text stands out", async () => {
    for (const [scheme, how] of [
        ["light", { viewport: { width: 320, height: 640 }, touch: true }],
        ["dark", { viewport: desk }],
    ]) {
        const page = await show("/lab/pool", { ...how, scheme });
        for (const [name, [path, ready]] of Object.entries(places())) {
            await page.goto(hub.url + path);
            await page.locator(ready).first().waitFor({ state: "attached" });
            const { wide, small } = await page.evaluate(tooWideOrSmall);
            assert.deepEqual(wide, [], `${name} at ${how.viewport.width}`);
            if (how.touch) assert.deepEqual(small, [], `${name}: smaller than a finger`);
            assert.deepEqual(await page.evaluate(poorTexts), [], `${name}, ${scheme}`);
        }
    }
});
function tooWideOrSmall() {
    const wide = [...document.querySelectorAll("html, #place, .lab, .lab-body, .label-side, .page")]
        .filter((e) => e.scrollWidth > e.clientWidth + 1)
        .map((e) => e.className || e.tagName);
    const small = [
        ...document.querySelectorAll(
            "button, .button, .input, .tab, .pool-link, .dataset-row, .run-row",
        ),
    ]
        .filter((e) => e.checkVisibility() && !e.matches(":disabled"))
        .map((e) => ({
            name: e.textContent.trim().slice(0, 20) || e.ariaLabel,
            box: e.getBoundingClientRect(),
        }))
        .filter(({ box }) => box.height < 43.5)
        .map(({ name, box }) => `${name} ${box.width}x${box.height}`);
    return { wide, small };
}
