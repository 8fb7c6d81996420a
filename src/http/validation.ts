import { MatrixError } from '../errors.ts';
import type { Verdict } from '../openapi/validators.ts';

/** @throws {MatrixError} 400, or 403 for an invite by address, if the value does not match the schema */
export function required<T>(verdict: Verdict<T>): T {
  if (verdict.valid) return verdict.value;
  const status = verdict.errcode === 'M_THREEPID_DENIED' ? 403 : 400;
  throw new MatrixError(status, verdict.errcode, verdict.message);
}
