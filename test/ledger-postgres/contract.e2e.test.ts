import { basename } from "node:path";
import pg from "pg";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { ledgerContract } from "../ledger/contract.js";
import { newestInitdb } from "../newest-postgres.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

const LEDGERS = [
  { of: "one gateway", shared: false, newest: false },
  { of: "many gateways", shared: true, newest: false },
  { of: "many gateways, in its newest version", shared: true, newest: true },
] as const;

for (const { of, shared, newest } of LEDGERS)
  describe(`ledger in PostgreSQL of ${of}`, () => {
    let server: PostgresServer | undefined;

    before(async function () {
      const initdb = newest ? await newestInitdb() : undefined;
      if (newest && initdb === undefined) return this.skip();
      server = await startPostgres({ initdb });
    });
    after(() => server?.close());

    const urlOf = (dataDir: string) => {
      if (server === undefined) throw new Error("the server was not started");
      return server.urlOf(basename(dataDir));
    };

    ledgerContract(
      async ({ dataDir }) => {
        const url = await urlOf(dataDir);
        return shared ? openPostgresLedger({ url, shared }) : openPostgresLedger({ url });
      },
      async (dataDir, ms) => {
        const client = new pg.Client({ connectionString: await urlOf(dataDir) });
        await client.connect();
        await client.query("UPDATE claudeway.idempotency SET at = at - $1", [ms]);
        await client.end();
      },
      { alone: !shared },
    );
  });
