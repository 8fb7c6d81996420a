import { messageOf } from './failure-message.ts';

/** A function of the harness failed, so the adapter was not tested. */
export class HarnessFailure extends Error {
  constructor(name: string, cause: unknown) {
    super(`the harness failed in ${name}: ${messageOf(cause)}`, { cause });
    this.name = 'HarnessFailure';
  }
}

/** Returns the harness, whose own functions fail with a {@link HarnessFailure}. Those of the adapter do not change. */
export function namingItsFailures<Harness extends object>(harness: Harness): Harness {
  return new Proxy(harness, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function' || typeof name !== 'string' || isFixed(target, name)) return value;
      const fail = (cause: unknown): never => {
        throw new HarnessFailure(name, cause);
      };
      return (...parameters: unknown[]) => {
        try {
          const result: unknown = Reflect.apply(value, target, parameters);
          return isThenable(result) ? Promise.resolve(result).catch(fail) : result;
        } catch (error) {
          return fail(error);
        }
      };
    },
  });
}

/** A proxy must return a property of a frozen object as it is. */
function isFixed(target: object, name: string): boolean {
  return Reflect.getOwnPropertyDescriptor(target, name)?.configurable === false;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
