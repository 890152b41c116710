import { closeServer } from "./two-nodes.js";

/** After the last test of a process, or of a file where files run side by side. */
export const mochaHooks = { afterAll: closeServer };
