/** A function in a profile, as it was called by others. */
export type Frame = {
  readonly functionName: string;
  /** Empty for what is compiled into Node. */
  readonly url: string;
  readonly caller: Frame | undefined;
};

/** What the time or the bytes of a frame go to. */
export type Share = 'ours' | 'express' | 'drivers' | 'node' | 'sockets' | 'outside' | 'garbage';

const OURS = /-bench\/\d+\/package\//;
const DRIVERS =
  /\/node_modules\/(?:pg|pg-[\w-]+|postgres-[\w-]+|ioredis|redis-[\w-]+|rate-limiter-flexible)\//;
const WRITES: readonly string[] = [
  'writev',
  'writeBuffer',
  'writeUtf8String',
  'writeLatin1String',
  'writeAsciiString',
];
const OUTSIDE: Readonly<Record<string, Share>> = {
  '(program)': 'outside',
  '(garbage collector)': 'garbage',
};

/** Undefined for idle time. What is compiled into V8, such as `Array.prototype.map`, counts as its caller's. */
export function shareOf(frame: Frame): Share | undefined {
  const { functionName, url, caller } = frame;
  if (url === '') {
    if (functionName === '(idle)') return undefined;
    if (WRITES.includes(functionName)) return 'sockets';
    return OUTSIDE[functionName] ?? (caller === undefined ? 'outside' : shareOf(caller));
  }
  if (url.startsWith('node:')) return 'node';
  if (OURS.test(url)) return 'ours';
  return DRIVERS.test(url) ? 'drivers' : 'express';
}

/** Our function that asked for the work of a frame, by itself or by a function of Node's. */
export function askerOf(frame: Frame): string | undefined {
  let asker: Frame | undefined = frame;
  while (asker !== undefined && (asker.url === '' || asker.url.startsWith('node:'))) asker = asker.caller;
  if (asker === undefined || !OURS.test(asker.url)) return undefined;
  return asker.functionName === '' ? askerOfNameless(asker) : asker.functionName;
}

/** A function without a name is part of the one around it, which mostly is the one that called it. */
function askerOfNameless({ caller }: Frame): string {
  return (caller && askerOf(caller)) ?? '(nameless)';
}
