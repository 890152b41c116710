import { spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { constants } from "node:os";

/*
 * Run inside a sandbox without a network, with the proxy's socket and then the CLI's command line as its arguments: opens
 * a port on the sandbox's own loopback for the proxy, which programs can't use by a socket in the file system, and runs the
 * CLI with it.
 */
const [, , path = "", command = "", ...args] = process.argv;

const server = createServer((local) => {
  const proxy = connect(path);
  local.pipe(proxy).pipe(local);
  local.on("error", () => proxy.destroy()).on("close", () => proxy.destroy());
  proxy.on("error", () => local.destroy()).on("close", () => local.destroy());
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const proxy = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const variables = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"];
  const child = spawn(command, args, {
    env: { ...process.env, ...Object.fromEntries(variables.map((name) => [name, proxy])) },
    stdio: "inherit",
  });
  // The gateway signals the CLI itself, which saves its totals then: this must not end before it.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  child.once("error", (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(127);
  });
  child.once("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
});
