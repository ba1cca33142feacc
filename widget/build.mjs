// Bundles src/ into static/. The same sources and lock file give the same bytes, which CI checks by building again.
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
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

const styles = await build({ ...common, entryPoints: ["src/view/styles.css"] });
const module = await bundle({
  entryPoints: ["src/define.ts"],
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  banner: { js: "/* Lianwen chat widget, Apache-2.0; contains Preact (MIT, Copyright (c) 2015-present Jason Miller) */" },
  define: { STYLES: JSON.stringify(styles.outputFiles[0].text.trim()) },
});
const version = createHash("sha256").update(module).digest("hex").slice(0, 12);
const loader = await bundle({ entryPoints: ["src/loader.ts"], format: "iife", define: { VERSION: JSON.stringify(version) } });

const out = new URL("static/", import.meta.url);
await writeFile(new URL("lianwen-chat.js", out), module);
await writeFile(new URL("loader.js", out), loader);
await readFile(new URL("lianwen.css", out)); // the pages' stylesheet is written by hand and must be there
