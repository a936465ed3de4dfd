// The page before a scripted hub: what it shows in every state, and what it does with a hand's or a key's decision.
import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { desk, openBrowser, openPage, phone } from "./browser.mjs";
import { emptySite, incidentOf, iso, note, someSite } from "./fixtures.mjs";
import { makePictures, picturesMissing } from "./pictures.mjs";
import { ScriptedHub } from "./scripted-hub.mjs";

const skip = picturesMissing() || false;
let browser;
let pictures;
let hub;
let open;

before(async () => {
    if (skip) return;
    pictures = makePictures();
    browser = await openBrowser();
});
after(() => browser?.close());
beforeEach(async () => {
    hub = await new ScriptedHub(skip ? {} : someSite(pictures), pictures ?? []).start();
    hub.signIn?.call(hub, "anna");
    open = [];
});
afterEach(async () => {
    for (const one of open) await one.context.close();
    await hub.stop();
});

async function show(path, how) {
    const one = await openPage(browser, how);
    open.push(one);
    await one.page.goto(hub.url + path);
    return one.page;
}
const first = () => hub.site.incidents[0];
const second = () => hub.site.incidents[1];
const toIncident = (one) => `/incidents/${one.id}`;
const posted = (verb) => hub.asked.filter((a) => a.method === "POST" && a.path.endsWith(verb));
const seen = (page, text) => page.getByText(text).first().waitFor();
function it(name, body, how = {}) {
    test(name, { skip, timeout: 180_000, ...how }, async () => {
        await body();
        for (const one of open) assert.deepEqual(one.complaints, [], "the page complained");
    });
}

// covers: WEB-1
it("open incidents are listed newest first with counts, and the first is shown beside them", async () => {
    const page = await show("/incidents");
    await page.locator(".row").nth(3).waitFor();
    const titles = await page.locator(".row-title").allTextContents();
    assert.deepEqual(titles, [
        'person in "loading bay"',
        'person in "gate"',
        'person in "gate"',
        'person in "path"',
    ]);
    assert.match(await page.locator(".tab[aria-current]").innerText(), /Open\s+4/);
    await page.waitForURL(new RegExp(first().id));
    await page.getByRole("heading", { level: 1, name: /loading bay/ }).waitFor();
});

// covers: WEB-1
it("filters live in the address and back undoes them", async () => {
    const page = await show("/incidents?state=all&camera=yard-2");
    await page.locator(".row").nth(1).waitFor();
    assert.equal(await page.locator(".row").count(), 2);
    await page.getByRole("link", { name: /^Resolved/ }).click();
    await seen(page, "Nothing matches");
    assert.match(page.url(), /state=resolved/);
    assert.match(page.url(), /camera=yard-2/);
    await page.goBack();
    await page.locator(".row").nth(1).waitFor();
    await page.getByLabel("Search incidents").fill("path");
    await page.waitForURL(/q=path/);
    await page.waitForFunction(() => document.querySelectorAll(".row").length === 1);
    assert.ok(hub.asked.some((a) => a.path === "/incidents" && a.query.get("q") === "path"));
});

// covers: WEB-1
it("what I acknowledge is mine until it is resolved, and its place says so", async () => {
    const page = await show("/incidents?state=mine");
    await seen(page, "Nothing on your hands");
    await page.goto(hub.url + toIncident(second()));
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.locator(".row", { hasText: "You are on it" }).waitFor();
    const mine = page.getByRole("link", { name: /^Mine/ });
    await page.waitForFunction(
        () =>
            /^Mine\s+1$/.test(
                [...document.querySelectorAll(".tab")].find((t) => t.textContent.startsWith("Mine"))
                    .textContent,
            ),
    );
    await mine.click();
    await page.waitForFunction(() => document.querySelectorAll(".row").length === 1);
    assert.match(page.url(), /state=mine/);
    const asked = hub.asked.findLast((a) => a.path === "/incidents" && a.query.has("acknowledged_by"));
    assert.equal(asked.query.get("acknowledged_by"), "anna");
    assert.equal(asked.query.get("state"), "acknowledged");
});

