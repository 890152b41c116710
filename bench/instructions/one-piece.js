#!/usr/bin/env node
import { spawn } from "node:child_process";

/*
 * The CLI that `REAL_CLAUDE` names, whose output of a turn arrives in one piece: in how many it arrives by itself depends on
 * the machine's load, and each of them costs the gateway instructions.
 */

const IDLE = '"subtype":"session_state_changed","state":"idle"';
const CONTROL = '{"type":"control_';

const cli = spawn(process.env.REAL_CLAUDE, process.argv.slice(2), { stdio: ["inherit", "pipe", "inherit"] });
let [begun, lines] = ["", ""];
cli.stdout.setEncoding("utf8").on("data", (text) => {
  const whole = (begun + text).split("\n");
  begun = whole.pop();
  for (const line of whole) {
    lines += `${line}\n`;
    if (line.startsWith(CONTROL) || line.includes(IDLE)) pass();
  }
});
cli.stdout.on("end", pass);
cli.on("exit", (code) => {
  process.exitCode = code ?? 1;
});

function pass() {
  process.stdout.write(lines);
  lines = "";
}
