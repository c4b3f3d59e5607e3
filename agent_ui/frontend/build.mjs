/**
 * Builds the pages' assets into agent_ui/static/dist: bundles, one stylesheet, the icon sprite, the font, and
 * manifest.json (name -> name?v=content hash). Templates and sources decide which Tabler rules and icons are kept.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "../static/dist");
const templates = join(here, "../templates");
const modules = join(here, "node_modules");

async function files(folder, ext) {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found.filter((one) => one.isFile() && one.name.endsWith(ext)).map((one) => join(one.parentPath ?? one.path, one.name)).sort();
}

async function texts(paths) {
  return Promise.all(paths.map((path) => readFile(path, "utf8")));
}

/** Top-level rules of a stylesheet: [prelude, body] pairs; body is null for statements such as @charset. */
function* rules(css) {
  let at = 0;
  while (at < css.length) {
    const open = css.indexOf("{", at);
    const semicolon = css.indexOf(";", at);
    if (semicolon >= 0 && (open < 0 || semicolon < open)) {
      at = semicolon + 1;
      continue;
    }
    if (open < 0) return;
    let depth = 1;
    let end = open + 1;
    while (depth && end < css.length) {
      const sign = css[end++];
      if (sign === "{") depth++;
      else if (sign === "}") depth--;
      else if (sign === '"' || sign === "'") end = css.indexOf(sign, end) + 1;
    }
    yield [css.slice(at, open).trim(), css.slice(open + 1, end - 1)];
    at = end;
  }
}

/** The parts of a selector list: split at commas outside brackets. */
function selectors(prelude) {
  const parts = [""];
  let depth = 0;
  for (const sign of prelude) {
    if (sign === "(" || sign === "[") depth++;
    if (sign === ")" || sign === "]") depth--;
    if (sign === "," && !depth) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  return parts;
}

/** The kit's own script attributes (data-bs-...) are not used here, but for the theme. */
function isUsed(selector, words) {
  return [...selector.matchAll(/\.(?=[A-Za-z_-])([\w-]+)/g)].every(([, name]) => words.has(name)) && !/data-bs-(?!theme)/.test(selector);
}

/** Keep the rules of the kit that some template or source can use: tags, roots, and classes whose names occur there. */
function keepUsed(css, words) {
  let kept = "";
  for (const [prelude, body] of rules(css)) {
    if (/^@(media|supports|layer|container)/.test(prelude)) {
      const inner = keepUsed(body, words);
      if (inner) kept += `${prelude}{${inner}}`;
    } else if (!prelude.startsWith("@")) {
      const used = selectors(prelude).filter((one) => isUsed(one, words));
      const plain = body.replace(/[\w-]+:[^;{}]*url\((?:"[^"]*"|'[^']*'|[^)]*)\)[^;]*;?/g, "");
      if (used.length && plain) kept += `${used.join(",")}{${plain}}`;
    }
  }
  return kept;
}

async function kit(words) {
  const css = (await readFile(join(modules, "@tabler/core/dist/css/tabler.min.css"), "utf8")).replace(/\/\*[\s\S]*?\*\//g, "");
  return keepUsed(css, words);
}

async function sprite(names) {
  const symbols = await Promise.all(names.map(async (name) => {
    const text = await readFile(join(modules, `@tabler/icons/icons/outline/${name}.svg`), "utf8");
    const inner = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(text.replace(/<!--[\s\S]*?-->/g, ""))[1].replace(/\s*\n\s*/g, "");
    const look = 'fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${name}" viewBox="0 0 24 24" ${look}>${inner}</symbol>`;
  }));
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`;
}

function iconNames(source) {
  return [...source.matchAll(/"([a-z0-9-]+)"/g)].map(([, name]) => name);
}

function checkTemplateIcons(pages, names) {
  const known = new Set(names);
  const missing = pages.flatMap((page) => [...page.matchAll(/\bic\('([^']+)'/g)].map(([, name]) => name)).filter((name) => !known.has(name));
  if (missing.length) throw new Error(`icons used by templates but not in src/core/icons.ts: ${missing.join(", ")}`);
}

async function manifest() {
  const made = {};
  for (const path of await files(dist, "")) {
    const name = relative(dist, path).replaceAll("\\", "/");
    if (!name.startsWith(".")) made[name] = `${name}?v=${createHash("sha256").update(await readFile(path)).digest("hex").slice(0, 12)}`;
  }
  await writeFile(join(dist, "manifest.json"), `${JSON.stringify(made, null, 1)}\n`);
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
const sources = await texts(await files(join(here, "src"), ".ts"));
const pages = await texts(await files(templates, ".html"));
const words = new Set([...sources, ...pages].flatMap((text) => text.match(/[A-Za-z][\w-]*/g) ?? []));
const names = iconNames(await readFile(join(here, "src/core/icons.ts"), "utf8"));
checkTemplateIcons(pages, names);

const common = { bundle: true, minify: true, target: ["es2022"], legalComments: "linked", logLevel: "warning", outdir: dist };
await build({
  ...common,
  entryPoints: ["desk", "live", "login", "pages"].map((name) => join(here, `src/${name}.ts`)),
  format: "esm",
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  sourcemap: true,
});
await build({ ...common, entryPoints: ["theme", "worker"].map((name) => join(here, `src/${name}.ts`)), format: "iife" });
const kitName = join(dist, "kit.css");
await writeFile(kitName, await kit(words));
await build({
  ...common,
  entryPoints: [join(here, "css/app.css")],
  alias: { kit: kitName },
  loader: { ".woff2": "file" },
  assetNames: "fonts/[name]-[hash]",
});
await rm(kitName);
await writeFile(join(dist, "icons.svg"), await sprite(names));
await writeFile(join(dist, "favicon.svg"), await readFile(join(here, "css/favicon.svg")));
await manifest();
