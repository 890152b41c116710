import { auditContract } from "./audit-contract.js";
import { epochsContract } from "./epochs-contract.js";
import { idempotencyContract } from "./idempotency-contract.js";
import { keyPlacesContract } from "./key-places-contract.js";
import { nodesContract } from "./nodes-contract.js";
import type { OpenLedger } from "./open-ledger.js";
import { pluginStoreContract } from "./plugin-store-contract.js";
import { priceContract } from "./prices-contract.js";
import { quotaContract } from "./quota-contract.js";
import { sessionContract } from "./sessions-contract.js";
import { totalsContract } from "./totals-contract.js";
import { transcriptContract } from "./transcripts-contract.js";
import { turnSearchContract } from "./turn-search-contract.js";
import { turnStatisticsContract } from "./turn-statistics-contract.js";
import { turnContract } from "./turns-contract.js";

/**
 * What every ledger promises, as tests of one.
 *
 * @param age see `idempotencyContract`
 * @param alone one gateway at a time has it open
 */
export function ledgerContract(
  openLedger: OpenLedger,
  age: (dataDir: string, ms: number) => Promise<void>,
  { alone } = { alone: true },
): void {
  auditContract(openLedger);
  sessionContract(openLedger);
  turnContract(openLedger);
  turnSearchContract(openLedger);
  turnStatisticsContract(openLedger);
  totalsContract(openLedger);
  priceContract(openLedger);
  idempotencyContract(openLedger, age, alone);
  pluginStoreContract(openLedger);
  quotaContract(openLedger);
  transcriptContract(openLedger);
  nodesContract(openLedger);
  keyPlacesContract(openLedger);
  epochsContract(openLedger, alone);
}
