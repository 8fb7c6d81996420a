import type { RequestHandler } from 'express';
import type pg from 'pg';
import { timeLimits } from './time-limits.ts';

/**
 * For the balancer: whether this process can store an invite. Redis is not asked, since without it invites are
 * answered all the same.
 */
export function health(pool: pg.Pool): RequestHandler {
  return async (_request, response) => {
    const query = { text: 'SELECT 1', query_timeout: timeLimits.healthMs };
    const isWell = await pool.query(query).then(
      () => true,
      () => false,
    );
    response.status(isWell ? 200 : 503).json({ isWell });
  };
}
