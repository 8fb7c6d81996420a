import type { RateLimitBucket, RateLimitForecast } from '../../../src/ports/rate-limit.ts';
import { ReferenceRateLimit } from '../reference/rate-limit.ts';
import { pause } from '../reference/storage.ts';

type Buckets = readonly RateLimitBucket[];
type Forecast = Promise<RateLimitForecast>;

/** Calls consume. */
export class PeekConsumes extends ReferenceRateLimit {
  override peek(buckets: Buckets): Forecast {
    return this.consume(buckets);
  }
}

/** Consumes, then refunds. */
export class PeekConsumesAndRefunds extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const decision = await this.consume(buckets);
    if (decision.allowed) await this.refund(decision.receipt);
    return decision;
  }
}

/** Creates a key without consuming anything. */
export class PeekOpensAWindow extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    for (const bucket of buckets) this.counts.set(this.keyOf(bucket), this.countOf(bucket));
    return super.peek(buckets);
  }
}

/** Restarts the window of every bucket. */
export class PeekLengthensTheWindow extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    for (const bucket of buckets) {
      const count = this.counts.get(this.keyOf(bucket));
      if (count !== undefined) count.endsAt = this.clock.now + this.windowMs[bucket.scope];
    }
    return super.peek(buckets);
  }
}

/** Ignores the counts. */
export class PeekAlwaysAllows extends ReferenceRateLimit {
  override async peek(): Forecast {
    return { allowed: true };
  }
}

/** Checks only the first bucket. */
export class PeekChecksOneBucket extends ReferenceRateLimit {
  override peek(buckets: Buckets): Forecast {
    return super.peek(buckets.slice(0, 1));
  }
}

/** Resolves the correct forecast, but consumes a point from the other buckets if one is empty. */
export class PeekConsumesTheOthers extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    if (!forecast.allowed) {
      for (const bucket of buckets) if (this.refusal([bucket]) === undefined) this.consumePoint(bucket);
    }
    return forecast;
  }
}

/** Returns a whole window as the wait. */
export class PeekReturnsAWindow extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    return forecast.allowed ? forecast : { ...forecast, retryAfterMs: this.windowMs[forecast.scope] };
  }
}

/** Returns the wait in seconds. */
export class PeekReturnsSeconds extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    if (forecast.allowed) return forecast;
    return { ...forecast, retryAfterMs: Math.ceil(forecast.retryAfterMs / 1_000) };
  }
}

/** Returns the first refusal that it finds. */
export class PeekReturnsTheFirstRefusal extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const refusals = buckets.flatMap((bucket) => this.refusal([bucket]) ?? []);
    return refusals[0] ?? { allowed: true };
  }
}

/** Returns the longest wait, but the scope of the first empty bucket. */
export class PeekReturnsTheFirstScope extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    const first = buckets.find((bucket) => this.refusal([bucket]) !== undefined);
    return forecast.allowed || first === undefined ? forecast : { ...forecast, scope: first.scope };
  }
}

/** Requires a point for each time that a bucket is passed, although `consume` takes only one. */
export class PeekCountsRepeatedBuckets extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const short = buckets.find(
      (bucket) =>
        this.countOf(bucket).used + buckets.filter(({ key }) => key === bucket.key).length >
        this.points[bucket.scope],
    );
    const refused = { allowed: false, retryAfterMs: this.clock.now } as const;
    return short === undefined ? { allowed: true } : { ...refused, scope: short.scope };
  }
}

/** Checks the count of a key in every scope. */
export class PeekChecksAllScopes extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const scopes = ['attempt', 'inviter', 'room', 'invitee'] as const;
    return super.peek(buckets.flatMap(({ key }) => scopes.map((scope) => ({ scope, key }))));
  }
}

/** Caches its forecasts in each process. */
export class PeekCaches extends ReferenceRateLimit {
  readonly #cache = new Map<string, RateLimitForecast>();

  override async peek(buckets: Buckets): Forecast {
    await pause();
    const name = JSON.stringify(buckets);
    const forecast = this.#cache.get(name) ?? (await super.peek(buckets));
    this.#cache.set(name, forecast);
    return forecast;
  }
}
