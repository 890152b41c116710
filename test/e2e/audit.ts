import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestGateway } from "./gateway.js";

/** What the log of a key says, oldest first; throws where a line is no JSON object. */
export function auditLines(gateway: TestGateway, keyId: string): Readonly<Record<string, unknown>>[] {
  const folder = join(gateway.logDir, keyId);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
