/**
 * Has this process kill itself at a step, which is before or after a call of a method, such as `before append`.
 *
 * @param step none of the calls, if it is empty
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
