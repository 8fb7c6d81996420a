import { Session } from 'node:inspector/promises';
import type { CpuProfile, HeapProfile } from './config.ts';

const CPU_INTERVAL_MICROS = 200;
const HEAP_INTERVAL_BYTES = 16_384;

/** V8's profilers, attached to this process while it is under load. */
export class Profiler {
  readonly #session = new Session();

  async startCpu(): Promise<number> {
    this.#session.connect();
    await this.#session.post('Profiler.enable');
    await this.#session.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_MICROS });
    await this.#session.post('Profiler.start');
    return 0;
  }

  async stopCpu(): Promise<CpuProfile> {
    const { profile } = await this.#session.post('Profiler.stop');
    this.#session.disconnect();
    return profile;
  }

  /** Includes objects that are collected right after they were allocated. */
  async startHeap(): Promise<number> {
    this.#session.connect();
    await this.#session.post('HeapProfiler.startSampling', {
      samplingInterval: HEAP_INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    return 0;
  }

  async stopHeap(): Promise<HeapProfile> {
    const { profile } = await this.#session.post('HeapProfiler.stopSampling');
    this.#session.disconnect();
    return profile;
  }
}
