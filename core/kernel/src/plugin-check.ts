import { messageOf } from "@claudeway/ports";
import { isObject } from "@claudeway/schemas";
import { inWords, within } from "./calling/deadline.js";
import { oneLine } from "./faults.js";
import type { GatewayPaths } from "./gateway-control.js";
import type { CheckedPlugin } from "./loading/selection.js";
import type { CheckFinding } from "./plugin.js";

/**
 * Runs the check of a plugin, if it has one. A text is one finding, and so is whatever goes wrong. Never rejects.
 */
export async function runPluginCheck(
  { name, plugin, config }: CheckedPlugin,
  paths: GatewayPaths,
  deadlineMs: number,
): Promise<readonly CheckFinding[]> {
  if (plugin.check === undefined) return [];
  const abort = new AbortController();
  try {
    const late = () => new Error(`did not finish within ${inWords(deadlineMs)}`);
    const found: unknown = await within(
      Promise.resolve(plugin.check(config, { paths, signal: abort.signal })),
      deadlineMs,
      late,
    );
    return findingsOf(name, found);
  } catch (error) {
    return [{ name, ok: false, text: oneLine(messageOf(error)) }];
  } finally {
    abort.abort(new Error("the check has ended"));
  }
}

function findingsOf(plugin: string, found: unknown): CheckFinding[] {
  if (typeof found === "string") return [{ name: plugin, ok: true, text: oneLine(found) }];
  if (!Array.isArray(found)) throw new Error("its check must return a text or a list of findings");
  return found.map((one: unknown) => {
    const { name, ok, text, warning } = isObject(one) ? one : {};
    if (typeof name !== "string" || typeof ok !== "boolean" || typeof text !== "string") {
      throw new Error("each finding of its check must have the texts name and text, and ok");
    }
    const isWarning = warning === true && { warning };
    return { name: `${plugin} ${oneLine(name)}`, ok, ...isWarning, text: oneLine(text) };
  });
}
