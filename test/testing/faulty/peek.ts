import type { RateLimitBucket, RateLimitForecast } from '../../../src/ports/rate-limit.ts';
import { ReferenceRateLimit } from '../reference/rate-limit.ts';
import { pause } from '../reference/storage.ts';

type Buckets = readonly RateLimitBucket[];
type Forecast = Promise<RateLimitForecast>;

/** Asks by taking. */
export class PeekTakes extends ReferenceRateLimit {
  override peek(buckets: Buckets): Forecast {
    return this.consume(buckets);
  }
}

/** Takes, and gives back. */
export class PeekTakesAndGivesBack extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const decision = await this.consume(buckets);
    if (decision.allowed) await this.refund(decision.receipt);
    return decision;
  }
}

/** Leaves a key behind that nothing is taken of. */
export class PeekOpensAWindow extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    for (const bucket of buckets) this.counts.set(this.textOf(bucket), this.countOf(bucket));
    return super.peek(buckets);
  }
}

/** Begins the window of whatever it looks at anew. */
export class PeekLengthensTheWindow extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    for (const bucket of buckets) {
      const count = this.counts.get(this.textOf(bucket));
      if (count !== undefined) count.endsAt = this.clock.now + this.windowMs[bucket.scope];
    }
    return super.peek(buckets);
  }
}

/** Knows nothing. */
export class PeekAlwaysAllows extends ReferenceRateLimit {
  override async peek(): Forecast {
    return { allowed: true };
  }
}

/** Looks at one bucket of several. */
export class PeekLooksAtTheFirstBucket extends ReferenceRateLimit {
  override peek(buckets: Buckets): Forecast {
    return super.peek(buckets.slice(0, 1));
  }
}

/** Says what is right, and takes a point of the buckets that have one when another has none. */
export class PeekTakesTheOthers extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    if (!forecast.allowed) {
      for (const bucket of buckets) if (this.refusal([bucket]) === undefined) this.debit(bucket);
    }
    return forecast;
  }
}

/** Names a whole window as the wait. */
export class PeekNamesAWindow extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    return forecast.allowed ? forecast : { ...forecast, retryAfterMs: this.windowMs[forecast.scope] };
  }
}

/** Names the wait in seconds. */
export class PeekNamesSeconds extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    if (forecast.allowed) return forecast;
    return { ...forecast, retryAfterMs: Math.ceil(forecast.retryAfterMs / 1_000) };
  }
}

/** Names the first refusal that it meets. */
export class PeekNamesTheFirstRefusal extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const refusals = buckets.flatMap((bucket) => this.refusal([bucket]) ?? []);
    return refusals[0] ?? { allowed: true };
  }
}

/** Names the longest wait, and the scope of the first bucket that is empty. */
export class PeekNamesTheFirstScope extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const forecast = await super.peek(buckets);
    const first = buckets.find((bucket) => this.refusal([bucket]) !== undefined);
    return forecast.allowed || first === undefined ? forecast : { ...forecast, scope: first.scope };
  }
}

/** Wants a point for each time that a bucket is named, where `consume` takes one. */
export class PeekCountsEachName extends ReferenceRateLimit {
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

/** Looks at the count of a key in whatever scope there is one. */
export class PeekLooksAtAnyScope extends ReferenceRateLimit {
  override async peek(buckets: Buckets): Forecast {
    const scopes = ['attempt', 'inviter', 'room', 'invitee'] as const;
    return super.peek(buckets.flatMap(({ key }) => scopes.map((scope) => ({ scope, key }))));
  }
}

/** Remembers what it has said, in each process. */
export class PeekRemembers extends ReferenceRateLimit {
  readonly #said = new Map<string, RateLimitForecast>();

  override async peek(buckets: Buckets): Forecast {
    await pause();
    const name = JSON.stringify(buckets);
    const forecast = this.#said.get(name) ?? (await super.peek(buckets));
    this.#said.set(name, forecast);
    return forecast;
  }
}
