import { defineConfig } from "vite";

export default defineConfig({
  // Relative: the page does not know under which stage or proxy it is served. It is at `console`, its files are below it.
  base: "./",
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `console/${name}` : { relative: true }),
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    // The security policy refuses data: addresses.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
});
