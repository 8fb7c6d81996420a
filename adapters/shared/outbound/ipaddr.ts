// A namespace would have no names: Node does not find them in the CommonJS of this package.
import driver from 'ipaddr.js';
import { checkDriver } from '../../../src/internal/driver.ts';

export const ipaddr: typeof driver = checkDriver('federation (or third-party)', 'ipaddr.js', driver, [
  'parseCIDR',
  'process',
]);
