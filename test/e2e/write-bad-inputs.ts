import { writeFileSync } from "node:fs";
import { badInputsPage } from "./bad-inputs-page.js";

writeFileSync(new URL("../../docs/bad-inputs.md", import.meta.url), badInputsPage());