// covers: WEB-1
it("a device has its page: what is wrong with it, its cameras, its last incidents, its twin", async () => {
    const page = await show("/devices");
    await page.getByRole("link", { name: "dock-box" }).click();
    await page.getByRole("heading", { level: 1, name: "dock-box" }).waitFor();
    await seen(page, "3 events dropped by its loss policy");
    await seen(page, "Its clock is 4.2 s behind");
    await seen(page, "None yet. They appear here by themselves.");
    await page.getByLabel("Its cameras").getByText("Its device is away.").waitFor();
    await page.goto(`${hub.url}/devices/yard-box`);
    await page.locator(".recent-link").nth(2).waitFor();
    const asked = hub.asked.findLast((a) => a.query?.get("limit") === "6");
    assert.equal(asked.query.get("device"), "yard-box");
    await page.getByText("Reported").click();
    await seen(page, '"fps": 10');
    await page.locator(".recent-link").first().click();
    await page.getByRole("heading", { level: 1, name: /loading bay/ }).waitFor();
    await page.goto(`${hub.url}/devices/nobody`);
    await seen(page, "This device is not known");
});

// covers: WEB-1
it("an incident that opens appears by itself", async () => {
    const page = await show("/incidents");
    await page.locator(".row").nth(3).waitFor();
    hub.site.incidents.unshift(
        incidentOf(pictures[2], {
            agoMs: 1000,
            ongoing: true,
            over: { title: 'person in "roof"' },
        }),
    );
    hub.change("incident", hub.site.incidents[0].id);
    await page.locator(".row-title", { hasText: "roof" }).waitFor();
    assert.match(await page.locator(".tab[aria-current]").innerText(), /Open\s+5/);
    assert.match(page.url(), new RegExp(hub.site.incidents[1].id), "what is looked at stays");
});

// covers: WEB-1
it("picture, boxes and zone are drawn as vectors and can be switched off", async () => {
    const page = await show(toIncident(second()));
    await page.locator(".stage-picture.shown").waitFor();
    assert.equal(await page.locator(".stage .vectors .box").count(), 5);
    const drawn = await page.locator(".stage .box.main .box-line").boundingBox();
    const stage = await page.locator(".stage").boundingBox();
    const { box } = second().boxes[0];
    assert.ok(
        Math.abs((drawn.x - stage.x) / stage.width - box.l) < 0.01,
        "the box lies where the model saw it",
    );
    assert.ok(Math.abs((drawn.y - stage.y) / stage.height - box.t) < 0.01);
    await page.getByRole("button", { name: "Boxes" }).click();
    await page.keyboard.press("z");
    await page.waitForFunction(
        () => !document.querySelector(".stage .box") && !document.querySelector(".stage .zone"),
    );
});

// covers: WEB-1
it("what, when, where, score, why, history and deliveries are told", async () => {
    const page = await show(toIncident(second()));
    const side = page.locator(".detail-aside");
    await side.waitFor();
    const text = (await side.innerText()).replaceAll("\u00a0", " ");
    for (const said of [
        "person in gate",
        "yard-1",
        "yard-box",
        "94 %",
        "for 2 s or longer",
        "score 50 % or more",
        "gate-person",
        "centernet-coco",
        "9b1f5c0d7a3e",
        "opened it",
        "guard@example.org",
        "Sent",
    ])
        assert.ok(text.includes(said), said);
});

// covers: WEB-1
it("the clip plays, is stepped frame by frame and marks where the event starts", async () => {
    const page = await show(toIncident(second()));
    await page.getByRole("button", { name: "Clip" }).click();
    await page.waitForFunction(() => document.querySelector("video")?.currentTime > 0.8);
    await page.getByRole("button", { name: "Pause" }).click();
    const at = () => page.evaluate(() => document.querySelector("video").currentTime);
    const stopped = await at();
    await page.keyboard.press(".");
    await page.waitForFunction((t) => document.querySelector("video").currentTime > t, stopped);
    const on = await at();
    assert.ok(on - stopped < 0.3, `one frame, not ${on - stopped} s`);
    await page.keyboard.press(",");
    await page.waitForFunction((t) => document.querySelector("video").currentTime < t, on);
    const mark = Number(await page.locator(".scrub-mark line").getAttribute("x1"));
    assert.ok(Math.abs(mark - (5 / 14) * 100) < 2, `the mark is at ${mark} %`);
});

