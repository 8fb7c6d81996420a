import { Sequelize } from 'sequelize';
import { sequelizeStorage } from '../../examples/recipes/sequelize.ts';
import { testRecipe } from './recipe.ts';

for (const [on, dialect] of [
  ['PostgreSQL', 'postgres'],
  ['MariaDB', 'mysql'],
] as const) {
  testRecipe('Sequelize', on, ({ user: username, ...connection }) => {
    const database = new Sequelize({ dialect, ...connection, username, logging: false });
    return { adapter: sequelizeStorage(database), close: () => database.close() };
  });
}
