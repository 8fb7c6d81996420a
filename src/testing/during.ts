import { range, wander } from './random.ts';

/**
 * Observes repeatedly while work runs, with several observers at once.
 *
 * @returns the result of the work
 * @throws (rejects) if the work or an observation fails
 */
export async function during<T>(
  work: Promise<T>,
  observe: () => Promise<unknown>,
  observers = 1,
): Promise<T> {
  const progress: { isOver: boolean } = { isOver: false };
  const watched = work.finally(() => {
    progress.isOver = true;
  });
  const watch = async () => {
    while (!progress.isOver) {
      await observe();
      await wander(1);
    }
  };
  const [result] = await Promise.all([watched, ...range(observers).map(watch)]);
  return result;
}