// covers: WEB-1
it("over the clip the box goes where its thing goes, and can be switched off", async () => {
    const page = await show(toIncident(second()));
    await page.getByRole("button", { name: "Clip" }).click();
    await page.waitForFunction(() => document.querySelector("video")?.currentTime > 0.3);
    await page.getByRole("button", { name: "Pause" }).click();
    const video = page.locator("video");
    const { path } = second().events[0];
    for (const want of [path[3], path[path.length - 4]]) {
        await video.evaluate((el, s) => (el.currentTime = s), 5 + want.at_ms / 1000);
        await page.waitForFunction(
            (l) => Math.abs(document.querySelector(".stage .box-line").getAttribute("x") - l) < 2,
            want.l * 100,
        );
    }
    await page.keyboard.press("b");
    await page.waitForFunction(() => !document.querySelector(".stage .box"));
});

// covers: WEB-1
it("acknowledge is shown at once, sent with the version seen, and undone", async () => {
    const page = await show(toIncident(second()));
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.locator(".detail .chip-acknowledged").waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.locator(".detail .chip-open").waitFor();
    await page.getByText("Open again").waitFor();
    assert.equal(posted("/acknowledge")[0].body.version, 1);
    assert.equal(posted("/acknowledge")[0].csrf, "c5rf");
    assert.equal(posted("/reopen")[0].body.version, 2);
    assert.equal(second().state, "open");
});

// covers: WEB-1
it("resolve asks for a verdict and keeps the note", async () => {
    const page = await show(toIncident(second()));
    await page.getByRole("button", { name: "Resolve" }).click();
    const panel = page.getByRole("dialog", { name: "Resolve" });
    assert.equal(await panel.getByRole("button", { name: "Resolve" }).isDisabled(), true);
    await panel.getByLabel("False alarm").check();
    await panel.getByLabel("Note").fill("a fox");
    await panel.getByRole("button", { name: "Resolve" }).click();
    await page.locator(".detail .chip-resolved", { hasText: "False alarm" }).waitFor();
    await page.locator(".note", { hasText: "a fox" }).waitFor();
    assert.deepEqual(posted("/resolve")[0].body, {
        version: 1,
        verdict: "false_alarm",
        note: "a fox",
    });
});

// covers: WEB-1
it("a hundred pictures go by keyboard alone: j, k, a, 1 to 5, u", async () => {
    const page = await show("/incidents");
    await page.waitForURL(new RegExp(first().id));
    await page.getByRole("button", { name: "Acknowledge" }).waitFor();
    await page.keyboard.press("j");
    await page.waitForURL(new RegExp(second().id));
    await page.getByRole("heading", { level: 1, name: /gate/ }).waitFor();
    await page.keyboard.press("a");
    await page.locator(".detail .chip-acknowledged").waitFor();
    await page.getByText("Acknowledged", { exact: true }).first().waitFor();
    await page.keyboard.press("3");
    await page.locator(".detail .chip-resolved", { hasText: "Wrong class" }).waitFor();
    await page.locator(".notice", { hasText: "Resolved" }).waitFor();
    await page.keyboard.press("u");
    await page.locator(".detail .chip-acknowledged").waitFor();
    await page.keyboard.press("k");
    await page.waitForURL(new RegExp(first().id));
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "incident-search");
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    assert.equal(posted("/resolve")[0].body.verdict, "wrong_class");
});

// covers: WEB-1
it("a conflict shows who did what first and changes nothing", async () => {
    const page = await show(toIncident(second()));
    await page.getByRole("button", { name: "Acknowledge" }).waitFor();
    Object.assign(note(second(), "ines", "resolved", 4000, "duplicate"), {
        state: "resolved",
        resolved_by: "ines",
        resolved_at: iso(Date.now() - 4000),
        verdict: "duplicate",
    });
    await page.getByRole("button", { name: "Acknowledge" }).click();
    const told = page.locator(".faster");
    await told.waitFor();
    assert.match(await told.innerText(), /ines\s+resolved/);
    await page.locator(".detail .chip-resolved", { hasText: "Duplicate" }).waitFor();
    assert.equal(second().history.at(-1).who, "ines");
});

