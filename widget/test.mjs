// Bundles the tests of the pure parts and runs them with Node's own runner.
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const out = await mkdtemp(join(here, "node_modules", ".tests-"));
const entryPoints = (await readdir(join(here, "tests"))).filter((name) => name.endsWith(".test.ts")).map((name) => join(here, "tests", name));
await build({ entryPoints, outdir: out, outExtension: { ".js": ".mjs" }, bundle: true, format: "esm", platform: "node", jsx: "automatic", jsxImportSource: "preact" });
const files = (await readdir(out)).map((name) => join(out, name));
const { status } = spawnSync(process.execPath, ["--test", ...files], { stdio: "inherit" });
await rm(out, { recursive: true });
process.exit(status ?? 1);
