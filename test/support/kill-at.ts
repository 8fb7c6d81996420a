/**
 * Kills this process right before or right after a call of one of the methods.
 *
 * @param step such as `before append`; if it is empty, the process is not killed
 */
export function killAt<Name extends string>(
  step: string,
  target: Record<Name, (...parameters: never[]) => unknown>,
  names: readonly Name[],
): void {
  const kill = () => process.kill(process.pid, 'SIGKILL');
  for (const name of names) {
    const method = target[name].bind(target);
    target[name] = (...parameters) => {
      if (step === `before ${name}`) kill();
      const result = method(...parameters);
      if (step !== `after ${name}`) return result;
      return result instanceof Promise ? result.then(kill) : kill();
    };
  }
}