// covers: WEB-1
it("an event that joins meanwhile is no conflict: nobody decided anything", async () => {
    const page = await show(toIncident(second()));
    await page.getByRole("button", { name: "Acknowledge" }).waitFor();
    note(second(), "device:yard-box", "event_joined", 500);
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await page.locator(".detail .chip-acknowledged").waitFor();
    await page.getByRole("button", { name: "Undo" }).waitFor();
    assert.deepEqual(
        posted("/acknowledge").map((a) => a.body.version),
        [1, 2],
    );
    assert.equal(await page.locator(".faster").count(), 0);
});

// covers: WEB-1
it("a decision the hub could not take is taken back and can be tried again", async () => {
    const page = await show(toIncident(second()));
    hub.fail(/acknowledge/, {
        status: 500,
        body: { error: { class: "io", fact: "The disk is full.", hint: "Free some space." } },
    });
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await seen(page, "The disk is full.");
    await page.locator(".detail .chip-open").waitFor();
    hub.mend();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".detail .chip-acknowledged").waitFor();
});

// covers: WEB-1
it("loading is shown while the hub thinks", async () => {
    hub.fail(/GET \/incidents/, { hang: true });
    const page = await show("/incidents");
    await page.getByLabel("Loading incidents").waitFor();
});

// covers: WEB-1
it("empty places teach", async () => {
    hub.site = emptySite(hub.site);
    const page = await show("/incidents");
    await seen(page, "No incident yet");
    for (const [place, said] of [
        ["Cameras", "No cameras yet"],
        ["Devices", "vedette device create"],
        ["Deliveries", "Nobody was told yet"],
    ]) {
        await page
            .getByRole("navigation", { name: "Places" })
            .getByRole("link", { name: place })
            .click();
        await seen(page, said);
    }
});

// covers: WEB-1
it("a failure says what, why and what to do, and trying again mends it", async () => {
    for (const [place, path] of [
        ["incidents", /GET \/incidents/],
        ["cameras", /GET \/cameras/],
        ["devices", /GET \/devices/],
        ["deliveries", /GET \/deliveries/],
    ]) {
        hub.fail(path, {
            status: 500,
            body: {
                error: {
                    class: "corrupt",
                    fact: "The store is damaged.",
                    detail: "page 7",
                    hint: "Restore the last backup.",
                },
            },
        });
        const page = await show(`/${place}`);
        await seen(page, "Restore the last backup.");
        hub.mend();
        await page.getByRole("button", { name: "Try again" }).click();
        await page.locator(".failure").waitFor({ state: "detached" });
    }
});

// covers: WEB-1
it("an answer that breaks the contract is a failure, not a broken page", async () => {
    hub.fail(/GET \/devices/, { status: 200, body: { devices: [{ id: 7 }] } });
    const page = await show("/devices");
    await seen(page, "devices[0].id is not a text");
});

// covers: WEB-1
it("a silent line turns stale within its ten seconds and live again with the next word", async () => {
    const page = await show("/incidents");
    await page.locator(".line-sign-live").waitFor();
    hub.mute();
    hub.fail(/stream/, { hang: true });
    await page.locator(".line-banner").waitFor({ timeout: 60_000 });
    assert.match(await page.locator(".line-banner").innerText(), /as of \d\d:\d\d:\d\d/);
    hub.mend();
    await page.locator(".line-sign-live").waitFor({ timeout: 60_000 });
});

// covers: WEB-1
it("a hub that goes away says offline, keeps what was loaded, and catches up when it is back", async () => {
    const page = await show("/incidents");
    await page.locator(".row").nth(3).waitFor();
    await page.locator(".line-sign-live").waitFor();
    await hub.stop();
    await page.locator(".line-banner-offline").waitFor({ timeout: 60_000 });
    assert.equal(await page.locator(".row").count(), 4);
    hub.site.incidents.unshift(
        incidentOf(pictures[2], { agoMs: 1000, over: { title: "while away" } }),
    );
    const again = new ScriptedHub(hub.site, pictures);
    again.port = hub.port;
    hub = await again.start();
    hub.signIn("anna");
    await page.locator(".row-title", { hasText: "while away" }).waitFor({ timeout: 60_000 });
    await page.locator(".line-banner").waitFor({ state: "detached" });
});

