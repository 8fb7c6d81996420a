/** A function in a profile, with the frame that called it. */
export type Frame = {
  readonly functionName: string;
  /** Empty for a function that is compiled into Node. */
  readonly url: string;
  readonly caller: Frame | undefined;
};

/** What the time or the bytes of a frame count toward. */
export type Category = 'package' | 'express' | 'drivers' | 'node' | 'sockets' | 'outside' | 'garbage';

const PACKAGE = /-bench\/\d+\/.+\/package\//;
const DRIVERS =
  /\/node_modules\/(?:pg|pg-[\w-]+|postgres-[\w-]+|ioredis|redis-[\w-]+|rate-limiter-flexible)\//;
const SOCKET_WRITES: readonly string[] = [
  'writev',
  'writeBuffer',
  'writeUtf8String',
  'writeLatin1String',
  'writeAsciiString',
];
const NOT_JAVASCRIPT: Readonly<Record<string, Category>> = {
  '(program)': 'outside',
  '(garbage collector)': 'garbage',
};

/** Returns `undefined` for idle time. A function compiled into V8, such as `Array.prototype.map`, counts as its caller. */
export function categoryOf(frame: Frame): Category | undefined {
  const { functionName, url, caller } = frame;
  if (url === '') {
    if (functionName === '(idle)') return undefined;
    if (SOCKET_WRITES.includes(functionName)) return 'sockets';
    return NOT_JAVASCRIPT[functionName] ?? (caller === undefined ? 'outside' : categoryOf(caller));
  }
  if (url.startsWith('node:')) return 'node';
  if (PACKAGE.test(url)) return 'package';
  return DRIVERS.test(url) ? 'drivers' : 'express';
}

/** Returns the name of the package's function that did the work of a frame itself or called Node for it. */
export function packageFunctionOf(frame: Frame): string | undefined {
  let current: Frame | undefined = frame;
  while (current !== undefined && (current.url === '' || current.url.startsWith('node:'))) {
    current = current.caller;
  }
  if (current === undefined || !PACKAGE.test(current.url)) return undefined;
  return current.functionName === '' ? enclosingFunctionOf(current) : current.functionName;
}

/** An anonymous function belongs to the function around it, which is usually its caller. */
function enclosingFunctionOf({ caller }: Frame): string {
  return (caller && packageFunctionOf(caller)) ?? '(anonymous)';
}
