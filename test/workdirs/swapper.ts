/** Replaces a folder and a file by links and back, as fast as it can, until it is stopped. */
export const SWAPPER = `
const { renameSync } = require("node:fs");
const { parentPort, workerData } = require("node:worker_threads");
let isOver = false;
let count = 0;
parentPort.once("message", () => (isOver = true));
function move(from, to) {
  for (;;) {
    try {
      return renameSync(workerData + "/" + from, workerData + "/" + to);
    } catch (error) {
      if (error.code === "ENOENT") return;
      // Something was made in its place meanwhile, perhaps more than once.
      move(to, "junk-" + count++);
    }
  }
}
function swap(name) {
  move(name, name + ".aside");
  move(name + ".link", name);
  move(name, name + ".link");
  move(name + ".aside", name);
}
function turn() {
  if (isOver) return parentPort.close();
  for (let n = 0; n < 100; n++) {
    swap("folder");
    swap("file");
  }
  setImmediate(turn);
}
turn();
`;
