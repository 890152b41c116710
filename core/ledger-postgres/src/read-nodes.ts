import { ledgerTables, Sql } from "@claudeway/ledger";
import type { NodeRecord } from "@claudeway/ports";
import { Connection, SCHEMA } from "./connection.js";
import { SHARED_POSTGRES } from "./dialect.js";
import { Piece } from "./piece.js";

/**
 * The nodes of a cluster, as its database has them, without opening the ledger: nothing in it is changed. Empty before the first
 * one has joined. Rejects with a LedgerError.
 */
export async function readNodes(url: string): Promise<readonly NodeRecord[]> {
  const connection = await Connection.open(url, "look");
  try {
    await connection.run(`SET search_path = ${SCHEMA}`);
    const [found] = await connection.run("SELECT to_regclass('nodes') IS NOT NULL AS made");
    if (found?.["made"] !== true) return [];
    const { nodes } = ledgerTables(new Sql(SHARED_POSTGRES));
    return await new Piece(connection, async () => false).perform(nodes.list());
  } finally {
    await connection.close();
  }
}
