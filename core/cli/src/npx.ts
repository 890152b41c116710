/** How often the parent process is checked, in ms. */
const LOOK_EVERY_MS = 1000;

/** A script that leaves the gateway behind on purpose. */
const LEFT_BEHIND = /\b(?:nohup|setsid)\b|[^&]&\s*$/;

/**
 * Ends the gateway as SIGTERM would when npx or `npm run` is terminated. They start programs through a shell, and pass
 * SIGTERM on to that shell only: without this, the gateway would run on without a terminal. The shell's end shows in
 * another parent.
 */
export function endWithNpx(env: NodeJS.ProcessEnv): void {
  const { npm_lifecycle_event: event, npm_lifecycle_script: script = "" } = env;
  const isScript = event !== undefined && /\bclaudeway\b/.test(script) && !LEFT_BEHIND.test(script);
  if (event !== "npx" && !isScript) return;
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    process.kill(process.pid, "SIGTERM");
  }, LOOK_EVERY_MS);
  timer.unref();
}
