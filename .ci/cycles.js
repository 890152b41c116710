import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const RELATIVE_IMPORT = /(?:from|import)\s*\(?\s*["'](\.[^"']+)["']/g;

/**
 * Every group of source files that import each other in a circle, imports of types included: such files can't be read,
 * moved or tested alone. One line for each group, its files sorted.
 *
 * @param {string} root folder that the paths are relative to
 * @param {readonly string[]} files source files, as paths below the root
 */
export function importCycles(root, files) {
  const known = new Set(files);
  const imports = new Map(files.map((file) => [file, importedBy(root, file, known)]));
  return components(imports)
    .filter((group) => group.length > 1)
    .map((group) => `${group.length} files import each other: ${group.sort().join(", ")}`);
}

function importedBy(root, file, known) {
  return [...readFileSync(join(root, file), "utf8").matchAll(RELATIVE_IMPORT)].flatMap(([, target]) => {
    const path = join(dirname(file), target);
    return [path.replace(/\.js$/, ".ts"), path, `${path}.ts`].find((one) => known.has(one)) ?? [];
  });
}

/** Tarjan's strongly connected components; see doi:10.1137/0201010. */
function components(graph) {
  const order = new Map();
  const lowest = new Map();
  const stack = [];
  const onStack = new Set();
  const found = [];
  const visit = (node) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node));
    stack.push(node);
    onStack.add(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (onStack.has(next)) lowest.set(node, Math.min(lowest.get(node), lowest.get(next)));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    for (const one of group) onStack.delete(one);
    found.push(group);
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found;
}
