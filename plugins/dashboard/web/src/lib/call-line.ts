export { beyondLine, callLine } from "../../../dist/call-line.js";