// covers: WEB-1
it("a session that ends midway asks to sign in over the page and loses no half-written note", async () => {
    const page = await show(toIncident(second()));
    await page.getByRole("button", { name: "Resolve" }).click();
    await page.getByLabel("Duplicate").check();
    await page.getByLabel("Note").fill("half a thou");
    hub.user = null;
    await page
        .getByRole("dialog", { name: "Resolve" })
        .getByRole("button", { name: "Resolve" })
        .click();
    await seen(page, "Sign in again");
    await page.getByLabel("Password").fill("correct horse");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.locator(".signin").waitFor({ state: "detached" });
    await page.locator(".detail-head").getByRole("button", { name: "Resolve" }).click();
    assert.equal(await page.getByLabel("Note").inputValue(), "half a thou");
});

// covers: WEB-1
it("a session that ends under an open dialog is renewed above it, and the form is as it was", async () => {
    const page = await show("/settings");
    await page.getByRole("button", { name: "Add" }).click();
    const form = page.getByRole("dialog", { name: "Add a person" });
    await form.getByLabel("Name").fill("karl");
    await form.getByLabel("First password").fill("long enough it is");
    hub.user = null;
    await form.getByRole("button", { name: "Add" }).click();
    const again = page.getByRole("dialog", { name: "Sign in again" });
    await again.getByLabel("Password").fill("correct horse");
    await again.getByRole("button", { name: "Sign in" }).click();
    await again.waitFor({ state: "detached" });
    assert.equal(await form.getByLabel("Name").inputValue(), "karl");
    await form.getByRole("button", { name: "Add" }).click();
    await seen(page, "karl may sign in now");
});

// covers: WEB-1
it("signing in: a wrong password is said, too many tries wait, then it works", async () => {
    hub.user = null;
    const page = await show("/cameras");
    await page.getByLabel("Name").fill("anna");
    await page.getByLabel("Password").fill("wrong");
    await page.keyboard.press("Enter");
    await seen(page, "Name or password is wrong.");
    assert.equal(await page.getByLabel("Name").inputValue(), "anna");
    hub.fail(/POST \/session/, {
        status: 429,
        headers: { "Retry-After": "2" },
        body: { error: { class: "retry", fact: "Too many failures." } },
    });
    await page.getByLabel("Password").fill("correct horse");
    await page.keyboard.press("Enter");
    await seen(page, "Try again in");
    hub.mend();
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { level: 1, name: "Cameras" }).waitFor();
});

// covers: WEB-1
it("cameras show state, why and hint, and a picture only while it is looked at", async () => {
    const page = await show("/cameras/yard-box/yard-1");
    await page.locator(".zone").waitFor();
    const asked = () => hub.asked.filter((a) => a.path.endsWith("yard-1/picture")).length;
    const before = asked();
    await page.waitForFunction(() => document.querySelector("canvas").width === 768);
    await page.getByRole("link", { name: "Cameras" }).first().click();
    await seen(page, "401 Unauthorized from rtsp://10.0.4.12/stream1");
    await seen(page, "Check user and password of this camera.");
    await page.locator(".picture-age").first().waitFor();
    assert.ok(before >= 1);
    await page
        .getByRole("navigation", { name: "Places" })
        .getByRole("link", { name: "Settings" })
        .click();
    await seen(page, "Europe/Berlin");
    const left = hub.asked.length;
    await page.locator(".users li").first().waitFor();
    assert.equal(hub.asked.slice(left).filter((a) => a.path.endsWith("/picture")).length, 0);
});

