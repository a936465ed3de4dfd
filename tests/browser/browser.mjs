// One Chromium for a test file, one fresh context for a test, and a page that may not complain.
import { chromium } from "playwright-core";

const FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
export const desk = { width: 1440, height: 900 };
export const phone = { width: 390, height: 844 };

export function openBrowser() {
    return chromium.launch({
        executablePath: process.env.VEDETTE_CHROMIUM ?? "/usr/bin/chromium",
        args: FLAGS,
    });
}

/** Whatever the page logs as an error, refuses by its policy or throws is kept in `complaints`. */
export async function openPage(
    browser,
    { viewport = desk, scheme = "dark", touch = false, reduced = true } = {},
) {
    const context = await browser.newContext({
        viewport,
        colorScheme: scheme,
        hasTouch: touch,
        isMobile: touch,
        reducedMotion: reduced ? "reduce" : "no-preference",
        ignoreHTTPSErrors: true,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    const complaints = [];
    page.on("pageerror", (e) => complaints.push(String(e)));
    page.on("console", (m) => {
        if (/Content Security Policy|Uncaught/i.test(m.text())) complaints.push(m.text());
    });
    return { page, context, complaints };
}
