import type { ContractCase } from '../contract.ts';
import { consumeCases } from './consume.ts';
import type { RateLimitHarness } from './harness.ts';
import { keepingCases } from './keeping.ts';
import { keyCases } from './keys.ts';
import { peekCostCases } from './peek-cost.ts';
import { peekForecastCases } from './peek-forecast.ts';
import { raceCases } from './races.ts';
import { refundCases } from './refund.ts';
import { windowCases } from './windows.ts';

/** The cases that every rate limit adapter must pass: the promises of `RateLimitAdapter`. */
export const rateLimitContract: readonly ContractCase<RateLimitHarness>[] = [
  ...consumeCases,
  ...raceCases,
  ...keyCases,
  ...windowCases,
  ...refundCases,
  ...peekCostCases,
  ...peekForecastCases,
  ...keepingCases,
];
