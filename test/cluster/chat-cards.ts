import type { Cluster } from "./cluster.js";

/** Whether a chat has stored a message with buttons, whose presses it will know after a kill. */
export async function cardStored(cluster: Cluster): Promise<boolean> {
  const rows = await cluster.query("SELECT 1 FROM plugin_store WHERE key LIKE '%/card/%'");
  return rows.length > 0;
}
