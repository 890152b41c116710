import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { importCycles } from "./cycles.js";

// Imports point one way: cli, testing → engine-claude, ledger-sqlite, ledger-postgres, cluster → core → kernel, conversations, events, scheduling, workdirs, pages, ledger → ports, config → schemas; plugins and what they share → the author's API.
const RULES = [
  {
    within: /^core\/conversations\/src\//,
    forbidden: /^@claudeway\/(?!(ports|workdirs|schemas)$)|^claudeway$/,
  },
  {
    within: /^core\/(ledger|events|scheduling|workdirs|pages)\/src\//,
    forbidden: /^@claudeway\/(?!(ports|schemas)$)|^claudeway$/,
  },
  {
    within: /^core\/cluster\/src\//,
    forbidden: /^@claudeway\/(?!(ports|config|schemas)$)|^claudeway$/,
  },
  { within: /^core\/kernel\/src\//, forbidden: /^@claudeway\/(?!(ports|config|schemas)$)|^claudeway$/ },
  { within: /^core\/ports\/src\//, forbidden: /^@claudeway\/(?!schemas$)|^claudeway$|^(\.\.\/)+/ },
  {
    within: /^core\/src\//,
    forbidden:
      /^(@claudeway\/(plugin|engine|ledger)-|@claudeway\/(core|cluster|testing|ledger$)|claudeway$)|\/plugins\//,
  },
  {
    within: /^core\/(engine|ledger)-[^/]+\/src\//,
    forbidden: /^@claudeway\/(?!(core\/(host|marker)|ledger|ports|config|schemas)$)|^claudeway$/,
  },
  { within: /^core\/(cli|testing)\/src\//, forbidden: /^@claudeway\/plugin-|\/plugins\// },
  { within: /^config\/src\//, forbidden: /^@claudeway\/(?!schemas$)/ },
  { within: /^schemas\/src\//, forbidden: /^@claudeway\// },
  {
    within: /^(plugins\/(examples\/)?[^/]+\/(src|web)|core\/cli\/templates)\//,
    forbidden: /^@claudeway\/(?!core$|testing$|chat$|messenger$)|^(\.\.\/)+(core|config|schemas|plugins)\//,
  },
  { within: /^plugins\/shared\/[^/]+\/src\//, forbidden: /^@claudeway\/(?!core$)|^claudeway$|\/plugins\// },
  // Built files go by an alias of package.json's `imports`, so that a move changes one line.
  { within: /^(test|bench)\//, forbidden: /^(\.\.\/)+(core|config|schemas|plugins)\/.*dist\// },
];
const SKIPPED = new Set(["node_modules", "dist", "bundle", ".git"]);
const IMPORT = /(?:from|import)\s*\(?\s*["']([^"']+)["']/g;

/** Every import that crosses a boundary, as `file imports what`, and every import cycle of the sources. */
export function crossedBoundaries(root) {
  const files = sources(root, "");
  const crossed = files.flatMap((file) =>
    RULES.filter(({ within }) => within.test(file)).flatMap(({ forbidden }) =>
      importsOf(join(root, file))
        .filter((target) => forbidden.test(target))
        .map((target) => `${file} imports ${target}`),
    ),
  );
  return [...crossed, ...importCycles(root, files)];
}

function sources(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sources(root, path);
    return /\.(ts|js|svelte)$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(file) {
  return [...readFileSync(file, "utf8").matchAll(IMPORT)].map(([, target]) => target);
}
