// What stays at the device until it is asked for, as people meet it: held evidence, ranges of the recording; and
// what a device tells of a camera's entry.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { cameHere, holdBack, someSite } from "./fixtures.mjs";
import { makePictures, picturesMissing } from "./pictures.mjs";
import { ScriptedHub, problem } from "./scripted-hub.mjs";

const skip = picturesMissing() || false;
let browser;
let pictures;
let film;
let hub;
let open;

before(async () => {
    if (skip) return;
    pictures = makePictures({ clips: false });
    film = smallFilm();
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

function smallFilm() {
    const folder = mkdtempSync(join(tmpdir(), "vedette-film-"));
    try {
        const file = join(folder, "film.mp4");
        const from = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=3"];
        const how = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
        execFileSync("ffmpeg", ["-v", "error", ...from, ...how, "-movflags", "+faststart", file]);
        return { digest: "f1".repeat(32), bytes: readFileSync(file) };
    } finally {
        rmSync(folder, { recursive: true });
    }
}
async function show(path, first) {
    const one = await openPage(browser);
    open.push(one);
    await first?.(one.page);
    await one.page.goto(hub.url + path);
    return one.page;
}
function it(name, body) {
    test(name, { skip, timeout: 120_000 }, async () => {
        await body();
        for (const one of open) assert.deepEqual(one.complaints, [], "the page complained");
    });
}
const posted = (path) => hub.asked.filter((a) => a.method === "POST" && path.test(a.path));
const button = (page, name) => page.getByRole("button", { name, exact: true });
const seen = (page, text) => page.getByText(text).first().waitFor();

// covers: REC-2
it("held evidence is shown as held, asked for, and appears by itself when it is here", async () => {
    const one = holdBack(hub.site.incidents[1]);
    const page = await show(`/incidents/${one.id}`);
    await seen(page, "The picture is held at yard-box.");
    assert.equal(await page.locator(".chip-held").count(), 3);
    await button(page, "Ask for it").click();
    await seen(page, "The picture is on its way from yard-box.");
    assert.equal(await button(page, "Ask for it").count(), 0);
    const [asked] = posted(/ask$/);
    assert.equal(asked.path, `/evidence/${one.events[0].evidence[0].digest}/ask`);
    await page.keyboard.press("c");
    await seen(page, "The clip is held at yard-box.");
    await page.keyboard.press("c");
    hub.arrive(one, "snapshot");
    await page.locator(".stage-picture.shown").waitFor();
    await seen(page, "clip held");
});

// covers: REC-2
it("what is gone meanwhile and a device that is away are told with what to do", async () => {
    const one = holdBack(hub.site.incidents[2]);
    const gone = problem("absent", "this evidence is not held here any more", "it was lost by quota or age");
    hub.fail(/ask$/, { status: 504, body: problem("retry", "the device did not answer in 10 s", "look at its network") });
    const page = await show(`/incidents/${one.id}`, (p) => p.clock.install());
    await button(page, "Ask for it").click();
    await seen(page, "the device did not answer in 10 s");
    await seen(page, "look at its network");
    hub.mend();
    hub.fail(/ask$/, { status: 404, body: gone });
    await button(page, "Ask again").click();
    await seen(page, "The picture is not to be had any more.");
    await seen(page, "it was lost by quota or age");
    assert.equal(await button(page, "Ask again").count(), 0);
    hub.mend();
    await page.keyboard.press("c");
    await button(page, "Ask for it").click();
    await seen(page, "The clip is on its way from yard-box.");
    await page.clock.fastForward(61_000);
    await button(page, "Ask again").waitFor();
    hub.signIn("bo");
    const other = await show(`/incidents/${one.id}`);
    await seen(other, "An operator can ask for it.");
    assert.equal(await button(other, "Ask for it").count(), 0);
});

// covers: REC-2
it("the recording around an incident is asked for in the site's time, followed, and played", async () => {
    const one = hub.site.incidents[2];
    hub.blobs.set(film.digest, { type: "video/mp4", bytes: film.bytes });
    const page = await show(`/incidents/${one.id}`);
    await button(page, "Get the recording around it").click();
    const panel = page.getByRole("region", { name: "Recording around it" });
    await seen(panel, "Nothing of this time was asked for yet.");
    await seen(panel, "Times of Europe/Berlin.");
    await button(panel, "Ask for it").click();
    await seen(panel, "Asked for");
    const [{ body }] = posted(/media$/);
    const whole = (at) => Math.floor(Date.parse(at) / 1000) * 1000;
    assert.equal(Date.parse(body.from), whole(one.started_at) - 30_000);
    assert.equal(Date.parse(body.to), whole(one.ended_at) + 30_000);
    const wish = hub.site.media[0];
    wish.state = "coming";
    await seen(panel, "On its way");
    cameHere(wish, { clip: film });
    hub.change("pool", film.digest);
    await panel.getByRole("link", { name: /Save the recording/ }).waitFor();
    await page.waitForFunction(() => document.querySelector(".wish video")?.currentTime > 0.1);
    await seen(panel, "The device had no more of");
});

// covers: REC-2
it("a range that is refused keeps its fields and says why, and a wrong one cannot be sent", async () => {
    hub.fail(/POST .*media$/, { status: 404, body: problem("absent", "camera 'yard-2' is not recorded here", "set recording.enabled") });
    const page = await show("/cameras/yard-box/yard-2");
    const panel = page.getByRole("region", { name: "Recording", exact: true });
    await panel.locator(".wish").nth(2).waitFor();
    await seen(panel, "nothing is recorded of camera 'yard-2'");
    await panel.getByLabel("From", { exact: true }).fill("2026-03-01T13:00:05");
    await panel.getByLabel("To", { exact: true }).fill("2026-03-01T12:00:05");
    await seen(panel, "The beginning must lie before the end.");
    assert.equal(await button(panel, "Ask for it").isDisabled(), true);
    await panel.getByLabel("To", { exact: true }).fill("2026-03-01T13:01:05");
    await button(panel, "Ask for it").click();
    await seen(panel, "camera 'yard-2' is not recorded here");
    await seen(panel, "set recording.enabled");
    assert.deepEqual(posted(/media$/)[0].body, { from: "2026-03-01T12:00:05.000Z", to: "2026-03-01T12:01:05.000Z" });
    assert.equal(await panel.getByLabel("From", { exact: true }).inputValue(), "2026-03-01T13:00:05");
});

// covers: CAM-4
it("a live camera says where its entry comes from and why a newer one was refused", async () => {
    const page = await show("/cameras/yard-box/yard-2");
    const refused = page.getByRole("status", { name: "A newer entry of this camera was refused" });
    await refused.getByText("'rule.kind' is none that there is: zoen").waitFor();
    await refused.getByText("did you mean 'zone'?").waitFor();
    await refused.getByText("The one before it goes on.").waitFor();
    const facts = await page.getByRole("region", { name: "Camera" }).innerText();
    for (const fact of [/Entry\s+the hub's/, /Armed\s+night/, /on cpu/, /helmet-crops/, /there is no such file/, /Masks\s+2, painted over/])
        assert.match(facts, fact);
    await page.goto(`${hub.url}/cameras/yard-box/yard-1`);
    await seen(page, "the device's own file");
    assert.equal(await page.locator(".refused").count(), 0);
});
