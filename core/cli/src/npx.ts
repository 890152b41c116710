/** How often is looked for the parent process, in ms. */
const LOOK_EVERY_MS = 1000;

/**
 * Ends the gateway as SIGTERM would when npx is terminated. npx starts programs through a shell, and passes SIGTERM on to
 * that shell only: without this, the gateway would run on without a terminal. The shell's end shows in another parent.
 */
export function endWithNpx(env: NodeJS.ProcessEnv): void {
  if (env["npm_lifecycle_event"] !== "npx") return;
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_EVERY_MS);
  timer.unref();
}
