import { DISTRIBUTION } from "#cli/distribution.js";
import { main } from "#cli/main.js";
import { workingSource } from "./working-engine.js";

/*
 * The command `claudeway` with the engine for load in the place of the CLI; everything else is as it ships.
 * `gateway-process.ts <folder of all gateways> <node> [flags]`
 */

const [dir = "", node = "", ...flags] = process.argv.slice(2);
DISTRIBUTION.findEngine = workingSource(dir, node);
await main(flags);
