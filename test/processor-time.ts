/**
 * Processor time of this process since it began, in ms. Unlike time on the clock, what work needs of it does not depend on
 * what else the machine does.
 */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
