/** The command as a function, for programs that pass their own arguments. */
export { DISTRIBUTION } from "./distribution.js";
export { main } from "./main.js";
