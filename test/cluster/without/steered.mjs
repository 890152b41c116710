import { pathToFileURL } from "node:url";
import Mocha from "mocha";

/*
 * Runs the tests of files whose titles match a pattern, and prints mocha's JSON: `steered.mjs <pattern> <file>…`. Files are
 * imported, because the hooks that take rules out don't see what is required.
 */

const [pattern, ...files] = process.argv.slice(2);
const mocha = new Mocha({ reporter: "json", grep: new RegExp(pattern), timeout: 60_000 });
mocha.suite.emit("pre-require", globalThis, "", mocha);
for (const file of files) await import(pathToFileURL(file).href);
mocha.run(() => process.exit());
