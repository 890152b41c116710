import { LedgerFile } from "../e2e/ledger-file.js";
import { eventually } from "../e2e/poll.js";

/**
 * Resolves when a messenger has stored which message says that a turn waits. It can do so only once the message was sent;
 * a gateway that is killed in between leaves that message as it is.
 */
export async function noticeStored(dataDir: string): Promise<void> {
  const file = new LedgerFile(dataDir);
  const stored = `SELECT 1 FROM plugin_store WHERE json LIKE '%"notice":%'`;
  await eventually("a stored notice", async () => (await file.query(stored)).length > 0);
}
