// Bundles src/ into static/. The same sources and lock file give the same bytes, which CI checks by building again.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { build } from "esbuild";

const common = {
  bundle: true,
  minify: true,
  target: ["es2022", "safari16.4"],
  charset: "utf8",
  legalComments: "none",
  write: false,
  absWorkingDir: import.meta.dirname,
};

async function bundle(options) {
  const result = await build({ ...common, ...options });
  return result.outputFiles[0].text;
}

const text = async (entry) => JSON.stringify((await bundle({ entryPoints: [entry] })).trim());
const hash = (code) => createHash("sha256").update(code).digest("hex").slice(0, 12);
const jsx = { format: "esm", jsx: "automatic", jsxImportSource: "preact" };

// The element and its launcher load with the page, the panel when it is wanted, each named by what is in it.
const panel = await bundle({
  ...jsx,
  entryPoints: ["src/view/mount.tsx"],
  banner: { js: "/* Lianwen chat widget, Apache-2.0; contains Preact (MIT, Copyright (c) 2015-present Jason Miller) */" },
  define: { PANEL_STYLES: await text("src/view/panel.css") },
});
const element = await bundle({
  ...jsx,
  entryPoints: ["src/define.ts"],
  banner: { js: "/* Lianwen chat widget, Apache-2.0 */" },
  define: { LAUNCHER_STYLES: await text("src/view/launcher.css"), PANEL: JSON.stringify(`lianwen-panel.js?v=${hash(panel)}`) },
});
const loader = await bundle({ entryPoints: ["src/loader.ts"], format: "iife", define: { VERSION: JSON.stringify(hash(element)) } });

const out = new URL("static/", import.meta.url);
await writeFile(new URL("lianwen-panel.js", out), panel);
await writeFile(new URL("lianwen-chat.js", out), element);
await writeFile(new URL("loader.js", out), loader);
