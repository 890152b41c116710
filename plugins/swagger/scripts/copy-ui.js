/** Copies Swagger UI's bundle, style and licenses to dist/ui, where the plugin serves them. */
import { cpSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FILES = [
  "swagger-ui-bundle.js",
  "swagger-ui-bundle.js.LICENSE.txt",
  "swagger-ui.css",
  "LICENSE",
  "NOTICE",
];

const source = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
const target = fileURLToPath(new URL("../dist/ui", import.meta.url));

mkdirSync(target, { recursive: true });
for (const file of FILES) cpSync(join(source, file), join(target, file));
