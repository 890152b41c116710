#!/usr/bin/env node

// Installed before any import: loading the program takes half a second, during which a SIGHUP would end it.
const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"];
const seen = [];
const collect = (signal) => seen.push(signal);
for (const signal of SIGNALS) process.on(signal, collect);

function release() {
  for (const signal of SIGNALS) process.off(signal, collect);
}

const { main } = await import("../bundle/main.js");
await main(process.argv.slice(2), { seen, release });
