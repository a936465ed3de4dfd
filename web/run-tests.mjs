// Bundles each src/**/*.test.ts with the esbuild that Vite brings and runs them with Node's own runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const here = new URL(".", import.meta.url).pathname;
const tests = readdirSync(join(here, "src"), { recursive: true })
    .filter((f) => f.endsWith(".test.ts"))
    .map((f) => join(here, "src", f));
const out = mkdtempSync(join(tmpdir(), "vedette-web-"));
try {
    await build({
        entryPoints: tests,
        outdir: out,
        outExtension: { ".js": ".mjs" },
        bundle: true,
        platform: "node",
        format: "esm",
        logLevel: "warning",
    });
    const bundled = readdirSync(out, { recursive: true })
        .filter((f) => f.endsWith(".mjs"))
        .map((f) => join(out, f));
    process.exitCode =
        spawnSync(process.execPath, ["--test", ...bundled], { stdio: "inherit" }).status ?? 1;
} finally {
    rmSync(out, { recursive: true });
}
