/** A longer gap in a process's own event loop counts as a pause. */
const MAX_TURN_MS = 100;

/**
 * Reports when the machine did not run this process, as on a busy machine: its event loop stood still, and it used little
 * CPU time. A process that is busy itself is not paused.
 *
 * @param report called with the start and the end, in milliseconds of `performance.now()`
 */
export function watchOwnPauses(report: (from: number, to: number) => void): NodeJS.Timeout {
  let last = performance.now();
  let lastCpu = process.cpuUsage();
  return setInterval(() => {
    const now = performance.now();
    const { user, system } = process.cpuUsage(lastCpu);
    const busyMs = (user + system) / 1_000;
    if (now - last > MAX_TURN_MS && busyMs < (now - last) / 2) report(last, now);
    last = now;
    lastCpu = process.cpuUsage();
  }, 10);
}
