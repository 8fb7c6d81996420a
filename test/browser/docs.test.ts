import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { demoDescription } from '../../examples/quickstart/description.ts';
import { startDemo, textOf } from './demo.ts';
import { Visit } from './visit.ts';

describe('the API description', () => {
  it('sends real requests with the chosen token', async () => {
    const demo = await startDemo();
    const visit = await Visit.start(demo.url);
    const { page } = visit;
    await visit.openDocs();
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    expect((await textOf(page.locator('.info .version').first())).trim()).toBe(version);
    const responses = page.locator('.live-responses-table');
    await page.getByRole('button', { name: 'Execute' }).click();
    await responses.locator('.response-col_status', { hasText: '200' }).waitFor();
    await demo.hasPrinted('@alice:localhost invited @bob:localhost to !lobby:localhost');
    expect(await textOf(page.locator('.request-url'))).toContain(
      `${demo.url}/_matrix/client/v3/rooms/%21lobby%3Alocalhost/invite`,
    );

    await page.locator('.auth-wrapper .authorize').click();
    const login = page.locator('.auth-container').first();
    await login.getByRole('button', { name: 'Logout' }).click();
    await login.locator('input').fill('bob-token');
    await login.getByRole('button', { name: 'Authorize' }).click();
    await page.getByRole('button', { name: 'Close' }).first().click();
    await page.getByPlaceholder('roomId').fill('!staff:localhost');
    await page.getByLabel('Request body').fill('{"user_id":"@carol:localhost"}');
    await page.getByRole('button', { name: 'Execute' }).click();
    await responses.locator('.response-col_status', { hasText: '403' }).waitFor();
    expect(await textOf(responses)).toContain('INSUFFICIENT_POWER');
    await visit.end();
  });

  it('is the one from the package, with examples from the demo', async () => {
    const { url } = await startDemo();
    const response = await fetch(`${url}/openapi.json`);
    const description = (await response.json()) as ReturnType<typeof demoDescription>;
    expect(description.servers).toEqual([{ url: '/_matrix/client/v3', description: 'This demo.' }]);
    const { post } = description.paths['/rooms/{roomId}/invite'];
    expect(post.parameters[0]).toMatchObject({ name: 'roomId', example: '!lobby:localhost' });
    expect(Object.keys(post.responses)).toContain('429');
  });
});
