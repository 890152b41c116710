import { EventHub } from "./lib/event-hub.js";

const hub = new EventHub();

addEventListener("connect", (event) => {
  const [port] = event instanceof MessageEvent ? event.ports : [];
  if (port !== undefined) hub.connect(port);
});
