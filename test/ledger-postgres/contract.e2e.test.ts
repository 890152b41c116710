import { basename } from "node:path";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { INSTALL_TIMEOUT_MS } from "../debian.js";
import { ledgerContract } from "../ledger/contract.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

describe("ledger in PostgreSQL", () => {
  let server: PostgresServer;

  before(async function () {
    this.timeout(INSTALL_TIMEOUT_MS);
    server = await startPostgres();
  });
  after(() => server.close());

  ledgerContract(async ({ dataDir }) => openPostgresLedger({ url: await server.urlOf(basename(dataDir)) }));
});
