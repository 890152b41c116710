export { callLine } from "../../../dist/call-line.js";
