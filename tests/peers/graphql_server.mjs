// Serves GitHub's GraphQL schema with made-up answers.
//
// Usage: graphql_server.mjs PORT TOKEN, started in the folder that holds `node_modules`. Who has not
// TOKEN as bearer token is refused. GET /seen gives the operations that arrived, as JSON.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(`${process.cwd()}/`);
const { buildClientSchema } = require('graphql');
const { createYoga } = require('graphql-yoga');
const { addMocksToSchema } = require('@graphql-tools/mock');

const [port, token] = process.argv.slice(2);
const file = 'node_modules/@octokit/graphql-schema/schema.json';
const introspection = JSON.parse(readFileSync(file, 'utf8'));
const schema = addMocksToSchema({
  schema: buildClientSchema(introspection.data ?? introspection),
  mocks: {
    Base64String: () => 'bW9jaw==',
    BigInt: () => '1',
    Date: () => '2026-01-02',
    DateTime: () => '2026-01-02T03:04:05Z',
    GitObjectID: () => '0'.repeat(40),
    GitRefname: () => 'refs/heads/main',
    GitSSHRemote: () => 'git@example.com:a/b.git',
    GitTimestamp: () => '2026-01-02T03:04:05Z',
    HTML: () => '<p>mock</p>',
    PreciseDateTime: () => '2026-01-02T03:04:05.000Z',
    URI: () => 'https://example.com/',
    X509Certificate: () => 'mock',
  },
  resolvers: (store) => ({
    Query: {
      repository: (_, { owner, name }) => {
        const made = store.get('Repository', `${owner}/${name}`);
        store.set('Repository', `${owner}/${name}`, { name, nameWithOwner: `${owner}/${name}` });
        return made;
      },
      viewer: () => {
        throw new Error('Who are you?');
      },
    },
    Mutation: {
      createIssue: (_, { input }) => ({ issue: { title: input.title, number: 7 } }),
    },
    Repository: {
      description: () => {
        throw new Error('The description is lost.');
      },
    },
  }),
});

const seen = [];
const yoga = createYoga({
  schema,
  maskedErrors: false,
  logging: false,
  plugins: [
    {
      onParams({ params }) {
        seen.push(params);
      },
    },
  ],
});
const server = createServer((request, response) => {
  if (request.url === '/seen') {
    response.end(JSON.stringify(seen));
  } else if (request.headers.authorization !== `Bearer ${token}`) {
    response.writeHead(401).end();
  } else {
    yoga(request, response);
  }
});
server.listen(Number(port), '127.0.0.1', () => {
  console.log(`Serving on http://127.0.0.1:${server.address().port}`);
});
