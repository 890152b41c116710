import { basename } from "node:path";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { INSTALL_TIMEOUT_MS } from "../debian.js";
import { ledgerContract } from "../ledger/contract.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

for (const shared of [false, true])
  describe(`ledger in PostgreSQL ${shared ? "of many gateways" : "of one gateway"}`, () => {
    let server: PostgresServer;

    before(async function () {
      this.timeout(INSTALL_TIMEOUT_MS);
      server = await startPostgres();
    });
    after(() => server.close());

    ledgerContract(
      async ({ dataDir }) => {
        const url = await server.urlOf(basename(dataDir));
        return shared ? openPostgresLedger({ url, shared }) : openPostgresLedger({ url });
      },
      { alone: !shared },
    );
  });
