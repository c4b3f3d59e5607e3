/** Bundles the unit tests into a temporary folder and runs them with node's own runner. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = await mkdtemp(join(tmpdir(), "front-unit-"));
const tests = (await readdir(here)).filter((name) => name.endsWith(".test.ts"));
try {
  await build({ entryPoints: tests.map((name) => join(here, name)), outdir: out, bundle: true, platform: "node", format: "esm", outExtension: { ".js": ".mjs" }, logLevel: "warning" });
  const files = tests.map((name) => join(out, name.replace(/ts$/, "mjs")));
  const ran = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit", env: { ...process.env, TZ: "UTC" } });
  process.exitCode = ran.status ?? 1;
} finally {
  await rm(out, { recursive: true, force: true });
}
