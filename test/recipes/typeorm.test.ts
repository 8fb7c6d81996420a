import { DataSource } from 'typeorm';
import { entities, typeormStorage } from '../../examples/recipes/typeorm.ts';
import { testRecipe } from './recipe.ts';

for (const [on, type] of [
  ['PostgreSQL', 'postgres'],
  ['MariaDB', 'mariadb'],
] as const) {
  testRecipe('TypeORM', on, async ({ user: username, ...connection }) => {
    const database = new DataSource({ type, ...connection, username, entities });
    await database.initialize();
    return { adapter: typeormStorage(database), close: () => database.destroy() };
  });
}
