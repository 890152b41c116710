/*
 * Takes a safety rule out of the gateway's own code while its modules are loaded, so that a test can show that the rule is
 * needed and that the checks find its absence. No configuration reaches this: a process must import ./rule.mjs.
 */

/** @type {readonly { readonly file: string; readonly from: RegExp; readonly to: string }[]} */
let changes = [];
/** Where each change that was made is written to. */
let done = () => undefined;

export function initialize({ changes: given, port }) {
  changes = given;
  done = (file) => port.postMessage(file);
}

export async function load(url, context, next) {
  const loaded = await next(url, context);
  const own = changes.filter(({ file }) => url.endsWith(file));
  if (own.length === 0) return loaded;
  let source = String(loaded.source);
  for (const { file, from, to } of own) {
    if (!from.test(source)) throw new Error(`${file} has no ${from}: the rule has moved`);
    source = source.replace(from, to);
    done(file);
  }
  return { ...loaded, source };
}
