import { endMarked } from "./reaper.js";

/*
 * Ends every process whose marker starts with the argument, at once. The guard runs it when its gateway has died; it
 * imports little, so that it begins early.
 */
const [prefix] = process.argv.slice(2);
if (!prefix) throw new Error("sweep must be given the prefix of the markers to end");
await endMarked(prefix, 0);
