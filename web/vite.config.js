import { defineConfig } from "vite";

// One script, one stylesheet, one font: the hub serves them with a strict content security policy,
// so nothing may be inlined.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
  },
  server: { proxy: { "/api": { target: "https://127.0.0.1:8443", secure: false } } },
});
