import { register } from "node:module";
import { MessageChannel } from "node:worker_threads";
import { RULES } from "./rules.mjs";

const name = process.env.CLAUDEWAY_TEST_WITHOUT ?? "";
const names = name.split(",");
const changes = names.flatMap((one) => RULES[one] ?? []);
if (changes.length === 0)
  throw new Error(`unknown rule ${name}; known rules: ${Object.keys(RULES).join(", ")}`);

const { port1, port2 } = new MessageChannel();
port1.on("message", (file) => process.stderr.write(`without ${name}: ${file} was changed\n`));
port1.unref();
register("./hooks.mjs", import.meta.url, { data: { changes, port: port2 }, transferList: [port2] });
