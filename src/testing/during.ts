import { range, wander } from './random.ts';

/**
 * Observes again and again for as long as the work goes on, with several observers at once.
 *
 * @returns what the work resolves
 * @throws (rejects) when the work fails, or an observation does
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