// covers: WEB-1
it("a device is added, its connection string shown, disabled and enabled", async () => {
    const page = await show("/devices");
    await page.getByRole("button", { name: "Add a device" }).click();
    await page.getByLabel("Name").fill("yard-box");
    await page.getByRole("button", { name: "Create" }).click();
    await seen(page, 'There is a device "yard-box" already.');
    await page.getByLabel("Name").fill("gate-box");
    await page.getByRole("button", { name: "Create" }).click();
    assert.match(await page.getByLabel("Connection string").inputValue(), /DeviceId=gate-box/);
    await page.getByRole("button", { name: "Done" }).click();
    const row = page.locator(".device", { hasText: "gate-box" });
    await row.getByRole("button", { name: "Disable" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await row.getByText("Disabled").waitFor();
    await row.getByRole("button", { name: "Enable" }).click();
    await row.getByText("Away").waitFor();
});

// covers: WEB-1
it("deliveries show every attempt, and the mailbox shows the mail with its picture", async () => {
    const page = await show("/deliveries");
    await seen(page, "503 Service Unavailable");
    await page.getByRole("link", { name: /Mailbox/ }).click();
    await page.locator(".mail-row").nth(1).click();
    await page.locator(".mail-picture:not([width='4'])").waitFor();
    await page.locator(".mail-text a").click();
    await page.waitForURL(new RegExp(second().id));
});

// covers: WEB-1
it("a viewer sees everything and decides nothing", async () => {
    hub.signIn("bo");
    const page = await show(toIncident(second()));
    await seen(page, "You may look; operators decide.");
    await page.keyboard.press("1");
    await page.keyboard.press("a");
    await page
        .getByRole("navigation", { name: "Places" })
        .getByRole("link", { name: "Devices" })
        .click();
    await page.locator(".device").first().waitFor();
    assert.equal(await page.getByRole("button", { name: "Add a device" }).count(), 0);
    assert.equal(posted("/resolve").length + posted("/acknowledge").length, 0);
});

// covers: WEB-1
it("a changed password is asked for twice in words and taken once", async () => {
    const page = await show("/settings");
    await page.getByLabel("Now").fill("nonsense");
    await page.getByLabel("New").fill("a better password");
    await page.getByRole("button", { name: "Change" }).click();
    await seen(page, "The password you have now is not this one.");
    assert.equal(await page.getByLabel("New").inputValue(), "a better password");
    await page.getByLabel("Now").fill("correct horse");
    await page.getByRole("button", { name: "Change" }).click();
    await seen(page, "Your password is changed");
});

// covers: WEB-1
it("a thousand incidents are windowed, loaded as they are scrolled to, and no more pictures than are seen", async () => {
    hub.site.incidents = Array.from({ length: 1000 }, (_, n) =>
        incidentOf(pictures[n % 6], { agoMs: (n + 1) * 90_000 }),
    );
    const page = await show("/incidents");
    await page.locator(".row").first().waitFor();
    assert.match(await page.locator(".tab[aria-current]").innerText(), /1,000/);
    for (let n = 0; n < 4; n++) {
        const had = await page.locator(".rows-all").evaluate((el) => el.clientHeight);
        await page.locator(".rows").evaluate((el) => el.scrollTo(0, el.scrollHeight));
        await page.waitForFunction(
            (h) => document.querySelector(".rows-all").clientHeight > h,
            had,
        );
    }
    assert.ok((await page.locator(".row").count()) < 40, "only what is in sight is drawn");
});

// covers: WEB-1
it("hostile and very long texts are text, stay in place and in their direction", async () => {
    const nasty =
        '<script>window.hit=1</script><img src=x onerror="window.hit=1"> \u202Eمرحبا بالعالم 🦊🦊 ' +
        "long".repeat(200);
    hub.site.incidents = [
        incidentOf(pictures[0], {
            over: { title: nasty, camera: "c".repeat(32), zone: nasty, device: "d".repeat(128) },
        }),
    ];
    note(hub.site.incidents[0], nasty, "note", 1000, nasty);
    hub.site.devices[0].id = "x".repeat(128);
    hub.site.cameras[3].why = nasty;
    for (const viewport of [desk, phone]) {
        const page = await show(toIncident(hub.site.incidents[0]), { viewport });
        await page.locator(".history li").nth(1).waitFor();
        assert.equal(await page.evaluate(() => window.hit), undefined);
        for (const place of ["", "cameras", "devices", "deliveries"]) {
            if (place) await page.goto(`${hub.url}/${place}`);
            await page.waitForLoadState("load");
            await page.locator("#place").waitFor();
            assert.equal(
                await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
                false,
                `${place} at ${viewport.width}`,
            );
        }
    }
});

// covers: WEB-1
it("an address that leads nowhere says so", async () => {
    const page = await show("/incidents/01ARZ3NDEKTSV4RRFFQ69G5FAV");
    await seen(page, "This incident is not here.");
    await page.goto(`${hub.url}/lab`);
    await seen(page, "There is nothing at this address.");
});
