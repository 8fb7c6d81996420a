import { Session } from 'node:inspector/promises';
import type { CpuProfile, HeapProfile } from './setting.ts';

const CPU_INTERVAL_MICROS = 200;
const HEAP_INTERVAL_BYTES = 16_384;

/** V8's profilers, looking at this process for as long as the load lasts. */
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

  /** What is free again right after it counts as well. */
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
