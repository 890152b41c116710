export { Passing, type PassingOptions } from "./passing.js";
