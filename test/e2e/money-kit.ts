import { fileURLToPath } from "node:url";

const REFUSES = fileURLToPath(new URL("../fixtures/plugins/refuses", import.meta.url));

/** A gateway with room for a table of sessions. */
export function optionsWith(graceSecs: number) {
  return {
    args: ["--enable-plugin", REFUSES],
    env: { IS_SANDBOX: "1" },
    config: `[engine]\ngrace_secs = ${graceSecs}\nmax_running = 8\n`,
    model: { keepRequests: 10_000 },
  };
}

/** All that went wrong, so that one run tells of every row. */
export async function forEach<One>(
  cases: readonly One[],
  title: (one: One) => string,
  check: (one: One) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled(cases.map(check));
  const wrong = results.flatMap((result, index) => {
    const one = cases[index];
    return result.status === "rejected" && one ? [`${title(one)}: ${result.reason}`] : [];
  });
  if (wrong.length > 0) throw new Error(`${wrong.length} of ${cases.length}:\n${wrong.join("\n")}`);
}
